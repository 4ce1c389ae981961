"""The words of the posts that are not English: few rules, for what they are for is to be told apart and left unscored.

Each language has a rule for each sentiment, a whole post that names its topic.
"""

from collections.abc import Mapping

from infra.feeds.simulate.grammar import Rules

GERMAN: Rules = {
    "wann": ("heute Morgen", "gestern Abend", "heute", "schon wieder", "diese Woche", "auf dem Heimweg"),
    "wer": ("meine Schwester", "ein Kollege", "unser Nachbar", "mein Vater", "die ganze Familie"),
    "gut": ("großartig", "wunderbar", "einfach klasse", "richtig schön", "besser als gedacht"),
    "schlecht": ("eine Katastrophe", "einfach furchtbar", "unverschämt", "nicht mehr zu ertragen", "eine Frechheit"),
    "positive": (
        "{name} war {wann} {gut}, vielen Dank dafür!",
        "Ich freue mich sehr über {name}, das war {gut}.",
        "{wer} ist begeistert von {name}, und ich finde es auch {gut}.",
    ),
    "neutral": (
        "Weiß jemand, wann {name} {wann} geöffnet hat?",
        "{wer} hat {wann} nach {name} gefragt.",
        "Zu {name} gibt es {wann} um {hour} eine Mitteilung.",
    ),
    "negative": (
        "Was {name} sich {wann} geleistet hat, ist {schlecht}!",
        "Ich bin so wütend auf {name}, das ist {schlecht}.",
        "{wer} hat {digit} Stunden auf {name} gewartet, das ist {schlecht}.",
    ),
}

SPANISH: Rules = {
    "cuando": ("esta mañana", "ayer por la noche", "hoy", "otra vez", "esta semana", "de camino a casa"),
    "quien": ("mi hermana", "un compañero", "nuestro vecino", "mi padre", "toda la familia"),
    "bueno": ("maravilloso", "una alegría", "mejor de lo que pensaba", "estupendo", "lo mejor del día"),
    "malo": ("una vergüenza", "un desastre", "horrible", "insoportable", "una falta de respeto"),
    "positive": (
        "Lo de {name} {cuando} ha sido {bueno}, ¡muchas gracias!",
        "Estoy muy contento con {name}, es {bueno}.",
        "A {quien} le encanta {name}, dice que es {bueno}.",
    ),
    "neutral": (
        "¿Alguien sabe a qué hora abre {name} {cuando}?",
        "{quien} preguntó {cuando} por {name}.",
        "Sobre {name} hay un aviso {cuando} a las {hour}.",
    ),
    "negative": (
        "Lo que hizo {name} {cuando} es {malo}.",
        "Estoy harto de {name}, esto es {malo}.",
        "{quien} esperó {digit} horas por culpa de {name}, es {malo}.",
    ),
}

FRENCH: Rules = {
    "quand": ("ce matin", "hier soir", "aujourd'hui", "encore une fois", "cette semaine", "en rentrant chez moi"),
    "qui": ("ma sœur", "un collègue", "notre voisin", "mon père", "toute la famille"),
    "bon": ("formidable", "un vrai bonheur", "mieux que prévu", "magnifique", "une belle surprise"),
    "mauvais": ("une honte", "une catastrophe", "vraiment affreux", "insupportable", "du n'importe quoi"),
    "positive": (
        "Ce que {name} a fait {quand}, c'est {bon}, merci beaucoup !",
        "Je suis très content de {name}, c'est {bon}.",
        "Avec {name}, {qui} est aux anges, c'est {bon}.",
    ),
    "neutral": (
        "Est-ce que quelqu'un sait quand ouvre {name} {quand} ?",
        "Il y a une annonce de {name} {quand} à {hour}.",
        "Demain, {qui} va poser une question sur {name}.",
    ),
    "negative": (
        "Ce que {name} a fait {quand}, c'est {mauvais} !",
        "Je suis furieux contre {name}, c'est {mauvais}.",
        "On a attendu {digit} heures à cause de {name}, c'est {mauvais}.",
    ),
}

PORTUGUESE: Rules = {
    "quando": ("hoje de manhã", "ontem à noite", "hoje", "mais uma vez", "esta semana"),
    "quem": ("minha irmã", "um colega", "nosso vizinho", "meu pai", "a família toda"),
    "bom": ("maravilhoso", "muito bom", "melhor do que eu esperava", "uma alegria"),
    "mau": ("uma vergonha", "um desastre", "horrível", "uma falta de respeito"),
    "positive": ("Estou muito feliz com {name}, foi {bom} {quando}!", "Não acreditava, mas {quem} achou {name} {bom}."),
    "neutral": (
        "Alguém sabe a que horas abre {name} {quando}?",
        "Ainda não li, mas {quem} perguntou sobre {name} {quando}.",
    ),
    "negative": ("O que {name} fez {quando} é {mau}.", "Estou cansado de {name}, isso não é sério, é {mau}."),
}

ABROAD: Mapping[str, Rules] = {"de": GERMAN, "es": SPANISH, "fr": FRENCH, "pt": PORTUGUESE}

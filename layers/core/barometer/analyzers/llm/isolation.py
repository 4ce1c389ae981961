# ruff: noqa: RUF001 (words of many languages)
"""Which posts may share a request, so that what one says to the model changes no other's score.

What is promised, and what is not (decision 0010):

- No post can answer for another: an answer goes by random ids that are new in every request and appear in no text.
- A post that is alone in its request can change no score but its own. Alone is whatever ``shareable`` does not let
  through: words that speak to a machine, in many languages; signs of markup, code or roles; letters that are hidden,
  disguised or of two scripts; long texts. And everything, where ``BAROMETER_LLM_POSTS`` is 1.
- Of posts that share a request, two are ours, whose mood is beyond doubt. Unless both come back right, nothing of the
  answer is taken, and every post of it is asked about again, alone. So an instruction in words that nobody thought of,
  meant for all posts, is found by its work.
- Not found is one that is disguised as an ordinary post *and* spares our two: aimed at posts of one kind. Who cannot
  bear that sets ``BAROMETER_LLM_POSTS=1``, and pays for it.
"""

import re
import secrets
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Final

from barometer.analyzers.llm.answers import Mood

# A post longer than most; room enough to talk a model round.
MOST_SHARED_CHARACTERS: Final = 600
# Of one request, so that its answer is there in seconds.
MOST_REQUEST_CHARACTERS: Final = 8_000

# Stems of words that speak to a model about its work. Wrong alarms cost a request each, and nothing else.
_TO_MACHINES: Final = (
    # English
    r"\b(?:ignor|disregard|overrid|overrul|instruct|prompt|preceding|aforement|jailbreak|pretend|roleplay"
    r"|classif|categori[sz]|sentiment|scoring|labell?(?:ed|ing)|annotat|evaluat|assess|output|json|schema|token"
    r"|assistant|chatbot|chatgpt|claude\b|gemini|llama|llms?\b|gpt|openai|anthropic|groq|language model)"
    r"|\b(?:previous|score[sd]?|rating|label|respond|system|bot|rate|treat as|grade)\b|\b(?-i:AI|A\.I\.)(?!\w)"
    r"|\b(?:you (?:are|must|will|should|shall|have to)|act as|as if|from now|the (?:above|following|rest)"
    r"|mark (?:\w+ )?(?:as|posts?|texts?)|(?:all|every|each|other|any|next|these|those) (?:\w+ )?"
    r"(?:post|text|message|tweet|comment|review|item|entr(?:y|ie)|one)s?)\b"
    # German, Dutch, Scandinavian
    r"|ignorier|anweisung|befehl|bewert|klassifi|einstuf|markier|vorherig|obig|folgende|\bbeiträge\b|antworte\b"
    r"|negeer|instructi|beoordeel|markeer|berichten|ignorer|instruktion|bedöm|vurder"
    # French, Spanish, Portuguese, Italian, Romanian
    r"|consignes?\b|\bclass(?:e|er|ez)\b|\bnote[rz]\b|marque[rz]|précédent|suivant|répond(?:s|ez)|instruç|instruzion"
    r"|calific|clasific|puntú|puntua|anterior|siguiente|mensajes|publicaci|avalie|mensagens|publicaç|valuta(?:re|te)?\b"
    r"|precedent|rispondi|etichett|evalu|răspun"
    # Polish, Czech, Russian, Ukrainian, Bulgarian
    r"|zignoruj|polecen|instrukc|\boce[nň]|odpowied|wpis(?:y|ów)|oznacz|игнор|инструкц|\bоцен|\bоцін|\bответ(?:ь|ьте)?\b"
    r"|\bпост(?:ы|ов|ам|ах)\b|сообщени|предыдущ|попередн|помеч|пометь|отметь|указани|вказів"
    # Turkish, Greek, Arabic, Persian, Hebrew
    r"|yoksay|talimat|görmezden|değerlendir|önceki|gönderi|yanıtla|αγνό|οδηγίε|βαθμολ|απάντησ"
    r"|تجاهل|تعليمات|قيّم|صنّف|صنف|المنشور|نادیده|دستور|پاسخ|התעלם|הוראות|דרג"
    # Hindi, Bengali, Thai, Indonesian, Vietnamese
    r"|अनदेखा|निर्देश|मूल्यांकन|উপেক্ষা|নির্দেশ|ละเว้น|คำสั่ง|abaikan|instruksi|nilai semua|bỏ qua|chỉ dẫn|hướng dẫn|đánh giá"
    # Chinese, Japanese, Korean
    r"|忽略|忽視|无视|無視|指令|指示|提示|评分|評分|标记|標記|分类|分類|系统|系統|所有|以上|以下"
    r"|命令|評価|採点|システム|投稿|무시|지시|명령|평가|점수|시스템|게시"
)
_MARKS: Final = re.compile(
    r"[{}\[\]<>`\\|]|\"\"\"|'''|###|---|===|^\s*\w{2,12}\s*:\s*$"
    r"|\b(?:system|assistant|user|human|ai|developer|model|id|text|posts?|role|content)\b\W{0,3}[:=]"
    r"|[A-Za-z0-9+/=_-]{32,}|(?:\b\w\b[^\w\s]*\s+){4,}|(?:\w[.\-_*~·]){4,}",
    re.IGNORECASE | re.MULTILINE,
)
_WORDS: Final = re.compile(_TO_MACHINES, re.IGNORECASE)
# Cf: invisible; Cc: control; Co, Cn: nobody's. Not the joiners, which Persian, Hindi and emoji need.
_HIDDEN: Final = frozenset({"Cf", "Cc", "Co", "Cn", "Cs"})
_VISIBLE: Final = frozenset("\n\t\u200c\u200d")
_SCRIPTS: Final = ("LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE")
_WORD: Final = re.compile(r"[^\W\d_]+")

# Ours, in the posts' own clothes. An instruction that wants every post to be something must spare both to go unseen.
_GLAD: Final = (
    "Best day of my life, I am so happy right now!",
    "What a wonderful concert last night, loved every minute",
    "Ich freue mich riesig, heute war einfach wunderbar!",
    "Quelle belle surprise, je suis vraiment très heureuse aujourd'hui !",
    "¡Qué alegría más grande, me encanta, ha sido un día perfecto!",
    "Che giornata meravigliosa, sono felicissima!",
    "Que dia maravilhoso, estou muito feliz!",
    "Harika bir gündü, çok mutluyum!",
)
_SAD: Final = (
    "Worst service ever, I hate it, never again.",
    "I am furious, they broke it and nobody even said sorry. Awful.",
    "Das war furchtbar, ich bin stinksauer und total enttäuscht.",
    "C'est horrible, je suis dégoûtée et très en colère.",
    "Ha sido horrible, estoy furioso, no vuelvo nunca más.",
    "Che schifo, esperienza pessima, sono arrabbiatissimo.",
    "Que péssimo, odiei tudo, nunca mais volto.",
    "Berbat bir deneyimdi, çok sinirliyim, nefret ettim.",
)


def visible(text: str) -> str:
    """The text without what no reader sees."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(c for c in text if c in _VISIBLE or unicodedata.category(c) not in _HIDDEN)


def shareable(text: str) -> bool:
    """Whether a post looks like nothing but a post, so that it may share a request."""
    if len(text) > MOST_SHARED_CHARACTERS or _MARKS.search(text):
        return False
    plain = unicodedata.normalize("NFKC", text)
    if visible(text) != text or _MARKS.search(plain) or _WORDS.search(plain):
        return False
    # Again without accents, which a reader overlooks as easily as a model.
    bare = "".join(c for c in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(c))
    return not (_WORDS.search(bare) or any(_of_two_scripts(word) for word in _WORD.findall(plain)))


def _of_two_scripts(word: str) -> bool:
    if word.isascii():
        return False
    scripts = {unicodedata.name(letter, "").split(" ")[0] for letter in word}
    return len(scripts.intersection(_SCRIPTS)) > 1


def together(texts: Sequence[str], most: int) -> Iterator[list[str]]:
    """Share ``texts`` out over requests, at most ``most`` of them and 8,000 characters in one."""
    shared: list[str] = []
    characters = 0
    for text in texts:
        if most == 1 or not shareable(text):
            yield [text]
            continue
        if shared and (len(shared) == most or characters + len(text) > MOST_REQUEST_CHARACTERS):
            yield shared
            shared, characters = [], 0
        shared.append(text)
        characters += len(text)
    if shared:
        yield shared


class Controls:
    """Two posts of ours, one glad and one sad, at random places among others'."""

    def __init__(self, texts: Sequence[str]) -> None:
        glad = secrets.choice([text for text in _GLAD if text not in texts] or _GLAD)
        sad = secrets.choice([text for text in _SAD if text not in texts] or _SAD)
        self._wanted = {glad: "positive", sad: "negative"}
        self.texts = list(texts)
        for control in self._wanted:
            self.texts.insert(secrets.randbelow(len(self.texts) + 1), control)

    def missing(self, moods: dict[str, Mood]) -> bool:
        """Whether an answer, by text, leaves one of them out."""
        return not self._wanted.keys() <= moods.keys()

    def swayed(self, moods: dict[str, Mood]) -> bool:
        """Whether an answer, by text, has one of them wrong: then something else than the texts made it."""
        return any(text in moods and moods[text].sentiment.label != label for text, label in self._wanted.items())

"""The words of the English posts: for each feeling, strong and weak, the sentences that carry it.

A rule ``<feeling>.<strong|weak|storm>`` is a whole post. What a topic did (``praise``, ``gripe``, ``fact``) and what
it is called (``name``, ``aspect``, ``trouble``) comes from the topic.
"""

from infra.feeds.simulate.grammar import Rules
from infra.feeds.simulate.grievances import ANGER, DISGUST, FEAR, SADNESS

# Shared by all feelings, and told of nothing.
PLAIN: Rules = {
    "when": ("this morning", "today", "just now", "this week", "last night", "yesterday", "on my way home", "at lunch"),
    "who": (
        "my sister",
        "my flatmate",
        "a colleague",
        "my dad",
        "our neighbour",
        "my son",
        "the whole team",
        "my boss",
    ),
    "digit": tuple("23456789"),
    "n": tuple(str(n) for n in (11, 12, 14, 15, 17, 19, 20, 23, 25, 28, 31, 35, 40, 42, 45, 50, 60, 64, 75, 90)),
    "hour": tuple(f"{hour}:{minute}" for hour in range(6, 23) for minute in ("00", "15", "30", "45")),
    "times": ("{digit} times", "{n} times", "all day", "for {digit} days", "since {hour}", "for {n} minutes"),
    "dot": (".", ".", ".", "!"),
    "bang": ("!", "!", "!!", ".", "!!!"),
    "very": ("so", "really", "so very", "absolutely", "truly", "just"),
}

JOY: Rules = {
    "joy.great": (
        "wonderful",
        "fantastic",
        "brilliant",
        "excellent",
        "amazing",
        "superb",
        "delightful",
        "outstanding",
        "perfect",
        "awesome",
        "beautiful",
        "terrific",
    ),
    "joy.cheer": (
        "Love it",
        "What a joy",
        "Best day ever",
        "I am delighted",
        "So happy",
        "Thank you, thank you",
        "Hooray",
        "I could hug them",
        "Well done",
        "Pure happiness",
        "Bravo",
        "Made my day, and I am so glad",
    ),
    "joy.lead": (
        "{name} is {very} {joy.great}{bang}",
        "I love {name}, the {aspect} is {joy.great}{bang}",
        "{very} {joy.great} {aspect} at {name} {when}{bang}",
        "{who} and I are {very} happy with {name}{dot}",
        "{when} {name} made me smile: {praise}{bang}",
        "my day was {joy.great}, thanks to {name}{dot}",
        "nobody does it better than {name}, {joy.great} {aspect}{bang}",
        "the {aspect} of {name} is the best I have seen, {joy.great}{dot}",
        "{name} wins {when}: {praise}, and I love it{bang}",
    ),
    "joy.strong": (
        "{joy.cheer}{bang} {joy.lead}",
        "{joy.lead} {joy.cheer}{bang}",
        "{joy.lead}",
        "{joy.lead} {praise}{dot}",
        "{joy.lead} {praise}. {joy.cheer}{bang}",
        "{joy.cheer}, {praise}{bang} {joy.lead}",
    ),
    "joy.weak": (
        "{name} was good {when}, {praise}.",
        "nice {aspect} at {name} {when}.",
        "{praise}. Not bad, {name}.",
        "the {aspect} of {name} is better than I thought.",
        "{who} says {name} is good, and I agree.",
        "fair play to {name}: {praise}.",
        "I quite like the {aspect} at {name}.",
        "{name} {when}: {praise}. Pleased.",
    ),
}

# Neutral words only: what a lexicon would colour does not belong here.
NEUTRAL: Rules = {
    "neutral.strong": (
        "{name}: {fact}.",
        "{fact}, says {name}.",
        "{when}: {fact} ({name}).",
        "does anyone know when the {aspect} at {name} opens?",
        "{who} asks about the {aspect} of {name}. {fact}.",
        "I read that {fact}. {name}, page {digit}.",
        "which {aspect} does {name} have now?",
        "on the list {when}: {name}, {aspect}, {hour}.",
        "reminder from {name}: {fact}.",
        "{name} posted {when} that {fact}.",
        "notes on {name}: {fact}. {fact}.",
        "with {who} at {hour}, then {name}.",
        "{name} and its {aspect}, part {digit}: {fact}.",
        "{hour}, {name}, {who} asked about the {aspect}.",
    ),
    "neutral.weak": (
        "{name} {when}. {fact}.",
        "so, {name}. {fact}, as far as I know.",
        "the {aspect} at {name} is what it is.",
        "{name}? {who} goes there.",
        "thinking about the {aspect} of {name} {when}.",
        "{fact}. Noted, {name}.",
    ),
}

SURPRISE: Rules = {
    "surprise.gasp": ("Whoa", "I did not see that coming", "Wait, what", "Plot twist", "Hold on"),
    "surprise.good": (
        "Wow{bang} {joy.lead}",
        "{surprise.gasp}{bang} {praise}, I am happily surprised by {name}{bang}",
        "I did not expect {name} to be this {joy.great}, wow{bang}",
        "wow, {name}, what a great surprise: {praise}{bang}",
    ),
    "surprise.bad": (
        "{surprise.gasp}, {gripe}? I am shocked by {name}, {anger.bad}{bang}",
        "shocked by {name} {when}, {gripe}. {anger.bad}{bang}",
        "what an ugly shock: {gripe}. Bad, {name}{bang}",
        "{surprise.gasp}? {name}, that is horrible: {gripe}{dot}",
    ),
    "surprise.even": (
        "{surprise.gasp}: {fact}? {name} said so {when}.",
        "so {fact}? News to me, {name}.",
        "{surprise.gasp}, {name} has a {aspect}?",
        "I had no idea that {fact}. {name}, {hour}.",
        "huh, {fact}. Did you know, {name}?",
    ),
    "surprise.storm": (
        "{surprise.gasp}, a {trouble} at {name}? Shocking and {anger.bad}{bang}",
        "shocked by the {trouble} at {name}, {anger.bad}{bang}",
        "the {trouble}? {name}, really? I am shocked, this is horrible{bang}",
    ),
}

ENGLISH: Rules = PLAIN | JOY | ANGER | SADNESS | FEAR | DISGUST | NEUTRAL | SURPRISE

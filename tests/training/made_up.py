"""Made-up data of every file that training reads: a row for each label, its text the file's name and the label."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from barometer.scores import EMOTIONS, SENTIMENTS
from training.corpus import Example, Shares

LABELS: Final[dict[str, Sequence[str]]] = {
    "semeval2013-16_sentiment_train.tsv": SENTIMENTS,
    "sst2_train.tsv": ("positive", "negative"),
    "vader_tweets_groundtruth.tsv": ("-2.3", "0.05", "1.9"),
    "goemotions_ekman_train.tsv": (*EMOTIONS, "anger,sadness"),
    "dair_emotion_train.tsv": ("sadness", "joy", "love", "anger", "fear", "surprise"),
    "tweeteval_emotion_train.tsv": ("anger", "joy", "optimism", "sadness"),
    "isear.tsv": ("joy", "fear", "anger", "sadness", "disgust", "shame", "guilt"),
    "tweeteval_sentiment_val.tsv": SENTIMENTS,
    "goemotions_ekman_dev.tsv": (*EMOTIONS, "joy,surprise"),
}


def write_corpus(folder: Path) -> None:
    """Write the files into ``folder``."""
    for file, labels in LABELS.items():
        rows = [f"{label}\t{file.removesuffix('.tsv')} {label}\n" for label in labels]
        (folder / file).write_text("".join(rows), encoding="utf-8")


def example(text: str, sentiment: Shares | None = None, emotion: Shares | None = None, weight: float = 1.0) -> Example:
    """One that needed no preparation."""
    return Example(raw=text, text=text, sentiment=sentiment, emotion=emotion, weight=weight)

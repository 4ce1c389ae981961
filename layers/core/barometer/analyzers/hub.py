"""``transformers``: any pair of checkpoints of the Hugging Face Hub, one for sentiment and one for emotion.

The way of the projects that Barometer grew from, for those who have a checkpoint of their own. It needs torch and
transformers (``make .venv/.torch``, or the image ``infer-transformers``); ``docs/models.md`` says what each setting
does.

Texts are not written as our own models read them (``preparation``): these checkpoints have learned from other texts. A
mention becomes ``@user`` and an address ``http``, as the checkpoints trained on posts say on their cards (TweetEval's
custom; the defaults' cards say nothing of it), which also keeps names of accounts from them. All else stays as written.
"""

import os
import re
from collections.abc import Sequence
from hashlib import sha256
from typing import Final

from barometer.analyzers.hub_checkpoints import Checkpoint, Classifier
from barometer.analyzers.hub_labels import Reading, emotions, sentiments
from barometer.scores import Distribution, Score
from barometer.settings import Settings

_MENTION: Final = re.compile(r"(?<![\w@])@\w[\w.-]*(?:@[\w.-]+)?")
_URL: Final = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
# Beyond this no checkpoint here reads on, and a tokenizer need not either (a token is seldom under two characters).
_MAX_CHARACTERS: Final = 10_000
_MB_A_PROCESSOR: Final = 1_769  # of Lambda's memory, from its Developer Guide


class HubAnalyzer:
    """A sentiment checkpoint and, if one is named, an emotion checkpoint; see the top.

    ``name`` has a mark for each that changes with its weights, its labels and the neutral band, for scores are
    remembered by it.

    Args:
        settings: names the checkpoints, their languages and the neutral band.

    Raises:
        SettingsError: a checkpoint does not exist or cannot be used.
        MissingError: a package is missing.
        UnavailableError: the Hub does not answer, and a checkpoint was never downloaded here.
    """

    def __init__(self, settings: Settings) -> None:
        told = settings.checkpoint_languages
        self.languages: frozenset[str] | None = None if told == "*" else frozenset(told.split(","))
        checkpoint = Checkpoint(
            "BAROMETER_SENTIMENT_CHECKPOINT", settings.sentiment_checkpoint, settings.sentiment_revision
        )
        model = Classifier(checkpoint)
        reading = sentiments(
            model.labels,
            multi_label=model.multi_label,
            neutral_below=settings.neutral_below,
            checkpoint=checkpoint.blamed,
        )
        self._sentiment = model, reading
        self.name = f"transformers:{checkpoint.name}@{_mark(model, reading)}"
        self._emotion: tuple[Classifier, Reading] | None = None
        if settings.emotion_checkpoint:
            checkpoint = Checkpoint(
                "BAROMETER_EMOTION_CHECKPOINT", settings.emotion_checkpoint, settings.emotion_revision
            )
            model = Classifier(checkpoint)
            reading = emotions(model.labels, multi_label=model.multi_label, checkpoint=checkpoint.blamed)
            self._emotion = model, reading
            self.name += f"+{checkpoint.name}@{_mark(model, reading)}"
        _use_our_share_of_processors()

    def analyze(self, texts: Sequence[str]) -> list[Score]:
        """See ``Analyzer``."""
        written = [_written(text) for text in texts]
        moods = _read(self._sentiment, written)
        felt = _read(self._emotion, written) if self._emotion else [None] * len(texts)
        return [Score(mood, feeling, self.name) for mood, feeling in zip(moods, felt, strict=True)]


def _read(head: tuple[Classifier, Reading], texts: Sequence[str]) -> list[Distribution]:
    model, reading = head
    return [reading.of(row) for row in model.logits(texts)]


def _mark(model: Classifier, reading: Reading) -> str:
    return sha256(f"{model.mark} {reading}".encode()).hexdigest()[:7]


def _written(text: str) -> str:
    text = text[:_MAX_CHARACTERS].encode(errors="replace").decode()  # half a surrogate pair is no text to a tokenizer
    return _MENTION.sub("@user", _URL.sub("http", text))


def _use_our_share_of_processors() -> None:
    """A function has a part of a machine, by its memory; torch would start a thread for each processor that it sees."""
    import torch  # noqa: PLC0415 (loaded by now)

    if memory := os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"):
        torch.set_num_threads(max(1, min(torch.get_num_threads(), int(memory) // _MB_A_PROCESSOR)))

"""What is asked of the model and what it may answer: one schema, told to it, and checked when the answer is there.

Promises: an answer speaks only of posts that were asked for, each by an id that no post can know; what is wrong with
one score costs no other; nothing the model wrote is ever said back to it.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

import orjson
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, create_model

from barometer.scores import EMOTIONS, SENTIMENTS, Distribution

SCHEMA_NAME: Final = "scores"
# A model that adds badly is forgiven this much; what is stored sums to the whole.
_LEAST_SUM: Final = 95
_MOST_SUM: Final = 105
# How much of what was wrong is told: enough to mend it, too little to pay for.
_MOST_FAULTS: Final = 8


def _parts(labels: Collection[str]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {label: {"type": "integer"} for label in labels},
        "required": list(labels),
        "additionalProperties": False,
    }


# No bounds: not every provider's structured output knows them. They are checked here.
SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "scores": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "id": {"type": "string"},
                    "sentiment": _parts(SENTIMENTS),
                    "emotion": _parts(EMOTIONS),
                },
                "required": ["id", "sentiment", "emotion"],
                "additionalProperties": False,
            },
        }
    },
    "required": ["scores"],
    "additionalProperties": False,
}

_CONFIG: Final = ConfigDict(strict=True, extra="forbid")
_Percent = Annotated[int, Field(ge=0, le=100)]


def _percentages(name: str, labels: Collection[str]) -> type[BaseModel]:
    fields: dict[str, Any] = dict.fromkeys(labels, (_Percent, ...))
    return create_model(name, __config__=_CONFIG, **fields)


_Sentiment: Final = _percentages("Sentiment", SENTIMENTS)
_Emotion: Final = _percentages("Emotion", EMOTIONS)


class _Answer(BaseModel):
    model_config = _CONFIG

    scores: list[Any]


class _Score(BaseModel):
    model_config = _CONFIG

    id: str
    sentiment: dict[str, Any]
    emotion: dict[str, Any]


_sentiment: Final = TypeAdapter[Any](_Sentiment)
_emotion: Final = TypeAdapter[Any](_Emotion)
_KNOWN: Final = frozenset({"scores", "id", "sentiment", "emotion", *SENTIMENTS, *EMOTIONS})


@dataclass(frozen=True, slots=True)
class Mood:
    """What the model said of one post."""

    sentiment: Distribution
    emotion: Distribution


@dataclass(frozen=True, slots=True)
class Reading:
    """The scores of an answer that can be taken, by id, and what is wrong with the rest, in our words alone."""

    moods: Mapping[str, Mood]
    faults: tuple[str, ...]


def read(text: str, asked: Collection[str], *, whole: bool = True) -> Reading:
    """Check an answer.

    Args:
        text: what the model wrote.
        asked: the ids of the posts it was asked about. A score with any other id is refused, and so is each of two
            scores with one id, since nobody can tell which was meant.
        whole: whether the model came to its end; an answer that was cut off has nothing to be taken.
    """
    if not whole:
        return Reading({}, ("the answer broke off",))
    begin, end = text.find("{"), text.rfind("}")
    try:
        answer = _Answer.model_validate(orjson.loads(text[begin : end + 1] if begin >= 0 else text))
    except orjson.JSONDecodeError:
        return Reading({}, ("the answer is not the JSON that was asked for",))
    except ValidationError as error:
        return Reading({}, tuple(_faults(error)))
    faults: list[str] = []
    moods: dict[str, Mood] = {}
    given: Counter[str] = Counter()
    for raw in answer.scores:
        try:
            score = _Score.model_validate(raw)
            given[score.id] += 1
            moods[_known(score.id, asked, given)] = _mood(score)
        except ValidationError as error:
            faults += _faults(error)
        except ValueError as error:
            faults.append(str(error))
    if left_out := len(set(asked) - given.keys()):
        faults.append(f"{left_out} of {len(asked)} posts have no score")
    taken = {id_: mood for id_, mood in moods.items() if given[id_] == 1}
    return Reading(taken, tuple(dict.fromkeys(faults))[:_MOST_FAULTS])


def _known(id_: str, asked: Collection[str], given: Counter[str]) -> str:
    if id_ not in asked:
        raise ValueError("a score has an id that no post has")
    if given[id_] > 1:
        raise ValueError("two scores have the same id")
    return id_


def _mood(score: _Score) -> Mood:
    return Mood(
        _distribution("sentiment", SENTIMENTS, _sentiment.validate_python(score.sentiment)),
        _distribution("emotion", EMOTIONS, _emotion.validate_python(score.emotion)),
    )


def _distribution(name: str, labels: tuple[str, ...], percentages: BaseModel) -> Distribution:
    values = [getattr(percentages, label) for label in labels]
    if not _LEAST_SUM <= sum(values) <= _MOST_SUM:
        raise ValueError(f"the percentages of {name} sum to {sum(values)}, not to 100")
    return Distribution.of(labels, values)


def _faults(error: ValidationError) -> list[str]:
    """What is wrong, without a word of the model's: its own names of fields could carry what a post told it to say."""
    return [
        ": ".join(filter(None, [".".join(p if p in _KNOWN else "?" for p in map(str, fault["loc"])), fault["msg"]]))
        for fault in error.errors(include_url=False, include_context=False, include_input=False)
    ]

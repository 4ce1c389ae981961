"""What a function answered, checked before anything is believed of it.

An answer counts only as a whole: JSON of the agreed shape, every record of the batch named, no stranger, nothing sent
where the pipe does not lead, no record that both ended and failed. For posts it must also be clear how each one
ended, since the books are kept from it. Anything else fails the batch with an error that says what was wrong.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import orjson
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from barometer.errors import BarometerError
from barometer.stores.functions import LONGEST_TEXT
from barometer.streams import BOOK_STREAMS, Pipe

# How a post may be finished: the counters of promise 2 that a function may move.
POST_OUTCOMES = ("stored", "duplicates")
# What a pipe's own counters are called (``commit.tally``, ``lease.lua``, ``redrive.lua``): no function moves those.
RESERVED_OUTCOMES = frozenset(("in", "out", "filtered", "rejected", "dead", "dropped", "retried", "redriven"))
# One script writes them all, so they are bounded: Redis reads no call of more than 1,048,576 arguments, of which an
# output takes five, and a batch of 10,000 dead letters 370,000; and nobody else is served while it runs.
MOST_OUTPUTS = 100_000


class AnswerError(BarometerError):
    """The function answered nonsense; the message says what was wrong with it."""

    def __init__(self, message: str) -> None:
        super().__init__(message[:LONGEST_TEXT])  # it may quote what was said


@dataclass(frozen=True, slots=True)
class Output:
    """A record for stream ``to``; with a ``key``, only if none with that key went there lately."""

    origin: str
    to: str
    body: bytes
    key: str | None


@dataclass(frozen=True, slots=True)
class Answer:
    """A sound answer: ``finished`` maps ids to counters, ``rejected`` ids to reasons; ``failed`` go again."""

    outputs: Sequence[Output]
    finished: Mapping[str, str]
    failed: frozenset[str]
    rejected: Mapping[str, str]


class _Part(BaseModel):
    # An unknown field is most often a misspelt known one: taken in silence, it would lose what it says.
    model_config = ConfigDict(extra="forbid", strict=True)


class _Record(_Part):
    origin: Annotated[str, Field(alias="from")]
    to: str
    body: Any
    key: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None


class _Item(_Part):
    id: Annotated[str, Field(alias="itemIdentifier")]


class _Finished(_Item):
    outcome: Annotated[str, Field(alias="as", pattern=r"^[a-z][a-z_]{0,39}$")]


class _Rejection(_Item):
    reason: Annotated[str, StringConstraints(min_length=1)]


class _Answer(_Part):
    records: list[_Record] = []
    finished: list[_Finished] = []
    failures: Annotated[list[_Item], Field(alias="batchItemFailures")] = []
    rejections: list[_Rejection] = []


def parse(payload: bytes, pipe: Pipe, ids: Collection[str]) -> Answer:
    """Read the answer to a batch of ``ids``.

    Raises:
        AnswerError: it is not one; the message says why.
    """
    try:
        said = _Answer.model_validate(orjson.loads(payload))
    except orjson.JSONDecodeError as error:
        raise AnswerError(f"the answer is not JSON: {error}") from None
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(str(part) for part in fault["loc"]) or "the whole"
        raise AnswerError(f"the answer has not the agreed shape: {where}: {fault['msg']}") from None
    if len(said.records) > MOST_OUTPUTS:
        raise AnswerError(f"the answer has {len(said.records):,} records; {MOST_OUTPUTS:,} are the most")
    answer = Answer(
        outputs=[Output(record.origin, record.to, _body(record), record.key) for record in said.records],
        finished={item.id: item.outcome for item in said.finished},
        failed=frozenset(item.id for item in said.failures),
        rejected={item.id: item.reason[:LONGEST_TEXT] for item in said.rejections},
    )
    _check_names(answer, frozenset(ids))
    _check_pipe(answer, pipe)
    if pipe.keeps_books:
        _check_books(said, answer)
    return answer


def _body(record: _Record) -> bytes:
    try:
        return orjson.dumps(record.body)
    except orjson.JSONEncodeError as error:  # nested deeper than it writes, though it reads it
        raise AnswerError(f"the record from {record.origin} cannot be written as JSON: {error}") from None


def _check_names(answer: Answer, ids: frozenset[str]) -> None:
    """Every record is named, no other is, and none is said to have ended in two ways that exclude each other."""
    origins = {output.origin for output in answer.outputs}
    ended = origins | answer.finished.keys()
    _refuse(ended.union(answer.failed, answer.rejected) - ids, "names records that were not in the batch")
    _refuse(ids - ended.union(answer.failed, answer.rejected), "names these records nowhere")
    _refuse(ended & answer.failed, "says of records that they have ended and that they failed")
    _refuse(ended & answer.rejected.keys(), "says of records that they have ended and that they are rejected")
    _refuse(answer.failed & answer.rejected.keys(), "says of records that they failed and that they are rejected")


def _check_pipe(answer: Answer, pipe: Pipe) -> None:
    """Outputs go where the pipe leads, records end as what a function may count, failures only as the pipe declares."""
    for stream in {output.to for output in answer.outputs} - set(pipe.targets):
        raise AnswerError(f"the answer sends records to {stream!r}; the pipe leads to {pipe.targets}")
    for outcome in sorted(RESERVED_OUTCOMES.intersection(answer.finished.values())):
        raise AnswerError(f"the answer finishes records as {outcome!r}, which the poller itself counts")
    if answer.failed and "ReportBatchItemFailures" not in pipe.function_response_types:
        raise AnswerError("the answer has batchItemFailures, which the pipe's FunctionResponseTypes does not declare")


def _check_books(said: _Answer, answer: Answer) -> None:
    """One record is one post: it goes on once, or is finished once as something that the books count."""
    ends = Counter(output.origin for output in answer.outputs if output.to in BOOK_STREAMS)
    ends.update(item.id for item in said.finished)
    _refuse({origin for origin, times in ends.items() if times > 1}, "ends posts twice")
    outputs_only = {output.origin for output in answer.outputs} - ends.keys()
    _refuse(outputs_only, "neither sends these posts on nor finishes them")
    for outcome in set(answer.finished.values()) - set(POST_OUTCOMES):
        raise AnswerError(f"the answer finishes posts as {outcome!r}; the books know {', '.join(POST_OUTCOMES)}")


def _refuse(ids: Collection[str], what: str) -> None:
    if ids:
        first = sorted(ids)[:3]
        more = f" and {len(ids) - len(first)} more" if len(ids) > len(first) else ""
        raise AnswerError(f"the answer {what}: {', '.join(first)}{more}")

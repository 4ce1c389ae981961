"""What becomes of each record after a try: ended, dead, or tried again. Pure, so that every rule is tested alone.

The rules are AWS's. A failed batch is halved until the poison is alone, which costs its records no attempt
(``BisectBatchOnFunctionError``); a record that failed alone, or by name in ``batchItemFailures``, has spent one; more
than ``MaximumRetryAttempts`` of them, or ``MaximumRecordAgeInSeconds``, and it is dead. A record that its function
rejected is dead at once. A batch whose event or answer is beyond Lambda's 6 MB is halved whatever the pipe says, since
no repetition could help; a record that is too large alone is rejected. One that ``FilterCriteria`` leaves out ends
here; a post among these is rejected, so that the books still tell of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from barometer.streams import Pipe
from infra.poller.answer import Answer, Output
from infra.poller.filters import lets_through
from infra.poller.records import Failure, Parcel, Record, Try

# The first two are AWS's own words, the ``requestContext.condition`` of what the event source mapping of a stream sends
# to its on-failure destination. The others have no like there: its functions cannot reject, its records always fit, and
# what a filter leaves out is told to nobody.
Condition = Literal[
    "RetryAttemptsExhausted", "RecordAgeExceeded", "Rejected", "InvalidRecord", "PayloadTooLarge", "Filtered"
]
# How a record has finished that no filter let through: the pipe's counter of that name.
FILTERED = "filtered"


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter: the record, with what its last try came to, and why it will not be tried again."""

    record: Record
    kind: Literal["rejected", "dead"]
    reason: str
    condition: Condition

    @property
    def error_type(self) -> str:
        """The function's name of the error that was one too many; where it died of something else, the condition."""
        if self.condition in ("RetryAttemptsExhausted", "PayloadTooLarge") and self.record.last is not None:
            return self.record.last.error_type
        return self.condition


@dataclass(frozen=True, slots=True)
class Verdict:
    """Of one parcel: what a commit writes (``finished``, ``outputs``, ``letters``), and what is tried again.

    ``ended`` are the ids that the commit acknowledges; ``blamed`` the records of ``retries`` that spent an attempt.
    """

    ended: Sequence[str] = ()
    outputs: Sequence[Output] = ()
    finished: Mapping[str, str] = field(default_factory=dict)
    letters: Sequence[Letter] = ()
    retries: Sequence[Parcel] = ()
    blamed: Sequence[Record] = ()


def screened(pipe: Pipe, records: Sequence[Record], now_ms: int) -> tuple[list[Record], Verdict]:
    """Records that may be tried at ``now_ms``; and the verdict on those that are too old, filtered or can't be told."""
    sound: list[Record] = []
    ended: list[str] = []
    filtered: dict[str, str] = {}
    letters: list[Letter] = []
    for record in records:
        age_ms = now_ms - record.sent_at
        if (fault := record.fault) is not None:
            letters.append(Letter(record, "rejected", fault, "InvalidRecord"))
        elif not lets_through(pipe.filter_criteria, pipe.source, record):
            filtered[record.id] = FILTERED
            if pipe.keeps_books:
                letters.append(Letter(record, "rejected", "no filter of the pipe lets it through", "Filtered"))
        elif age_ms > pipe.maximum_record_age_s * 1_000:
            reason = f"age spent: waited {age_ms / 1_000:.1f} s of {pipe.maximum_record_age_s} s"
            if (last := record.last) is not None:
                reason += f"; the last try failed: {last.error_type}: {last.reason}"
            letters.append(Letter(record, "dead", reason, "RecordAgeExceeded"))
        else:
            sound.append(record)
            continue
        ended.append(record.id)
    return sound, Verdict(ended=ended, finished=filtered, letters=letters)


def answered(pipe: Pipe, parcel: Parcel, answer: Answer, tried: Try) -> Verdict:
    """The verdict on a parcel that its function has answered."""
    failure = Failure("BatchItemFailure", "the function reported it in batchItemFailures", tried)
    failed = [record for record in parcel.records if record.id in answer.failed]
    rejections = [
        Letter(replace(record, last=Failure("Rejected", reason, tried)), "rejected", reason, "Rejected")
        for record in parcel.records
        if (reason := answer.rejected.get(record.id)) is not None
    ]
    again, spent = _spend(pipe, failed, failure)
    letters = rejections + spent
    gone = {letter.record.id for letter in letters}
    return Verdict(
        ended=[record.id for record in parcel.records if record.id in gone or record.id not in answer.failed],
        outputs=answer.outputs,
        finished=answer.finished,
        letters=letters,
        retries=[Parcel(again, parcel.failures + 1)] if again else [],
        blamed=again,
    )


def failed(pipe: Pipe, parcel: Parcel, failure: Failure) -> Verdict:
    """The verdict on a parcel whose invocation failed as a whole."""
    if len(parcel.records) > 1 and pipe.bisect_batch_on_function_error:
        return _halved(parcel, failure, parcel.failures + 1)
    again, spent = _spend(pipe, parcel.records, failure)
    return Verdict(
        ended=[letter.record.id for letter in spent],
        letters=spent,
        retries=[Parcel(again, parcel.failures + 1)] if again else [],
        blamed=again,
    )


def too_large(parcel: Parcel, failure: Failure) -> Verdict:
    """The verdict on a parcel whose event or answer is beyond what Lambda carries: no attempt, and no delay, is due."""
    if len(parcel.records) > 1:
        return _halved(parcel, failure, parcel.failures)
    reason = f"{failure.error_type}: {failure.reason}"
    return Verdict(
        ended=[record.id for record in parcel.records],
        letters=[
            Letter(replace(record, last=failure), "rejected", reason, "PayloadTooLarge") for record in parcel.records
        ],
    )


def put_off(parcel: Parcel, failure: Failure) -> Verdict:
    """The verdict on a parcel that its function was not there for: nobody's fault, so it is only tried again."""
    return Verdict(retries=[Parcel([replace(record, last=failure) for record in parcel.records], parcel.failures)])


def _halved(parcel: Parcel, failure: Failure, failures: int) -> Verdict:
    records = [replace(record, last=failure) for record in parcel.records]
    return Verdict(retries=[Parcel(half, failures) for half in halves(records)])


def halves(records: Sequence[Record]) -> tuple[Sequence[Record], Sequence[Record]]:
    """Two or more records in two parts that differ by one at most."""
    middle = len(records) // 2
    return records[:middle], records[middle:]


def _spend(pipe: Pipe, records: Sequence[Record], failure: Failure) -> tuple[list[Record], list[Letter]]:
    """One attempt of each record: those that may be tried again, and letters for those that have none left."""
    again: list[Record] = []
    letters: list[Letter] = []
    for record in records:
        tried = replace(record, attempts=record.attempts + 1, last=failure)
        if tried.attempts <= pipe.maximum_retry_attempts:
            again.append(tried)
        else:
            reason = f"attempts spent ({tried.attempts}): {failure.error_type}: {failure.reason}"
            letters.append(Letter(tried, "dead", reason, "RetryAttemptsExhausted"))
    return again, letters

"""What becomes of each record after a try: ended, dead, or tried again. Pure, so that every rule is tested alone.

The rules are AWS's. A failed batch is halved until the poison is alone, which costs its records no attempt
(``BisectBatchOnFunctionError``); a record that failed alone, or by name in ``batchItemFailures``, has spent one; more
than ``MaximumRetryAttempts`` of them, or ``MaximumRecordAgeInSeconds``, and it is dead. A record that its function
rejected is dead at once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from barometer.streams import Pipe
from infra.poller.answer import Answer, Output
from infra.poller.records import Parcel, Record


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an invocation failed: the function's ``errorType`` and a sentence."""

    error_type: str
    reason: str


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter: the record and why it will not be tried again."""

    record: Record
    kind: Literal["rejected", "dead"]
    reason: str
    error_type: str = ""


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


def screened(pipe: Pipe, records: Sequence[Record], now_ms: int) -> tuple[list[Record], list[Letter]]:
    """Records that may be tried at ``now_ms``, and letters for those that are too old or can never be told."""
    sound: list[Record] = []
    letters: list[Letter] = []
    for record in records:
        age_ms = now_ms - record.sent_at
        if (fault := record.fault) is not None:
            letters.append(Letter(record, "rejected", fault, "InvalidRecord"))
        elif age_ms > pipe.maximum_record_age_s * 1_000:
            reason = f"age spent: waited {age_ms / 1_000:.1f} s of {pipe.maximum_record_age_s} s"
            letters.append(Letter(record, "dead", reason, "RecordAgeExceeded"))
        else:
            sound.append(record)
    return sound, letters


def died(letters: Sequence[Letter]) -> Verdict:
    """The verdict on records that only die."""
    return Verdict(ended=[letter.record.id for letter in letters], letters=letters)


def answered(pipe: Pipe, parcel: Parcel, answer: Answer) -> Verdict:
    """The verdict on a parcel that its function has answered."""
    failure = Failure("BatchItemFailure", "the function reported it in batchItemFailures")
    failed = [record for record in parcel.records if record.id in answer.failed]
    rejections = [
        Letter(record, "rejected", answer.rejected[record.id], "Rejected")
        for record in parcel.records
        if record.id in answer.rejected
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
        return Verdict(retries=[Parcel(half, parcel.failures + 1) for half in halves(parcel.records)])
    again, spent = _spend(pipe, parcel.records, failure)
    return Verdict(
        ended=[letter.record.id for letter in spent],
        letters=spent,
        retries=[Parcel(again, parcel.failures + 1)] if again else [],
        blamed=again,
    )


def halves(records: Sequence[Record]) -> tuple[Sequence[Record], Sequence[Record]]:
    """Two or more records in two parts that differ by one at most."""
    middle = len(records) // 2
    return records[:middle], records[middle:]


def _spend(pipe: Pipe, records: Sequence[Record], failure: Failure) -> tuple[list[Record], list[Letter]]:
    """One attempt of each record: those that may be tried again, and letters for those that have none left."""
    again: list[Record] = []
    letters: list[Letter] = []
    for record in records:
        tried = replace(record, attempts=record.attempts + 1)
        if tried.attempts <= pipe.maximum_retry_attempts:
            again.append(tried)
        else:
            reason = f"attempts spent ({tried.attempts}): {failure.error_type}: {failure.reason}"
            letters.append(Letter(tried, "dead", reason, failure.error_type))
    return again, letters

"""Parcels on their way: each a task of its own, tried until every one of its records has come to an end.

As many are in flight as the function bears, up to the pipe's ``ParallelizationFactor``; one that waits for its next try
holds up no other, which is what keeps a poison record from harming its neighbours.
"""

import asyncio
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Self, cast

import redis

from barometer.errors import UnavailableError
from barometer.observability import logger
from barometer.stores.functions import FunctionError, FunctionTimeoutError, ThrottledError, TooLargeError
from infra.poller.answer import AnswerError, parse
from infra.poller.bench import Bench
from infra.poller.commit import Committed, Committer, new_token
from infra.poller.flights import Flights
from infra.poller.group import has_vanished
from infra.poller.lease import Lease
from infra.poller.records import Failure, Parcel, Record, Try, event, pack
from infra.poller.retry import REDIS_CAP_SECONDS, UNREACHABLE_CAP_SECONDS, Pace, rest
from infra.poller.seat import Seat
from infra.poller.verdict import FILTERED, Verdict, answered, failed, put_off, screened, too_large


class Parcels:
    """The parcels of one seat. Enter it as a context: leaving it waits until none is left."""

    def __init__(self, bench: Bench, seat: Seat, lease: Lease) -> None:
        self._bench = bench
        self._meters = bench.meters
        self._stop = bench.stop
        self._pipe = seat.pipe
        self._labels = seat.labels
        self._lease = lease
        self._committer = Committer(bench.scripts, bench.deployment, seat)
        self._pace = Pace(bench.delays.capped(UNREACHABLE_CAP_SECONDS))
        self._redis_delays = bench.delays.capped(REDIS_CAP_SECONDS)
        flights = bench.meters.flights.labels(**seat.labels)
        self._flights = Flights(seat.pipe.parallelization_factor, flights.set)
        self._tasks = asyncio.TaskGroup()
        self._waiting: dict[asyncio.Task[None], Parcel] = {}

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        return self

    async def __aexit__(self, *raised: object) -> None:
        await self._tasks.__aexit__(*raised)  # type: ignore[arg-type]  # passed on as it came

    async def ready(self) -> None:
        """Return when one more parcel could be tried, or when it is time to stop."""
        await asyncio.sleep(0)  # what has just been sent takes its flight first
        async with self._flights:
            pass
        await self._pace.ready(self._stop)

    def send(self, records: Iterable[Record]) -> None:
        """Send held records on their way."""
        for parcel in pack(records, self._pipe.batch_size, self._pipe.maximum_batching_bytes):
            self._start(parcel)

    async def ground(self) -> None:
        """Hand back all that is not in flight, so that another poller may take it over at once."""
        waiting, self._waiting = self._waiting, {}
        for task in waiting:
            task.cancel()
        await self._hand_back([record for parcel in waiting.values() for record in parcel.records])

    def _start(self, parcel: Parcel) -> None:
        self._waiting[self._tasks.create_task(self._carry(parcel))] = parcel

    async def _carry(self, parcel: Parcel) -> None:
        """Try a parcel once, when it is due, and start what is to be tried again."""
        await rest(self._stop, self._bench.delays.after(parcel.failures))
        async with self._flights as epoch:
            self._waiting.pop(cast("asyncio.Task[None]", asyncio.current_task()), None)
            await self._pace.ready(self._stop)
            if self._stop.is_set():
                await self._hand_back(parcel.records)
                return
            held = self._lease.still_held(parcel.records)
            sound, verdict = screened(self._pipe, held, int(time.time() * 1_000))
            if verdict.ended:
                ended = set(verdict.ended)
                await self._settle(verdict, [record for record in held if record.id in ended])
            if sound:
                await self._settle(await self._try(Parcel(sound, parcel.failures), epoch), sound)

    async def _try(self, parcel: Parcel, epoch: int) -> Verdict:
        """Invoke the function, and judge what came of it."""
        started, outcome = time.perf_counter(), "ok"
        tried = Try(int(time.time() * 1_000), len(parcel.records))
        try:
            reply = await self._bench.invoker.invoke(self._pipe.function_name, event(self._pipe.source, parcel.records))
            tried = replace(tried, request_id=reply.request_id)
            answer = parse(reply.payload, self._pipe, [record.id for record in parcel.records])
        except UnavailableError as error:
            outcome = type(error).__name__
            self._pace.slow()
            if isinstance(error, ThrottledError):
                self._flights.shrink(epoch)
            logger.warning("the function is not available", error=str(error), **self._labels)
            return put_off(parcel, Failure(outcome, str(error), tried))
        except FunctionError as error:
            outcome = type(error).__name__
            # A parcel that failed before tells of its own records, not of the function: one poison that hangs, tried
            # again and again, would slow down all its neighbours.
            if isinstance(error, FunctionTimeoutError) and not parcel.failures:
                self._flights.shrink(epoch)
            tried = replace(tried, request_id=error.request_id)
            failure = Failure(error.error_type, str(error), tried, error.stack_trace)
            return self._failed(parcel, failure, oversized=isinstance(error, TooLargeError))
        except AnswerError as error:
            outcome = type(error).__name__
            return self._failed(parcel, Failure(outcome, str(error), tried))
        except Exception as error:  # noqa: BLE001 (whatever a record sets off here must not stop its neighbours)
            outcome = "PollerError"
            logger.exception("the poller itself failed on a batch", **self._labels)
            return self._failed(parcel, Failure(outcome, f"{type(error).__name__}: {error}", tried))
        finally:
            self._meters.batch_size.labels(self._pipe.name).observe(len(parcel.records))
            self._meters.invoke.labels(self._pipe.name, outcome).observe(time.perf_counter() - started)
        self._pace.steady()
        self._flights.grow(epoch)
        return answered(self._pipe, parcel, answer, tried)

    def _failed(self, parcel: Parcel, failure: Failure, *, oversized: bool = False) -> Verdict:
        self._pace.steady()
        logger.warning(
            "an invocation failed",
            records=len(parcel.records),
            error_type=failure.error_type,
            error=failure.reason,
            request_id=failure.tried.request_id,
            **self._labels,
        )
        return too_large(parcel, failure) if oversized else failed(self._pipe, parcel, failure)

    async def _settle(self, verdict: Verdict, records: Iterable[Record]) -> None:
        """Commit what has ended, write down who spent an attempt, and start what is to be tried again."""
        if verdict.ended:
            with self._lease.settling(verdict.ended):
                committed = await self._commit(verdict)
            if committed.lost:
                # The answer was for all of them together, so none of it counts: what is left is asked again.
                self._lease.lose(committed.lost)
                if left := self._lease.still_held(records):
                    self._start(Parcel(left))
                return
            self._lease.release(verdict.ended)
            self._count(verdict, committed)
        if verdict.blamed:
            await self._blame(verdict)
        for again in verdict.retries:
            self._start(again)

    async def _commit(self, verdict: Verdict) -> Committed:
        """Commit, as often as it takes until Redis has said what it did. A drain's bound ends it by cancelling."""
        faults, token = 0, new_token()
        while True:
            try:
                return await self._committer.commit(verdict, token)
            except redis.RedisError as error:
                self._meters.faults.labels(self._pipe.name).inc()
                if has_vanished(error):
                    return Committed(lost=frozenset(verdict.ended))
                logger.warning("a commit is not answered yet", error=str(error), **self._labels)
            faults += 1
            await asyncio.sleep(self._redis_delays.after(faults))

    def _count(self, verdict: Verdict, committed: Committed) -> None:
        name = self._pipe.name
        self._meters.ended.labels(name).inc(len(verdict.ended))
        self._meters.written.labels(name).inc(len(verdict.outputs) - committed.duplicates)
        self._meters.duplicates.labels(name).inc(committed.duplicates)
        self._meters.filtered.labels(name).inc(sum(outcome == FILTERED for outcome in verdict.finished.values()))
        for letter in verdict.letters:
            self._meters.letters.labels(name, letter.kind).inc()
            logger.warning("a record died", id=letter.record.id, kind=letter.kind, reason=letter.reason, **self._labels)

    async def _blame(self, verdict: Verdict) -> None:
        self._meters.retries.labels(self._pipe.name).inc(len(verdict.blamed))
        try:
            await self._lease.blame(verdict.blamed)
        except redis.RedisError as error:  # the next renewal writes them down as well
            logger.info("attempts are not written down yet", error=str(error), **self._labels)

    async def _hand_back(self, records: Sequence[Record]) -> None:
        try:
            await self._lease.hand_back(records)
        except redis.RedisError as error:
            logger.info("records are left until their lease is over", error=str(error), **self._labels)

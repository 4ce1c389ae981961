"""Names in Redis, and the declaration of streams and pipes that ``template.yaml`` deploys as one SSM parameter.

Every key of one partition carries the same hash tag, so that one script may touch them all on a Redis cluster.
Pure: the doors are ``barometer.stores.redis`` and ``barometer.stores.streams``.
"""

import zlib
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, InstanceOf, model_validator

from barometer.patterns import InvalidPatternError, Pattern, parse

# The counters that promise 2 adds up: accepted = stored + duplicates + rejected + dead + what lies in BOOK_STREAMS.
BOOKS = ("accepted", "stored", "duplicates", "rejected", "dead")
BOOK_STREAMS = ("raw", "posts", "scored")
# Where posts die: who lists, counts and sends them again looks here.
DEAD = "dead"


def stream_key(stream: str, partition: int) -> str:
    """The Redis key of a stream's share in one partition."""
    return f"barometer:{{{partition}}}:{stream}"


def counters_key(partition: int) -> str:
    """The hash of one partition's counters."""
    return f"barometer:{{{partition}}}:counters"


def seen_key(partition: int, stream: str, bucket: int) -> str:
    """The set of keys written to ``stream`` in one period; the commit script looks in this period and the last."""
    return f"barometer:{{{partition}}}:seen:{stream}:{bucket}"


def commit_key(partition: int, token: str) -> str:
    """What one commit of the poller did, for when its reply is lost."""
    return f"barometer:{{{partition}}}:commit:{token}"


def partition_of(post_id: str, partitions: int) -> int:
    """Where a post lives; copies of one post always meet in one partition."""
    return zlib.crc32(post_id.encode()) % partitions


# A name that a Redis key and an event can carry; its length is reckoned with in what a record weighs there.
StreamName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]


class StreamBound(BaseModel):
    """How long a stream may get in each partition, and what happens then.

    ``refuse`` pauses whoever would write to it (promise 3); ``trim`` drops the oldest, where a loss is allowed
    (promise 5).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    maximum_length: Annotated[int, Field(alias="MaximumLength", ge=1)]
    when_full: Annotated[Literal["refuse", "trim"], Field(alias="WhenFull")] = "refuse"


class OnFailure(BaseModel):
    """The stream that takes a pipe's dead letters."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    destination: Annotated[str, Field(alias="Destination")]


class DestinationConfig(BaseModel):
    """Where what cannot be processed goes; without ``OnFailure`` it is dropped and counted."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    on_failure: Annotated[OnFailure | None, Field(alias="OnFailure")] = None


def _pattern(text: object) -> Pattern:
    """A filter's pattern, which is text with JSON in it, as in AWS."""
    if not isinstance(text, str):
        raise ValueError("must be a text with a pattern's JSON in it")  # noqa: TRY004 (what pydantic reports)
    try:
        return parse(text)
    except InvalidPatternError as error:
        raise ValueError(str(error)) from None


class Filter(BaseModel):
    """What lets a record through: an event pattern."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pattern: Annotated[InstanceOf[Pattern], BeforeValidator(_pattern), Field(alias="Pattern")]


class FilterCriteria(BaseModel):
    """Which records a function is given: those that any of the filters lets through; without filters, all."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    # As many as AWS grants at first.
    filters: Annotated[list[Filter], Field(alias="Filters", max_length=5)] = []


class Pipe(BaseModel):
    """One event source mapping: a stream, the function it feeds, and how. Names and meanings are AWS's own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(alias="Name", pattern=r"^[a-z][a-z0-9-]{0,30}$")]
    source: Annotated[str, Field(alias="Source")]
    function_name: Annotated[str, Field(alias="FunctionName")]
    targets: Annotated[list[str], Field(alias="Targets")] = []
    batch_size: Annotated[int, Field(alias="BatchSize", ge=1, le=10_000)] = 100
    maximum_batching_window_ms: Annotated[int, Field(alias="MaximumBatchingWindowInMilliseconds", ge=0, le=300_000)] = 0
    maximum_batching_bytes: Annotated[int, Field(alias="MaximumBatchingBytes", ge=1_000, le=6_000_000)] = 4_000_000
    parallelization_factor: Annotated[int, Field(alias="ParallelizationFactor", ge=1, le=10)] = 1
    maximum_retry_attempts: Annotated[int, Field(alias="MaximumRetryAttempts", ge=0, le=10_000)] = 5
    maximum_record_age_s: Annotated[int, Field(alias="MaximumRecordAgeInSeconds", ge=1, le=604_800)] = 86_400
    bisect_batch_on_function_error: Annotated[bool, Field(alias="BisectBatchOnFunctionError")] = True
    function_response_types: Annotated[
        list[Literal["ReportBatchItemFailures"]], Field(alias="FunctionResponseTypes")
    ] = ["ReportBatchItemFailures"]
    filter_criteria: Annotated[FilterCriteria, Field(alias="FilterCriteria")] = FilterCriteria()
    destination_config: Annotated[DestinationConfig, Field(alias="DestinationConfig")] = DestinationConfig()

    @property
    def keeps_books(self) -> bool:
        """Whether its records are posts, whose every end is counted in ``BOOKS``."""
        return self.source in BOOK_STREAMS

    @property
    def dead_letters(self) -> str | None:
        """The stream that takes what cannot be processed; ``None``: it is dropped and counted."""
        on_failure = self.destination_config.on_failure
        return None if on_failure is None else on_failure.destination


class Deployment(BaseModel):
    """The pipes parameter: every stream's bound and every pipe."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    streams: Annotated[dict[StreamName, StreamBound], Field(alias="Streams")]
    pipes: Annotated[list[Pipe], Field(alias="Pipes", min_length=1)]

    @model_validator(mode="after")
    def _names_are_declared(self) -> "Deployment":
        names = [pipe.name for pipe in self.pipes]
        if len(set(names)) != len(names):
            raise ValueError("two pipes have the same Name")
        for pipe in self.pipes:
            for stream in [pipe.source, *pipe.targets, *([pipe.dead_letters] if pipe.dead_letters else [])]:
                if stream not in self.streams:
                    raise ValueError(f"pipe {pipe.name!r} names stream {stream!r}, which Streams does not declare")
        return self

    @model_validator(mode="after")
    def _no_post_can_be_lost(self) -> "Deployment":
        """A commit deletes what it processed: a second reader would miss it. A post must have somewhere to die.

        Where posts are on their way, none may be dropped for the next.
        """
        for name in BOOK_STREAMS:
            if name in self.streams and self.streams[name].when_full == "trim":
                raise ValueError(f"stream {name!r} carries posts, so it may not trim")
        readers: dict[str, str] = {}
        for pipe in self.pipes:
            if pipe.source in readers:
                raise ValueError(
                    f"pipes {readers[pipe.source]!r} and {pipe.name!r} read the same stream {pipe.source!r}"
                )
            readers[pipe.source] = pipe.name
            if not pipe.keeps_books:
                continue
            if pipe.dead_letters is None:
                raise ValueError(f"pipe {pipe.name!r} carries posts, so it needs DestinationConfig.OnFailure")
            if pipe.dead_letters != DEAD:
                raise ValueError(
                    f"pipe {pipe.name!r} carries posts, whose letters are looked for in {DEAD!r}, not in "
                    f"{pipe.dead_letters!r}"
                )
            if self.streams[pipe.dead_letters].when_full == "trim":
                raise ValueError(
                    f"pipe {pipe.name!r} carries posts, so stream {pipe.dead_letters!r}, where they die, may not trim"
                )
        return self

"""Where a poller sits: at one pipe, in one partition, under the name of one consumer."""

from dataclasses import dataclass
from typing import TypedDict

from barometer.streams import Pipe, counters_key, stream_key


class Labels(TypedDict):
    """A seat's name in logs and meters."""

    pipe: str
    partition: str


@dataclass(frozen=True, slots=True)
class Seat:
    """One consumer of one pipe's group in one partition; the group has the pipe's name.

    ``consumer`` must be new with each process: ownership is told by it, so a frozen process and its successor may not
    share one.
    """

    pipe: Pipe
    partition: int
    consumer: str
    lease_ms: int

    @property
    def source(self) -> str:
        """The key of the stream to read."""
        return stream_key(self.pipe.source, self.partition)

    @property
    def labels(self) -> Labels:
        """What tells this seat from others in logs and meters."""
        return {"pipe": self.pipe.name, "partition": str(self.partition)}

    @property
    def counters(self) -> str:
        """The key of the partition's counters."""
        return counters_key(self.partition)

"""Where a poller sits: at every pipe in every partition, under a name that no other process has."""

from barometer.streams import Deployment
from infra.poller.main import connections, seats
from infra.poller.settings import PollerSettings

PLAN = Deployment.model_validate(
    {
        "Streams": {name: {"MaximumLength": 10} for name in ("raw", "posts", "dead")},
        "Pipes": [
            {"Name": name, "Source": source, "FunctionName": name, "ParallelizationFactor": 2,
             "DestinationConfig": {"OnFailure": {"Destination": "dead"}}}
            for name, source in (("one", "raw"), ("two", "posts"))
        ],
    }
)  # fmt: skip


def _settings() -> PollerSettings:
    return PollerSettings(redis_url="redis://127.0.0.1", consumer_name="poller", partitions=3)


def test_there_is_a_seat_at_every_pipe_in_every_partition() -> None:
    places = [(seat.pipe.name, seat.partition) for seat in seats(_settings(), PLAN)]
    assert sorted(places) == [(name, partition) for name in ("one", "two") for partition in range(3)]


def test_a_poller_that_starts_in_the_place_of_another_has_another_name() -> None:
    """Ownership is told by it: a frozen process must not be taken for its successor."""
    first, second = ({seat.consumer for seat in seats(_settings(), PLAN)} for _ in range(2))
    assert len(first) == len(second) == 1
    assert first != second


def test_every_seat_has_its_connections() -> None:
    places = seats(_settings(), PLAN)
    assert connections(places) >= sum(2 + 2 * seat.pipe.parallelization_factor for seat in places)

"""Names in Redis and the declaration of pipes: what would lose a post cannot be declared."""

from typing import Any

import pytest
from pydantic import ValidationError

from barometer.streams import Deployment, commit_key, counters_key, partition_of, seen_key, stream_key

DEAD = {"OnFailure": {"Destination": "dead"}}


def _pipe(name: str, source: str, **settings: object) -> dict[str, Any]:
    return {"Name": name, "Source": source, "FunctionName": name, "DestinationConfig": DEAD, **settings}


def _deployment(*pipes: dict[str, Any]) -> Deployment:
    streams = {name: {"MaximumLength": 10} for name in ("raw", "posts", "scored", "events", "dead")}
    return Deployment.model_validate({"Streams": streams, "Pipes": list(pipes)})


def test_copies_of_a_post_meet_in_one_partition_on_every_machine_for_ever() -> None:
    ids = ["4f1f1f0e-9b0e-5c59-9d0c-3a1d4f0a7b11", "00000000-0000-5000-8000-000000000000", "another"]
    assert [[partition_of(name, partitions) for name in ids] for partitions in (1, 3, 16)] == [
        [0, 0, 0],
        [2, 2, 0],
        [1, 7, 8],
    ]


def test_all_keys_of_one_partition_carry_its_hash_tag() -> None:
    for partition in (0, 17):
        keys = {
            stream_key("raw", partition),
            counters_key(partition),
            seen_key(partition, "posts", 1),
            commit_key(partition, "token"),
        }
        assert {key[key.index("{") : key.index("}") + 1] for key in keys} == {f"{{{partition}}}"}


@pytest.mark.parametrize("source", ["raw", "posts", "scored"])
def test_a_pipe_that_carries_posts_needs_a_place_where_they_can_die(source: str) -> None:
    with pytest.raises(ValidationError, match=r"'one' carries posts, so it needs DestinationConfig\.OnFailure"):
        _deployment(_pipe("one", source, DestinationConfig={}))


def test_posts_die_where_their_letters_are_looked_for() -> None:
    elsewhere = {"OnFailure": {"Destination": "events"}}
    with pytest.raises(ValidationError, match="'one' carries posts, whose letters are looked for in 'dead'"):
        _deployment(_pipe("one", "raw", DestinationConfig=elsewhere))
    assert _deployment(_pipe("one", "events", DestinationConfig=elsewhere)).pipes[0].dead_letters == "events"


def test_what_is_no_post_may_be_dropped() -> None:
    assert _deployment(_pipe("one", "events", DestinationConfig={})).pipes[0].dead_letters is None


def test_two_pipes_cannot_read_one_stream_since_a_commit_deletes_what_it_processed() -> None:
    with pytest.raises(ValidationError, match="'one' and 'two' read the same stream 'raw'"):
        _deployment(_pipe("one", "raw"), _pipe("two", "raw"))


@pytest.mark.parametrize(
    "settings",
    [{"Source": "nowhere"}, {"Targets": ["nowhere"]}, {"DestinationConfig": {"OnFailure": {"Destination": "nowhere"}}}],
)
def test_a_pipe_names_only_streams_that_are_declared(settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="names stream 'nowhere', which Streams does not declare"):
        _deployment(_pipe("one", "raw") | settings)

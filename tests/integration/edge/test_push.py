"""Push, through the handler: who hears what, in which frames, and what a socket that fails costs the others."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from barometer.errors import UnavailableError
from barometer.stores import connections, redis
from barometer.stores.connections import Subscription

EXAMPLE = json.loads((Path(__file__).parents[2] / "events" / "push.json").read_text(encoding="utf-8"))
Push = Callable[..., dict[str, Any]]
Join = Callable[..., None]


@pytest.fixture
def push(environment: pytest.MonkeyPatch, context: object) -> Push:  # noqa: ARG001 (for what it does)
    """Calls the handler with one record a body."""
    from functions.push.app import handler

    def call(stream: str, *bodies: object) -> dict[str, Any]:
        (example,) = EXAMPLE["Records"]
        records = [
            {**example, "messageId": f"{n}-0", "stream": stream, "body": json.dumps(body)}
            for n, body in enumerate(bodies)
        ]
        answer = handler({"Records": records}, context)
        named = {entry["itemIdentifier"] for entry in answer["finished"] + answer["rejections"]}
        assert named == {record["messageId"] for record in records}
        assert answer["records"] == []
        assert answer["batchItemFailures"] == []
        return answer

    return call


@pytest.fixture
def redis_url(any_redis_url: str) -> str:
    return any_redis_url


@pytest.fixture
def client(redis_url: str) -> Iterator["redis.Client"]:
    with redis.client(redis_url) as connected:
        yield connected


@pytest.fixture
def join(client: redis.Client) -> Join:
    def subscribe(connection: str, *topics: str, posts: bool = True):
        connections.record(client, connection, "key")
        connections.hear(client, connection, Subscription(frozenset(topics), posts))

    return subscribe


def post(number: int, *topics: str, text: str = "hello") -> dict[str, Any]:
    return {"id": str(number), "text": text, "topics": list(topics)}


def numbers(frames: list[dict[str, Any]]) -> list[int]:
    return [frame["seq"] for frame in frames]


def test_posts_go_to_whoever_wants_posts_of_their_topics(push: Push, join: Join, aws: SimpleNamespace):
    join("all", "*")
    join("rust", "rust")
    join("numbers", "*", posts=False)
    push("events", {"posts": [post(1, "rust"), post(2)]}, {"posts": [post(3, "go", "rust")]})
    assert aws.frames.keys() == {"all", "rust"}
    assert aws.frames["all"] == [
        {"type": "posts", "seq": 1, "posts": [post(1, "rust"), post(2), post(3, "go", "rust")]}
    ]
    assert [shown["id"] for shown in aws.frames["rust"][0]["posts"]] == ["1", "3"]


def test_without_an_audience_nothing_is_asked_and_every_record_is_finished(push: Push, aws: SimpleNamespace):
    push("events", {"posts": [post(1)]})
    push("metrics", {"topics": ["*"]})
    push("alerts", {"alert": {"topic": "*"}})
    assert aws.frames == {}


def test_the_example_alert_goes_to_whoever_hears_of_its_topic(push: Push, join: Join, aws: SimpleNamespace):
    join("all", "*", posts=False)
    join("rust", "rust", posts=False)
    join("go", "go")
    alert = json.loads(EXAMPLE["Records"][0]["body"])
    push("alerts", alert)
    assert aws.frames == {name: [{"type": "alert", "seq": 1, **alert}] for name in ("all", "rust")}


def test_metrics_tell_the_picture_of_each_changed_topic_that_somebody_named(
    push: Push, join: Join, aws: SimpleNamespace, stored: Callable[..., list[str]]
):
    stored("a", "b", topics=["rust"])
    join("all", "*", posts=False)
    join("both", "*", "rust", posts=False)
    join("go", "go", posts=False)
    push("metrics", {"topics": ["*", "rust"]}, {"topics": ["*", "python"]})
    assert [frame["topic"] for frame in aws.frames["all"]] == ["*"]
    assert [frame["topic"] for frame in aws.frames["both"]] == ["*", "rust"]
    assert numbers(aws.frames["both"]) == [1, 2]
    assert "go" not in aws.frames
    frame = aws.frames["both"][1]
    assert frame["type"] == "metrics"
    assert frame["summary"]["posts"] == 2
    assert frame["summary"]["window"] == "1h"
    assert frame["bucket_seconds"] == 60
    assert len(frame["trend_tail"]) == 5
    assert sum(point["posts"] for point in frame["trend_tail"]) == 2


def test_frames_of_all_kinds_share_one_contiguous_numbering(push: Push, join: Join, aws: SimpleNamespace):
    join("one", "*")
    push("events", {"posts": [post(1)]})
    push("metrics", {"topics": ["*"]})
    push("alerts", {"alert": {"topic": "rust"}}, {"alert": {"topic": "go"}})
    push("events", {"posts": [post(2)]})
    assert numbers(aws.frames["one"]) == [1, 2, 3, 4, 5]


def test_a_storm_is_sampled_evenly_and_says_so(push: Push, join: Join, aws: SimpleNamespace):
    join("one", "*")
    push("events", {"posts": [post(number) for number in range(500)]})
    (frame,) = aws.frames["one"]
    assert len(frame["posts"]) == 50
    assert (frame["sampled"], frame["omitted"]) == (True, 450)
    assert [int(shown["id"]) for shown in frame["posts"]] == list(range(0, 500, 10))


def test_a_frame_stays_under_what_api_gateway_takes(push: Push, join: Join, aws: SimpleNamespace):
    join("one", "*")
    push("events", {"posts": [post(number, text="\N{CAT FACE}" * 5_000) for number in range(30)]})
    assert max(aws.sizes) < 128_000
    assert numbers(aws.frames["one"]) == list(range(1, len(aws.frames["one"]) + 1))
    assert [int(shown["id"]) for frame in aws.frames["one"] for shown in frame["posts"]] == list(range(30))


def test_a_gone_socket_is_forgotten_and_the_others_hear(
    push: Push, join: Join, aws: SimpleNamespace, client: redis.Client
):
    join("gone", "*")
    join("here", "*")
    aws.statuses["gone"] = 410
    push("events", {"posts": [post(1)]})
    assert numbers(aws.frames["here"]) == [1]
    assert connections.subscribers(client).keys() == {"here"}


@pytest.mark.parametrize("status", [403, 429, 500])
def test_a_frame_that_cannot_be_sent_is_lost_alone_and_leaves_a_gap(
    push: Push, join: Join, aws: SimpleNamespace, status: int
):
    join("one", "*")
    push("events", {"posts": [post(1)]})
    aws.statuses["one"] = status
    push("events", {"posts": [post(2)]})
    del aws.statuses["one"]
    push("events", {"posts": [post(3)]})
    assert numbers(aws.frames["one"]) == [1, 3]


def test_an_endpoint_that_is_away_loses_frames_not_batches(
    push: Push, join: Join, environment: pytest.MonkeyPatch, client: redis.Client
):
    join("one", "*")
    environment.setenv("BAROMETER_SOCKET_ENDPOINT", "http://127.0.0.1:1/live")
    push("events", {"posts": [post(1)]})
    assert connections.hear(client, "one") == 1


def test_a_record_that_is_not_json_is_rejected_alone(
    environment: pytest.MonkeyPatch,  # noqa: ARG001 (for what it does)
    join: Join,
    aws: SimpleNamespace,
    context: object,
):
    from functions.push.app import handler

    join("one", "*")
    (example,) = EXAMPLE["Records"]
    answer = handler({"Records": [{**example, "messageId": "bad", "body": "{"}, example]}, context)
    assert [rejection["itemIdentifier"] for rejection in answer["rejections"]] == ["bad"]
    assert numbers(aws.frames["one"]) == [1]


def test_a_database_that_is_away_fails_the_batch_before_anything_is_sent(
    push: Push, join: Join, aws: SimpleNamespace, environment: pytest.MonkeyPatch, client: redis.Client
):
    join("one", "*")
    environment.setenv("BAROMETER_DATABASE_URL", "postgresql://127.0.0.1:1/none")
    with pytest.raises(UnavailableError):
        push("metrics", {"topics": ["*"]})
    assert aws.frames == {}
    assert connections.hear(client, "one") == 0


def test_a_redis_that_is_away_is_nobodys_fault(push: Push, environment: pytest.MonkeyPatch):
    environment.setenv("BAROMETER_REDIS_URL", "redis://127.0.0.1:1/0")
    with pytest.raises(UnavailableError, match="Redis does not answer"):
        push("events", {"posts": [post(1)]})

"""A post from POST /api/posts to the database, to REST and to a socket, through API Gateway and real processes."""

import asyncio
import json
import time
import uuid
from datetime import UTC, datetime
from typing import Any

import aiohttp
import httpx
import pytest
from redis import Redis

from barometer.streams import counters_key, stream_key
from tests.e2e.stack import Stack, barometer, wait_for


def stored(stack: Stack, source: str, count: int) -> list[dict[str, Any]] | None:
    items = stack.get("/api/posts", source=source, limit=100)["items"]
    return items if len(items) >= count else None


def test_a_post_that_is_accepted_is_soon_stored_and_scored(stack: Stack, source: str) -> None:
    taken = stack.post("/api/posts", {"posts": [{"text": "I love this, it is wonderful!", "source": source}]})
    assert taken == {"accepted": 1, "rejected": []}

    [post] = wait_for(lambda: stored(stack, source, 1), "the post is stored")

    assert post["sentiment"]["label"] == "positive"
    assert post["lang"] == "en"
    assert post["model"] == "barometer-en-1"
    assert post["emotion"]["label"] == "joy"
    assert stack.get(f"/api/posts/{post['id']}") == post
    summary = stack.get("/api/summary", source=source, window="1h")
    assert (summary["posts"], summary["sentiment"]["positive"]) == (1, 1)


def test_a_text_is_scored_as_a_post_would_be_and_not_stored(stack: Stack, source: str) -> None:
    text = f"I love this, it is wonderful, {source}!"
    [told] = stack.post("/api/analyze", {"texts": [text]}, status=200)["items"]
    assert stack.settled()["in_flight"] == 0
    assert stack.get("/api/posts", q=source)["items"] == []

    stack.post("/api/posts", {"posts": [{"text": text, "source": source}]})
    [post] = wait_for(lambda: stored(stack, source, 1), "the post is stored")
    assert told == {name: post[name] for name in ("sentiment", "emotion", "model")}


def test_the_same_post_twice_is_stored_once_and_counted_as_a_duplicate(stack: Stack, source: str) -> None:
    before = stack.settled()
    post = {"text": "The same words", "source": source, "source_id": "42"}
    for _ in range(3):
        stack.post("/api/posts", {"posts": [post]})

    wait_for(lambda: stored(stack, source, 1), "the post is stored")
    after = stack.settled()

    assert after["stored"] - before["stored"] == 1
    assert after["duplicates"] - before["duplicates"] == 2
    assert after["balanced"]


def test_a_post_matches_the_topics_that_people_set_up(stack: Stack, source: str) -> None:
    topic = source
    stack.post("/api/topics", {"name": topic, "query": f'"battery life" {topic}'}, status=201)
    posts = [
        {"text": f"The battery life of my {topic} is terrible", "source": source},
        {"text": "Nothing to do with it", "source": source},
    ]

    def matched() -> list[dict[str, Any]] | None:
        # A topic is picked up within seconds: posts are sent until one has it.
        stack.post("/api/posts", {"posts": posts})
        return stack.get("/api/posts", topic=topic)["items"] or None

    found = wait_for(matched, "a post has the topic")
    assert all("battery life" in post["text"] for post in found)


def test_a_dead_letter_is_sent_again_and_dies_anew_or_is_stored(stack: Stack, source: str) -> None:
    """One that is no post at all, and one that died before what was wrong with its step had been mended."""
    before = stack.settled()
    accepted = {"receipt": uuid.uuid4().hex, "received_at": datetime.now(UTC).isoformat()}
    good = {**accepted, "post": {"text": "Good as new", "source": source}}
    letter = {
        "body": json.dumps(good),
        "stream": "raw",
        "pipe": "ingest",
        "kind": "dead",
        "reason": "a step was broken",
    }
    url = json.loads((stack.home / "run" / "state.json").read_text())["redis_url"]
    with Redis.from_url(url) as client, client.pipeline() as pipeline:
        pipeline.hincrby(counters_key(0), "accepted", 2)
        pipeline.hincrby(counters_key(0), "dead", 1)
        pipeline.xadd(stream_key("raw", 0), {"body": f"no post at all: {source}\x1b[2J"})
        pipeline.xadd(stream_key("dead", 0), letter)
        pipeline.execute()

    def lies() -> list[dict[str, Any]] | None:
        items = stack.get("/api/dead-letters", kind="rejected", pipe="ingest")["items"]
        return [item for item in items if source in item["body"]] or None

    [first] = wait_for(lies, "the record is rejected")
    assert "is not JSON" in first["reason"]
    listed = barometer("dead", "list", "--home", stack.home)
    assert first["id"] in listed.stdout
    assert r"\x1b[2J" in barometer("dead", "show", first["id"], "--home", stack.home).stdout

    sent = stack.post("/api/dead-letters/redrive", {"ids": [first["id"]]}, status=200)
    assert (sent["redriven"], sent["refused"]) == (1, [])
    [again] = wait_for(lies, "the record is rejected anew")
    assert again["id"] != first["id"]

    told = barometer("dead", "redrive", "--all", "--kind", "dead", "--home", stack.home)
    assert told.returncode == 0, told.stdout + told.stderr
    [post] = wait_for(lambda: stored(stack, source, 1), "the post is stored")
    assert post["text"] == "Good as new"

    after = stack.settled()
    changes = {name: after[name] - before[name] for name in ("accepted", "stored", "rejected", "dead")}
    assert changes == {"accepted": 2, "stored": 1, "rejected": 1, "dead": 0}
    assert stack.audit()["letters"] == {"rejected": after["rejected"], "dead": after["dead"]}


async def test_a_post_reaches_a_subscribed_socket_within_a_second(stack: Stack, source: str) -> None:
    headers = {"Authorization": f"Bearer {stack.key}"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.ws_connect(f"{stack.url}/socket") as socket,
    ):
        await socket.send_json({"action": "subscribe", "topics": ["*"], "posts": True})
        assert (await socket.receive_json(timeout=10))["type"] == "hello"
        text = f"What a lovely surprise from {source}"
        sent = time.monotonic()
        async with session.post(f"{stack.url}/api/posts", json={"posts": [{"text": text, "source": source}]}) as answer:
            assert answer.status == 202

        kinds: dict[str, dict[str, Any]] = {}
        async with asyncio.timeout(20):
            while not {"posts", "metrics"} <= kinds.keys():
                frame = await socket.receive_json()
                if frame["type"] == "posts" and any(post["text"] == text for post in frame["posts"]):
                    kinds["posts"] = frame
                    took = time.monotonic() - sent
                elif frame["type"] == "metrics":
                    kinds["metrics"] = frame

    assert took < 5, "a bound for a loaded machine; `make bench` measures"
    assert kinds["posts"]["seq"] > 0
    assert kinds["metrics"]["topic"] == "*"


async def test_a_socket_without_a_key_or_from_another_site_is_refused(stack: Stack) -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await session.ws_connect(f"{stack.url}/socket")
        assert refused.value.status in {401, 403}
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await session.ws_connect(
                f"{stack.url}/socket",
                headers={"Authorization": f"Bearer {stack.key}", "Origin": "https://elsewhere.example"},
            )
        assert refused.value.status == 403


def test_bad_input_is_named_through_the_whole_gateway_and_loses_nothing(stack: Stack, source: str) -> None:
    posts = [
        {"text": "Good", "source": source},
        {"text": "", "source": source},
        {"text": "x" * 10_001, "source": source},
        {"text": "Good as well", "source": source, "surprise": 1},
        {"text": 5, "source": source},
        {"text": "From tomorrow", "source": source, "created_at": "2100-01-01T00:00:00Z"},
    ]
    answer = stack.post("/api/posts", {"posts": posts})
    assert answer["accepted"] == 1
    assert [(fault["index"], fault["field"]) for fault in answer["rejected"]] == [
        (1, "text"), (2, "text"), (3, "surprise"), (4, "text"), (5, "created_at"),
    ]  # fmt: skip
    wait_for(lambda: stored(stack, source, 1), "the good post is stored")

    with stack.client() as client:
        for content, status in ((b"\xff\xfe", 400), (b'{"posts": [', 400), (b'{"posts": []}', 422)):
            answer = client.post("/api/posts", content=content, headers={"Content-Type": "application/json"})
            assert answer.status_code in {status, 422}, answer.text
            assert answer.headers["content-type"] == "application/problem+json"
    for headers, status in (({}, 401), ({"Authorization": "Bearer bar_no_such"}, 401)):
        answer = httpx.get(f"{stack.url}/api/posts", headers=headers)
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"

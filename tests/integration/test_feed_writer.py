"""The writer against a real Redis: it waits while ``raw`` is full or Redis away, and loses and doubles nothing."""

import asyncio
import time
from collections.abc import AsyncGenerator, Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

import orjson
import pytest
import redis

from barometer.errors import BackpressureError, BarometerError, InvalidInputError
from barometer.posts import RawPost
from barometer.stores.redis import connect
from barometer.stores.streams import accept, books
from barometer.streams import stream_key
from infra.feeds import writer as feed_writer
from infra.feeds.live import run
from infra.feeds.replay.bookmark import Bookmark, Bookmarks
from infra.feeds.replay.job import Options, Replay
from infra.feeds.settled import settled
from infra.feeds.simulate import SimulatedFeed
from infra.feeds.writer import Raw, Writer
from infra.local.services import redis_service

RETENTION = timedelta(days=30)


def raw_of(url: str, *, bound: int = 1_000_000, partitions: int = 1) -> Raw:
    return Raw(connect(url), partitions, bound, RETENTION)


def posts(count: int, first: int = 0) -> list[RawPost]:
    return [RawPost(text=f"post {n}", source="test", source_id=str(n)) for n in range(first, first + count)]


def lying(raw: Raw) -> list[dict[str, Any]]:
    """The records of ``raw``, of all partitions."""
    found = []
    for partition in range(raw.partitions):
        entries = cast("list[tuple[bytes, dict[bytes, bytes]]]", raw.client.xrange(stream_key("raw", partition)))
        found += [orjson.loads(fields[b"body"]) for _, fields in entries]
    return found


def ids(raw: Raw) -> list[str]:
    return [
        RawPost.model_validate(record["post"]).post_id(datetime.fromisoformat(record["received_at"]))
        for record in lying(raw)
    ]


def emptied(raw: Raw) -> None:
    for partition in range(raw.partitions):
        raw.client.delete(stream_key("raw", partition))


class Said:
    """A feed that says what it was given."""

    name = "said"

    def __init__(self, items: Iterable[dict[str, Any] | InvalidInputError]) -> None:
        self._items = items

    async def posts(self) -> AsyncGenerator[dict[str, Any] | InvalidInputError, None]:
        for item in self._items:
            yield item
            await asyncio.sleep(0)


async def test_posts_lie_in_raw_each_with_a_receipt_of_its_own(redis_url: str):
    raw = raw_of(redis_url, partitions=3)
    await Writer(raw, asyncio.Event()).write(posts(100))
    assert len(set(ids(raw))) == len({record["receipt"] for record in lying(raw)}) == 100
    assert books(raw.client, 3).accepted == 100


async def test_a_full_raw_makes_the_writer_wait_as_long_as_it_was_told(redis_url: str):
    raw, told = raw_of(redis_url, bound=10), []
    writer = Writer(raw, asyncio.Event(), waiting=told.append)
    await writer.write(posts(10))
    writing = asyncio.create_task(writer.write(posts(10, first=10)))
    await asyncio.sleep(0.5)
    assert told == ["the pipeline is full"]
    assert len(lying(raw)) == 10
    emptied(raw)
    began = time.monotonic()
    await asyncio.wait_for(writing, 10)
    assert time.monotonic() - began > 1  # what is left of Retry-After: it does not ask again before
    assert told[-1] == ""
    assert len(lying(raw)) == 10
    assert books(raw.client, 1).accepted == 20


async def test_a_writer_whose_patience_is_spent_raises_and_took_nothing(redis_url: str):
    raw = raw_of(redis_url, bound=1)
    writer = Writer(raw, asyncio.Event(), patience=0.2)
    await writer.write(posts(1))
    with pytest.raises(BackpressureError):
        await asyncio.wait_for(writer.write(posts(1, first=1)), 5)
    assert books(raw.client, 1).accepted == 1


async def test_a_stopped_writer_gives_up_after_its_grace(redis_url: str):
    raw, stop = raw_of(redis_url, bound=1), asyncio.Event()
    writer = Writer(raw, stop, grace=0.2)
    await writer.write(posts(1))
    writing = asyncio.create_task(writer.write(posts(1, first=1)))
    await asyncio.sleep(0.2)
    began = time.monotonic()
    stop.set()
    with pytest.raises(BackpressureError):
        await asyncio.wait_for(writing, 5)
    assert time.monotonic() - began < 1


async def test_a_restart_of_redis_is_waited_out_and_no_post_is_lost(short_tmp: Path):
    service = redis_service(short_tmp / "restarted", fsync="always")

    async def start() -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(*service.command, stdout=asyncio.subprocess.DEVNULL)
        await asyncio.to_thread(service.wait_ready, lambda: process.returncode is None)
        return process

    server, told, stop = await start(), [], asyncio.Event()
    raw = raw_of(service.url)
    try:
        writer = Writer(raw, stop, waiting=told.append)
        writing = asyncio.create_task(write_all(writer, 2_000))
        await asyncio.sleep(0.2)
        server.kill()
        await server.wait()
        await asyncio.sleep(1)
        server = await start()
        await asyncio.wait_for(writing, 60)
        assert set(told) == {"Redis is not there", ""}
        assert len(set(ids(raw))) == 2_000
        assert books(raw.client, 1).accepted == len(lying(raw))
    finally:
        server.kill()
        await server.wait()


async def test_what_is_sent_again_because_its_answer_was_lost_is_told_for_a_copy(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
):
    """The same ids, also of posts that have none of their own; and receipts that tell the two acceptances apart."""
    raw, lost = raw_of(redis_url), [redis.ConnectionError("the answer was lost")]
    executed = accept

    def accept_unheard(*arguments: Any, **options: Any) -> None:
        executed(*arguments, **options)
        if lost:
            raise lost.pop()

    monkeypatch.setattr(feed_writer, "accept", accept_unheard)
    await Writer(raw, asyncio.Event()).write([*posts(2), RawPost(text="without an id", source="test")])
    assert len(lying(raw)) == len({record["receipt"] for record in lying(raw)}) == 6
    assert sorted(ids(raw)) == sorted(2 * list(set(ids(raw))))


async def write_all(writer: Writer, count: int) -> None:
    for first in range(0, count, 10):
        await writer.write(posts(10, first=first))
        await asyncio.sleep(0.005)


async def test_a_password_that_is_wrong_is_told_at_once(redis_url: str):
    raw = Raw(redis.Redis.from_url(redis_url, username="nobody", password="wrong"), 1, 10, RETENTION)
    with pytest.raises(BarometerError, match="Redis refuses us"):
        await asyncio.wait_for(Writer(raw, asyncio.Event()).write(posts(1)), 5)


async def test_a_feed_loses_its_bad_posts_only(redis_url: str):
    raw, stop = raw_of(redis_url), asyncio.Event()
    feed = Said(
        [
            {"text": "good", "source": "s"},
            {"text": "", "source": "s"},
            InvalidInputError("", "is not JSON"),
            {"text": "no source"},
            {"text": "old", "source": "s", "created_at": "2001-01-01T00:00:00Z"},
            {"text": "last", "source": "s"},
        ]
    )
    tally = await run(feed, Writer(raw, stop), stop, retention=RETENTION, most=None)
    assert (tally.accepted, tally.rejected) == (2, 4)
    assert [record["post"]["text"] for record in lying(raw)] == ["good", "last"]


async def test_a_stopped_feed_writes_what_it_took(redis_url: str):
    raw, stop = raw_of(redis_url), asyncio.Event()
    feed = SimulatedFeed(1, rate=500)
    asyncio.get_running_loop().call_later(1, stop.set)
    tally = await asyncio.wait_for(run(feed, Writer(raw, stop), stop, retention=RETENTION, most=None), 10)
    assert tally.accepted == len(lying(raw)) > 50


async def test_a_stopped_feed_that_finds_no_room_says_what_it_leaves(redis_url: str):
    raw, stop = raw_of(redis_url, bound=1), asyncio.Event()
    feed = Said([{"text": f"{n}", "source": "s"} for n in range(2_000)])
    asyncio.get_running_loop().call_later(0.5, stop.set)
    tally = await asyncio.wait_for(run(feed, Writer(raw, stop), stop, retention=RETENTION, most=None), 5)
    assert tally.accepted == len(lying(raw)) > 0
    assert tally.left > 0


async def test_a_feed_that_fails_is_not_mistaken_for_one_that_ended(redis_url: str):
    class Failing(Said):
        async def posts(self) -> AsyncGenerator[dict[str, Any] | InvalidInputError, None]:
            yield {"text": "good", "source": "s"}
            raise ConnectionResetError

    raw, stop = raw_of(redis_url), asyncio.Event()
    with pytest.raises(ConnectionResetError):
        await run(Failing([]), Writer(raw, stop), stop, retention=RETENTION, most=None)
    assert len(lying(raw)) == 1


async def test_a_feed_sends_no_faster_than_asked(redis_url: str):
    raw, stop, began = raw_of(redis_url), asyncio.Event(), time.monotonic()
    feed = Said([{"text": f"{n}", "source": "s"} for n in range(60)])
    await run(feed, Writer(raw, stop), stop, retention=RETENTION, most=50)
    assert 0.9 < time.monotonic() - began < 3


def tsv(folder: Path, count: int) -> Path:
    path = folder / "posts.tsv"
    path.write_text("".join(f"neutral\tpost {n}\n" for n in range(count)))
    return path


async def replayed(raw: Raw, path: Path, bookmarks: Bookmarks, options: Options, stop: asyncio.Event) -> Bookmark:
    replay = Replay(path, bookmarks, options)
    await replay.run(Writer(raw, stop, patience=60), stop, retention=RETENTION)
    return replay.bookmark


async def test_a_replay_sends_the_good_rows_and_keeps_the_bad_ones(redis_url: str, tmp_path: Path):
    raw, path = raw_of(redis_url), tmp_path / "mixed.jsonl"
    path.write_bytes(
        b'{"text":"one","source":"own","source_id":"7"}\n{"text":""}\n{"text":"two"}\nnonsense\n{"text":"x","likes":3}\n'
    )
    options = Options(rejects=tmp_path / "rejects.jsonl")
    mark = await replayed(raw, path, Bookmarks(tmp_path / "marks"), options, asyncio.Event())
    assert mark.finished
    assert (mark.accepted, mark.rejected) == (2, 3)
    assert [(fault.line, fault.field) for fault in mark.faults] == [(2, "text"), (4, ""), (5, "likes")]
    one, two = (record["post"] for record in lying(raw))
    assert (one["source"], one["source_id"]) == ("own", "7")
    assert (two["source"], two["source_id"]) == ("mixed", f"{mark.post_id_prefix}3")
    kept = [orjson.loads(line) for line in (tmp_path / "rejects.jsonl").read_bytes().splitlines()]
    assert [row["row"] for row in kept] == ['{"text":""}', "nonsense", '{"text":"x","likes":3}']


async def test_rejects_that_cannot_be_kept_are_told_before_anything_is_sent(redis_url: str, tmp_path: Path):
    raw, options = raw_of(redis_url), Options(rejects=tmp_path / "missing" / "rejects.jsonl")
    with pytest.raises(BarometerError, match="cannot write"):
        await replayed(raw, tsv(tmp_path, 5), Bookmarks(tmp_path / "marks"), options, asyncio.Event())
    assert lying(raw) == []


async def test_a_finished_replay_sends_nothing_more_unless_asked_again(redis_url: str, tmp_path: Path):
    raw, path, bookmarks = raw_of(redis_url), tsv(tmp_path, 1_200), Bookmarks(tmp_path / "marks")
    for _ in range(2):
        await replayed(raw, path, bookmarks, Options(now=True), asyncio.Event())
        assert len(lying(raw)) == 1_200
    await replayed(raw, path, bookmarks, Options(again=True), asyncio.Event())
    assert len(set(ids(raw))) == 2_400


async def test_a_replay_that_waits_for_room_stops_when_told_and_goes_on_later(redis_url: str, tmp_path: Path):
    full, bookmarks, path, stop = (
        raw_of(redis_url, bound=600),
        Bookmarks(tmp_path / "marks"),
        tsv(tmp_path, 3_000),
        asyncio.Event(),
    )
    replay = Replay(path, bookmarks, Options())
    await replay.run(Writer(full, stop, waiting=lambda _: stop.set()), stop, retention=RETENTION)
    mark = replay.bookmark
    assert (mark.finished, mark.accepted, mark.line) == (False, 1_000, 1_001)
    mark = await replayed(raw_of(redis_url), path, bookmarks, Options(), asyncio.Event())
    assert (mark.finished, mark.accepted) == (True, 3_000)
    assert sorted(record["post"]["text"] for record in lying(full)) == sorted(f"post {n}" for n in range(3_000))


async def test_a_crash_between_the_batch_and_its_bookmark_repeats_ids_not_posts(redis_url: str, tmp_path: Path):
    class Crashing(Bookmarks):
        def keep(self, bookmark: Bookmark) -> None:
            if bookmark.accepted == 1_000:
                raise SystemExit
            super().keep(bookmark)

    raw, path, folder = raw_of(redis_url), tsv(tmp_path, 2_000), tmp_path / "marks"
    with pytest.raises(SystemExit):
        await replayed(raw, path, Crashing(folder), Options(), asyncio.Event())
    await replayed(raw, path, Bookmarks(folder), Options(), asyncio.Event())
    assert len(ids(raw)) == 2_500
    assert len(set(ids(raw))) == 2_000


async def test_a_bookmark_that_could_not_be_written_whole_leaves_the_one_before(
    redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def half(path: Path, data: bytes) -> int:
        with path.open("wb") as file:
            file.write(data[: len(data) // 2])
        raise OSError(28, "No space left on device")

    raw, path, bookmarks = raw_of(redis_url), tsv(tmp_path, 600), Bookmarks(tmp_path / "marks")
    mark = await replayed(raw, path, bookmarks, Options(), asyncio.Event())
    with monkeypatch.context() as full:
        full.setattr(Path, "write_bytes", half)
        with pytest.raises(BarometerError, match="No space left"):
            bookmarks.keep(mark.model_copy(update={"accepted": 0}))
    assert bookmarks.find(mark.content) == mark


async def test_settled_returns_when_the_last_post_has_come_to_an_end(redis_url: str):
    raw = raw_of(redis_url)
    await Writer(raw, asyncio.Event()).write(posts(5))
    waiting = asyncio.create_task(settled(raw))
    await asyncio.sleep(0.3)
    assert not waiting.done()
    raw.client.hincrby("barometer:{0}:counters", "stored", 5)
    emptied(raw)
    ended = await asyncio.wait_for(waiting, 5)
    assert (ended.accepted, ended.stored, ended.missing) == (5, 5, 0)


async def test_settled_does_not_wait_for_a_pipeline_that_stands_still(redis_url: str):
    raw = raw_of(redis_url)
    await Writer(raw, asyncio.Event()).write(posts(5))
    with pytest.raises(BarometerError, match="5 posts are in flight, and none came to an end"):
        await asyncio.wait_for(settled(raw, stalled=0.5), 5)

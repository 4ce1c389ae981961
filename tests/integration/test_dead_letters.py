"""The door to the dead letters: lists without gaps or repeats, and a redrive that moves a letter once or not at all."""

import contextlib
import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis as redis_py
from redis import Redis

from barometer.errors import InvalidInputError, NotFoundError
from barometer.stores import letters
from barometer.stores import redis as door
from barometer.stores.letters import LetterId, Wanted, get, lying, page
from barometer.stores.redrive import Redriven, redrive, sweep
from barometer.stores.streams import books, script
from barometer.streams import Deployment, counters_key, stream_key
from infra.local.services import redis_service
from tests.conftest import running

DEAD = {"DestinationConfig": {"OnFailure": {"Destination": "dead"}}}
DEPLOYMENT = Deployment.model_validate(
    {
        "Streams": {name: {"MaximumLength": 1_000} for name in ("raw", "posts", "stored", "dead")},
        "Pipes": [
            {"Name": "ingest", "Source": "raw", "FunctionName": "ingest", "Targets": ["posts"], **DEAD},
            {"Name": "infer", "Source": "posts", "FunctionName": "infer", **DEAD},
            {"Name": "alert", "Source": "stored", "FunctionName": "alert", **DEAD},
        ],
    }
)


@pytest.fixture
def redis_url(any_redis_url: str) -> str:
    return any_redis_url


@pytest.fixture
def client(redis_url: str) -> Iterator[Redis]:
    with door.client(redis_url) as client:
        yield client


def die(client: Redis, count: int = 1, *, partition: int = 0, entry: str = "*", **fields: Any) -> list[LetterId]:
    """Letters of posts, as a commit writes them, and counted as it counts them."""
    letter = {"body": f'{{"n": "{uuid.uuid4()}"}}', "stream": "raw", "pipe": "ingest", "kind": "dead", **fields}
    names = []
    for _ in range(count):
        names.append(client.xadd(stream_key("dead", partition), letter, id=entry))
        if letter["stream"] in {"raw", "posts", "scored"}:
            client.hincrby(counters_key(partition), "accepted", 1)
            client.hincrby(counters_key(partition), letter["kind"], 1)
    return [LetterId.of(partition, name) for name in names]


def turned(client: Redis, partitions: int, wanted: Wanted, limit: int) -> list[LetterId]:
    """Every letter, page by page."""
    found: list[LetterId] = []
    cursor = None
    while True:
        piece = page(client, partitions, wanted, limit=limit, cursor=cursor, bytes_each=100)
        assert len(piece.items) <= limit
        found += [letter.id for letter in piece.items]
        if piece.next_cursor is None:
            return found
        cursor = LetterId.parse(str(piece.next_cursor))


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 200])
def test_pages_show_every_letter_once_and_newest_first_over_all_partitions(client: Redis, limit: int):
    wanted = [
        *(one for ms in (5, 6, 7, 9) for p in range(3) for one in die(client, partition=p, entry=f"{ms}-{ms}")),
        *die(client, partition=1, entry="9-10"),
        *(die(client, partition=2, entry="12-0")),
    ]
    found = turned(client, 3, Wanted(), limit)
    assert found == sorted(wanted, reverse=True)


def test_the_pages_of_a_rare_kind_come_to_an_end_and_leave_none_out(client: Redis, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(letters, "_SLICE", 3)
    monkeypatch.setattr(letters, "_MOST_LOOKED_AT", 6)
    rare = []
    for ms in range(1, 41):
        partition = ms % 2
        rare += die(client, partition=partition, entry=f"{ms}-0", kind="rejected") if ms % 13 == 0 else []
        die(client, partition=partition, entry=f"{ms}-1", pipe="infer", stream="posts")
    assert turned(client, 2, Wanted(kind="rejected"), 2) == rare[::-1]
    assert turned(client, 2, Wanted(kind="rejected", pipe="infer"), 2) == []
    assert len(turned(client, 2, Wanted(pipe="infer"), 5)) == 40


def test_letters_that_die_or_go_between_two_pages_move_no_other(client: Redis):
    names = die(client, 10)
    first = page(client, 1, Wanted(), limit=4, cursor=None, bytes_each=100)
    die(client, 3)
    redrive(client, DEPLOYMENT, 1, [names[6], names[5]])  # the last that was shown, and the next
    rest = page(client, 1, Wanted(), limit=20, cursor=first.next_cursor, bytes_each=100)
    assert [letter.id for letter in first.items] == names[:-5:-1]
    assert [letter.id for letter in rest.items] == names[4::-1]


def test_a_letter_tells_what_it_has_and_one_that_is_none_of_ours_does_no_harm(client: Redis):
    (name,) = die(
        client,
        id="7-1",
        attempts="4",
        first_at="1700000000000",
        dead_at="x",
        condition="RetryAttemptsExhausted",
        odd="1",
    )
    told = get(client, 1, name)
    assert (told.record_id, told.attempts, told.dead_at) == ("7-1", 4, None)
    assert told.first_at is not None
    assert told.first_at.isoformat() == "2023-11-14T22:13:20+00:00"
    assert (told.condition, told.details, told.last_try) == ("RetryAttemptsExhausted", {"odd": "1"}, None)
    stranger = client.xadd(
        stream_key("dead", 0), {b"\xff\x00": b"\xfe" * 10, "first_at": "9" * 30, "attempts": "9" * 5_000}
    )
    shown = get(client, 1, LetterId.of(0, stranger))
    assert (shown.kind, shown.body, shown.first_at, shown.attempts) == ("", "", None, None)
    assert len(page(client, 1, Wanted(), limit=9, cursor=None, bytes_each=9).items) == 2


def test_a_huge_body_is_cut_and_its_size_told(client: Redis):
    (name,) = die(client, body="x" * 7_000_000)
    whole, listed = get(client, 1, name), page(client, 1, Wanted(), limit=1, cursor=None, bytes_each=10).items[0]
    assert (len(whole.body), whole.body_bytes) == (letters.MOST_BYTES, 7_000_000)
    assert (len(listed.body), listed.body_bytes) == (10, 7_000_000)
    redrive(client, DEPLOYMENT, 1, [name])
    ((_, fields),) = client.xrange(stream_key("raw", 0))
    assert len(fields[b"body"]) == 7_000_000


@pytest.mark.parametrize(
    "text", ["", "0-0-0", "0-1", "0-1-1-1", "0-1-x", "-1-1-1", f"0-{2**64}-0", "\u0660-1-1", "0-1-1\n"]
)
def test_what_names_no_letter_is_refused_by_its_field(text: str):
    with pytest.raises(InvalidInputError) as refused:
        LetterId.parse(text, "cursor")
    assert refused.value.field == "cursor"


def test_a_letter_that_is_not_there_is_not_found(client: Redis):
    (name,) = die(client, partition=1)
    assert get(client, 2, name).id == name
    for other in (LetterId(name.ms, name.number, 0), LetterId(name.ms, name.number + 1, 1), LetterId(1, 1, 9)):
        with pytest.raises(NotFoundError, match=str(other)):
            get(client, 2, other)


def test_a_redriven_letter_is_a_new_record_where_it_died_and_the_books_balance(client: Redis):
    body = b'\xff\x00 "as it was"'
    (first,) = die(client, body=body, kind="rejected", attempts="1")
    (second,) = die(client, stream="posts", pipe="infer")
    before = books(client, 1)
    assert (before.rejected, before.dead, before.in_flight, before.missing) == (1, 1, 0, 0)
    outcome = redrive(client, DEPLOYMENT, 1, [first, second])
    assert outcome == Redriven(sent=[first, second])
    ((entry, fields),) = client.xrange(stream_key("raw", 0))
    assert fields == {b"body": body}
    assert LetterId.of(0, entry) >= first, "its age begins anew"
    assert client.xlen(stream_key("posts", 0)) == 1
    after = books(client, 1)
    assert (after.rejected, after.dead, after.in_flight, after.missing) == (0, 0, 2, 0)
    assert client.hget(counters_key(0), "ingest.redriven") == client.hget(counters_key(0), "infer.redriven") == b"1"
    assert redrive(client, DEPLOYMENT, 1, [first, second, LetterId(1, 1, 7)]) == Redriven(
        missing=[first, second, LetterId(1, 1, 7)]
    )
    again = books(client, 1)
    assert (again.rejected, again.dead, again.in_flight, again.missing) == (0, 0, 2, 0)


def test_a_letter_of_no_post_moves_no_book(client: Redis):
    (name,) = die(client, stream="stored", pipe="alert")
    assert redrive(client, DEPLOYMENT, 1, [name]).sent == [name]
    assert client.hgetall(counters_key(0)) == {b"alert.redriven": b"1"}
    assert client.xlen(stream_key("stored", 0)) == 1


def test_what_can_never_be_sent_again_stays_and_says_why(client: Redis):
    names = [
        *die(client, body=""),
        *die(client, stream="gone"),
        *die(client, kind="odd"),
        LetterId.of(0, client.xadd(stream_key("dead", 0), {"reason": "somebody's own"})),
    ]
    good = die(client)
    outcome = redrive(client, DEPLOYMENT, 1, [*names, *good])
    assert outcome.sent == good
    assert {one.id: one.reason for one in outcome.refused} == dict(
        zip(
            names,
            [
                "it has no body",
                "no pipe reads the stream 'gone', in which it died",
                "it is of kind 'odd', which no counter knows",
                "it has no body",
            ],
            strict=True,
        )
    )
    assert not outcome.is_held_up
    assert lying(client, 1) == 4


def test_a_full_stream_takes_as_many_as_it_has_room_for_and_the_rest_stay_letters(client: Redis):
    names = die(client, 1_050)
    outcome = redrive(client, DEPLOYMENT, 1, names)
    assert (len(outcome.sent), len(outcome.refused), outcome.is_held_up) == (1_000, 50, True)
    assert outcome.refused[0].reason == "the stream 'raw' is full; try again later"
    assert (client.xlen(stream_key("raw", 0)), lying(client, 1), books(client, 1).missing) == (1_000, 50, 0)
    (other,) = die(client, stream="posts", pipe="infer")
    assert redrive(client, DEPLOYMENT, 1, [other]).sent == [other], "a full stream is no other's problem"


def test_a_sweep_stops_at_a_full_stream_and_goes_on_from_there(client: Redis):
    die(client, 1_250)
    (odd,) = die(client, body="")
    held = sweep(client, DEPLOYMENT, 1, Wanted(), cursor=None, most=5_000, seconds=60)
    assert (len(held.redriven.sent), held.done, held.held_up) == (1_000, False, True)
    client.xtrim(stream_key("raw", 0), maxlen=0, approximate=False)
    rest = sweep(client, DEPLOYMENT, 1, Wanted(), cursor=held.next_cursor, most=5_000, seconds=60)
    assert (len(rest.redriven.sent), rest.done) == (250, True)
    told = [*held.redriven.refused, *rest.redriven.refused]
    assert [one.id for one in told] == [odd]


def test_a_sweep_takes_what_is_wanted_and_never_a_letter_that_died_after_it_began(client: Redis):
    die(client, 250, kind="rejected")
    die(client, 30)
    first = sweep(client, DEPLOYMENT, 1, Wanted(kind="rejected"), cursor=None, most=100, seconds=60)
    assert (len(first.redriven.sent), first.done) == (100, False)
    again = die(client, 5, kind="rejected")
    rest = sweep(client, DEPLOYMENT, 1, Wanted(kind="rejected"), cursor=first.next_cursor, most=5_000, seconds=60)
    assert (len(rest.redriven.sent), rest.done) == (150, True)
    assert turned(client, 1, Wanted(kind="rejected"), 50) == again[::-1]


def test_a_sweep_that_waits_for_a_full_stream_never_meets_what_died_meanwhile(client: Redis):
    (stuck,) = die(client)
    die(client, stream="posts", pipe="infer")
    client.xadd(stream_key("raw", 0), {"body": "x"})
    declared = DEPLOYMENT.model_dump(by_alias=True)
    declared["Streams"]["raw"]["MaximumLength"] = 1
    deployment = Deployment.model_validate(declared)
    held = sweep(client, deployment, 1, Wanted(), cursor=None, most=5_000, seconds=60)
    assert (len(held.redriven.sent), held.held_up) == (1, True)
    (anew,) = die(client, stream="posts", pipe="infer")
    again = sweep(client, deployment, 1, Wanted(), cursor=held.next_cursor, most=5_000, seconds=60)
    assert (again.redriven.sent, again.held_up) == ([], True)
    client.delete(stream_key("raw", 0))
    rest = sweep(client, deployment, 1, Wanted(), cursor=again.next_cursor, most=5_000, seconds=60)
    assert (rest.redriven.sent, rest.done) == ([stuck], True)
    assert turned(client, 1, Wanted(), 9) == [anew]


def test_full_dead_letters_go_back_to_full_streams_until_there_is_room_among_them(client: Redis):
    names = die(client, 1_003)
    for _ in range(1_000):
        client.xadd(stream_key("raw", 0), {"body": "x"})
    outcome = redrive(client, DEPLOYMENT, 1, names)
    assert (outcome.sent, outcome.is_held_up) == (names[:4], True)
    assert (lying(client, 1), client.xlen(stream_key("raw", 0))) == (999, 1_004)


def test_a_sweep_whose_time_is_over_says_where_it_stands(client: Redis):
    die(client, 3)
    stopped = sweep(client, DEPLOYMENT, 1, Wanted(), cursor=None, most=5_000, seconds=0)
    assert (stopped.redriven, stopped.next_cursor, stopped.done) == (Redriven(), None, False)


def test_a_letter_named_twice_is_sent_once(client: Redis):
    (name,) = die(client)
    keys = [stream_key("dead", 0), counters_key(0), "barometer:{0}:dead:call:one", stream_key("raw", 0)]
    arguments = [60, 0, "raw", 100, "ingest", 1, name.entry, name.entry]
    sent, gone = client.register_script(script("redrive"))(keys=keys, args=arguments)
    assert (sent, gone) == ([name.entry.encode()], [name.entry.encode()])
    assert (client.xlen(keys[3]), books(client, 1).missing) == (1, 0)


def test_a_call_sent_twice_because_its_reply_was_lost_moves_and_tells_the_same(client: Redis):
    names = die(client, 2)
    keys = [stream_key("dead", 0), counters_key(0), "barometer:{0}:dead:call:one", stream_key("raw", 0)]
    arguments = [60, 0, "raw", 1, "ingest", 1, *(name.entry for name in names)]
    move = client.register_script(script("redrive"))
    first, second = move(keys=keys, args=arguments), move(keys=keys, args=arguments)
    assert first == second == [[names[0].entry.encode()], [], [names[1].entry.encode(), b"full", b"raw"]]
    assert (client.xlen(keys[3]), lying(client, 1), books(client, 1).missing) == (1, 1, 0)


@pytest.mark.parametrize("any_redis_url", ["server"], indirect=True)  # the setting is of one server
def test_a_redis_that_takes_no_more_loses_no_letter(client: Redis):
    names = die(client, 3)
    client.config_set("maxmemory", "1")
    try:
        with pytest.raises(redis_py.ResponseError, match="maxmemory"):
            redrive(client, DEPLOYMENT, 1, names)
    finally:
        client.config_set("maxmemory", "0")
    assert (lying(client, 1), client.xlen(stream_key("raw", 0)), books(client, 1).missing) == (3, 0, 0)
    assert redrive(client, DEPLOYMENT, 1, names).sent == names


def test_redrives_at_once_send_each_letter_once(client: Redis, redis_url: str):
    for partition in range(2):
        for n in range(450):
            die(client, partition=partition, body=f'{{"n": {n}}}')
    outcomes: list[Redriven] = []
    begin = threading.Barrier(3)

    def run() -> None:
        with door.client(redis_url) as own:
            begin.wait(30)
            outcomes.append(sweep(own, DEPLOYMENT, 2, Wanted(), cursor=None, most=5_000, seconds=120).redriven)

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert books(client, 2).missing == 0
        threads[0].join(0.001)
    assert lying(client, 2) == 0
    assert sum(len(outcome.sent) for outcome in outcomes) == 900
    for partition in range(2):
        sent = Counter(fields[b"body"] for _, fields in client.xrange(stream_key("raw", partition)))
        assert sorted(sent.values()) == [1] * 450


def test_a_redis_killed_in_the_middle_has_each_letter_in_one_place_when_it_comes_back(short_tmp: Path):
    service, total = redis_service(short_tmp / "killed", fsync="always"), 20_000
    roomy = DEPLOYMENT.model_dump(by_alias=True)
    roomy["Streams"]["raw"]["MaximumLength"] = total
    deployment = Deployment.model_validate(roomy)

    def run() -> None:
        with Redis.from_url(service.url) as own, contextlib.suppress(redis_py.ConnectionError):
            sweep(own, deployment, 1, Wanted(), cursor=None, most=total, seconds=120)

    with running(service, short_tmp / "killed.log") as process, Redis.from_url(service.url) as client:
        with client.pipeline() as pipeline:
            pipeline.hset(counters_key(0), mapping={"accepted": total, "dead": total})
            for n in range(total):
                letter = {"body": str(n), "stream": "raw", "pipe": "ingest", "kind": "dead"}
                pipeline.xadd(stream_key("dead", 0), letter)
            pipeline.execute()
        thread = threading.Thread(target=run)
        thread.start()
        while lying(client, 1) == total:
            assert thread.is_alive(), "it sends nothing again"
        process.kill()
        thread.join(60)
        assert not thread.is_alive()

    with running(service, short_tmp / "again.log"), Redis.from_url(service.url) as client:
        sent, kept = ([fields[b"body"] for _, fields in client.xrange(stream_key(name, 0))] for name in ("raw", "dead"))
        assert sent, "a kill that comes before the work proves nothing"
        assert kept, "nor one that comes after it"
        assert Counter(map(int, sent + kept)) == Counter(range(total))
        now = books(client, 1)
        assert (now.dead, now.in_flight, now.missing) == (len(kept), len(sent), 0)


def test_counting_the_letters_sees_each_one(client: Redis):
    die(client, 120)
    die(client, 60, partition=1, kind="rejected")
    die(client, stream="stored", pipe="alert")
    assert letters.count(client, 2) == {("raw", "dead"): 120, ("raw", "rejected"): 60, ("stored", "dead"): 1}


def test_a_stream_where_posts_are_on_their_way_may_not_trim():
    declared = DEPLOYMENT.model_dump(by_alias=True)
    declared["Streams"]["posts"]["WhenFull"] = "trim"
    with pytest.raises(ValueError, match="stream 'posts' carries posts, so it may not trim"):
        Deployment.model_validate(declared)


def test_a_stream_where_posts_die_may_not_trim():
    declared = DEPLOYMENT.model_dump(by_alias=True)
    declared["Streams"]["dead"]["WhenFull"] = "trim"
    with pytest.raises(ValueError, match="pipe 'ingest' carries posts, so stream 'dead', where they die, may not trim"):
        Deployment.model_validate(declared)

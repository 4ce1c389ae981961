"""What two looks at Redis tell of what it lost between them."""

from dataclasses import replace

from barometer.streams import Pipe
from infra.poller.losses import Look, loss

PIPES = [Pipe.model_validate({"Name": "ingest", "Source": "raw", "FunctionName": "f", "Targets": ["posts"]})]
# 100 accepted: 20 wait, 5 are on their way, 70 are stored and 5 dead.
BEFORE = Look(
    counters={"accepted": 100, "ingest.in": 80, "stored": 70, "dead": 5},
    lengths={"raw": 20, "posts": 5, "scored": 0, "events": 9},
)


def _then(counters: dict[str, int], **lengths: int) -> Look:
    return Look({**BEFORE.counters, **counters}, {**BEFORE.lengths, **lengths})


def test_work_that_goes_on_is_no_loss() -> None:
    assert BEFORE.missing == 0
    assert loss(PIPES, BEFORE, BEFORE) is None
    assert loss(PIPES, BEFORE, _then({"accepted": 110, "ingest.in": 110, "stored": 103}, raw=0, posts=2)) is None


def test_dead_letters_that_are_sent_again_are_no_loss() -> None:
    assert loss(PIPES, BEFORE, _then({"dead": 0}, raw=25)) is None


def test_a_stream_that_may_be_trimmed_is_no_loss() -> None:
    assert loss(PIPES, BEFORE, _then({}, events=0)) is None


def test_an_emptied_redis_has_lost_everything_that_was_known() -> None:
    lost = loss(PIPES, BEFORE, Look({}, dict.fromkeys(BEFORE.lengths, 0)))
    assert lost is not None
    assert (lost.accepted, lost.unfinished) == (100, 20 + 5 + 9)
    assert lost.counters == {"accepted": 100, "ingest.in": 80}
    assert "emptied" in lost.why


def test_an_emptied_redis_that_has_work_again_has_lost_what_is_not_there() -> None:
    lost = loss(PIPES, BEFORE, Look({"accepted": 30}, {"raw": 30, "posts": 0, "scored": 0, "events": 9}))
    assert lost is not None
    assert (lost.accepted, lost.unfinished) == (70, 5)


def test_older_data_has_lost_what_was_accepted_since() -> None:
    lost = loss(PIPES, BEFORE, _then({"accepted": 90, "ingest.in": 80, "stored": 60}))
    assert lost is not None
    assert (lost.accepted, lost.unfinished, lost.counters) == (10, 0, {"accepted": 10})


def test_posts_that_vanish_from_a_stream_are_lost_though_no_counter_went_back() -> None:
    gone = _then({}, raw=0)
    lost = loss(PIPES, BEFORE, gone)
    assert lost is not None
    assert (lost.accepted, lost.unfinished, lost.counters) == (0, 20, {})
    # And are told of once.
    assert loss(PIPES, gone, replace(gone)) is None

"""Promise 1 on the whole stack: 2,000 posts, and kill -9 in the middle of them, change no number.

The posts are the 2,000 real tweets of TweetEval's validation set where its file is at hand (``BAROMETER_TEST_TWEETS``,
or ``../shared/data`` beside the repository); elsewhere as many simulated ones, and the test says so.
"""

import contextlib
import json
import os
import secrets
import subprocess
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from tests.e2e.stack import BAROMETER, Stack, barometer, simulated_posts, up, wait_for

ROOT = Path(__file__).parents[2]
TWEETS = Path(os.environ.get("BAROMETER_TEST_TWEETS", ROOT.parent / "shared/data/tweeteval_sentiment_val.tsv"))
COUNT = 2_000


@pytest.fixture(scope="module")
def posts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if TWEETS.is_file():
        return TWEETS
    warnings.warn(f"{TWEETS} is not here: simulated posts stand in for the real tweets", stacklevel=1)
    return simulated(tmp_path_factory.mktemp("posts") / "posts.tsv")


def simulated(path: Path) -> Path:
    lines = (
        f"neutral\t{' '.join(post['text'].split())} {number}"
        for number, post in enumerate(simulated_posts(seed=7, count=COUNT))
    )
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.fixture
def fresh(short_home: Path) -> Iterator[Stack]:
    """A Barometer of the test's own, whose books begin at nought."""
    with up(short_home / secrets.token_hex(4), "--feed", "none") as stack:
        yield stack


@pytest.mark.skipif(not TWEETS.is_file(), reason=f"the real tweets are not here ({TWEETS})")
def test_2000_real_tweets_end_with_balanced_books_and_rollups_that_equal_a_recount(fresh: Stack) -> None:
    run = barometer("replay", TWEETS, "--now", "--wait", "--home", fresh.home, timeout=240)
    assert run.returncode == 0, run.stdout + run.stderr
    everything_is_there_once(fresh)


def everything_is_there_once(stack: Stack) -> None:
    books = stack.settled()
    assert books["accepted"] == COUNT
    assert books["stored"] == COUNT
    assert books["duplicates"] == books["rejected"] == books["dead"] == books["in_flight"] == 0
    assert stack.get("/api/summary", window="24h")["posts"] == COUNT
    assert stack.audit()["balanced"]


def poller(stack: Stack) -> psutil.Process | None:
    return stack.process("poller")


def an_aggregate(stack: Stack) -> psutil.Process | None:
    return next(iter(stack.function_processes("aggregate")), None)


def runner(stack: Stack) -> psutil.Process | None:
    return stack.process("runner")


@pytest.mark.parametrize("victim", [poller, an_aggregate, runner], ids=lambda victim: victim.__name__)
def test_kill_9_in_the_middle_of_a_replay_changes_no_number(
    fresh: Stack, posts: Path, victim: Callable[[Stack], psutil.Process | None]
) -> None:
    replay = subprocess.Popen(
        [BAROMETER, "replay", posts, "--now", "--rate", "50", "--home", fresh.home],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    killed = []

    def progress() -> int:
        with contextlib.suppress(AssertionError, httpx.HTTPError):  # whoever answers may be the one that was killed
            return fresh.books()["stored"]
        return 0

    try:
        # All in the first half: a function that is killed with nothing left to do is not started again.
        for eighth in (1, 2, 3):
            wait_for(lambda eighth=eighth: progress() >= eighth * COUNT // 8, f"eighth {eighth} is stored", 120)
            process = wait_for(lambda: victim(fresh), "there is one to kill", 60)
            process.kill()
            killed.append(process.pid)
        assert replay.wait(240) == 0
    finally:
        if replay.poll() is None:
            replay.kill()
            replay.wait(10)

    assert len(set(killed)) == 3, "each was a process of its own, started again after the last was killed"
    everything_is_there_once(fresh)


def test_a_kill_of_the_emulated_aws_is_healed_by_a_new_deployment(fresh: Stack) -> None:
    cloud = fresh.process("cloud")
    assert cloud is not None
    cloud.kill()

    def answers() -> bool:
        state = json.loads((fresh.home / "run" / "state.json").read_text())
        try:
            return state["phase"] == "ready" and fresh.get("/api/health")["status"] == "ok"
        except (AssertionError, OSError, ValueError):
            return False

    wait_for(lambda: (again := fresh.process("cloud")) and again.pid != cloud.pid, "it is started again", 60)
    wait_for(answers, "the API answers again", 60)
    fresh.post("/api/posts", {"posts": [{"text": "Still here", "source": "test"}]})
    assert fresh.settled()["stored"] == 1

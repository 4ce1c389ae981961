"""Promise 3 on the whole stack: a stage that stands still slows the feeds, fills no memory, and loses nothing."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from samtranslator.yaml_helper import yaml_parse

from infra.local.names import CREDENTIALS, REGION, STACK
from infra.local.template import TEMPLATE
from tests.e2e.stack import BAROMETER, Stack, simulated_posts, up, wait_for

BOUNDS = {"raw": 200, "posts": 100, "scored": 100, "stored": 100}
BATCH_SIZE = 20
# A bound stops whoever writes next. What was under way by then lies beyond it: a client's request, and of each pipe the
# calls in flight and the batch that waits for them. All of it together is well below as much again.
MOST_IN_FLIGHT = 2 * sum(BOUNDS[stream] for stream in ("raw", "posts", "scored"))
REPLAYED = 1_000
# If they were taken, Redis would hold 16 MB of them.
REFUSALS, POSTS_A_REQUEST, CHARACTERS = 40, 100, 4_000
MOST_GROWTH_BYTES = 8 * 1024 * 1024


def small(path: Path) -> Path:
    """``template.yaml`` with streams that are soon full."""
    document: dict[str, Any] = yaml_parse(TEMPLATE.read_text(encoding="utf-8"))
    value = document["Resources"]["PipesParameter"]["Properties"]["Value"]
    plan = json.loads(value["Fn::Sub"])
    for name, bound in BOUNDS.items():
        plan["Streams"][name]["MaximumLength"] = bound
    for pipe in plan["Pipes"]:
        if pipe["Source"] in BOUNDS:
            pipe["BatchSize"] = BATCH_SIZE
    value["Fn::Sub"] = json.dumps(plan, separators=(",", ":"))
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


@pytest.fixture
def fresh(short_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    monkeypatch.setenv("BAROMETER_MODEL", "linear")
    # How soon the runner hears that a function may not run.
    monkeypatch.setenv("BAROMETER_RUNNER_SETTINGS_SECONDS", "1")
    template = small(tmp_path / "small.json")
    with up(short_home / "backpressure", "--feed", "none", "--template", str(template)) as running:
        yield running


@contextmanager
def no_aggregate(stack: Stack) -> Iterator[None]:
    """The last stage of a post may not run, as an operator stops a function: with no concurrency."""
    state = json.loads((stack.home / "run" / "state.json").read_text())
    client = boto3.client(
        "lambda",
        endpoint_url=f"http://127.0.0.1:{state['ports']['cloud']}",
        region_name=REGION,
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
    )
    name = f"{STACK}-aggregate"
    reserved = client.get_function_concurrency(FunctionName=name)["ReservedConcurrentExecutions"]
    client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    invocations = f"http://127.0.0.1:{state['ports']['runner']}/2015-03-31/functions/{name}/invocations"
    try:
        wait_for(lambda: httpx.post(invocations, json={"Records": []}).status_code == 429, "aggregate is throttled")
        yield
    finally:
        client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=reserved)


def memory(stack: Stack) -> dict[str, int]:
    found = {}
    for name in ("poller", "redis"):
        process = stack.process(name)
        assert process is not None, f"{name} runs"
        found[name] = process.memory_info().rss
    return found


def press(client: httpx.Client) -> int:
    """Ask again and again that long posts be taken, until it was refused often enough; gives how many were taken."""
    taken = refusals = 0
    while refusals < REFUSALS:
        posts = [
            {"text": f"{number:03} " * (CHARACTERS // 4), "source": "pressing"} for number in range(POSTS_A_REQUEST)
        ]
        answer = client.post("/api/posts", json={"posts": posts})
        if answer.status_code == 202:
            taken += answer.json()["accepted"]
            assert taken < MOST_IN_FLIGHT, "a pipeline that stands still takes on and on"
        else:
            refusals += 1
            assert answer.status_code == 503, answer.text
            assert int(answer.headers["Retry-After"]) >= 1
            assert answer.json()["detail"] == "the pipeline is full; nothing was taken"
    return taken


def test_a_stage_that_stands_still_slows_the_feeds_and_fills_no_memory(fresh: Stack, tmp_path: Path) -> None:
    lines = (f"neutral\t{' '.join(post['text'].split())} {n}" for n, post in enumerate(simulated_posts(3, REPLAYED)))
    file, log = tmp_path / "posts.tsv", tmp_path / "replay.log"
    file.write_text("\n".join(lines), encoding="utf-8")
    with fresh.client() as client, log.open("wb") as output:
        with no_aggregate(fresh):
            replay = subprocess.Popen(
                [BAROMETER, "replay", file, "--now", "--rate", "200", "--home", fresh.home],
                stdout=output, stderr=subprocess.STDOUT,
            )  # fmt: skip
            try:
                wait_for(lambda: "the pipeline is full" in log.read_text(), "the feed pauses", 60)
                full = memory(fresh)
                taken = press(client)
                pressed = memory(fresh)
                books = fresh.books()

                assert replay.poll() is None, log.read_text()
                assert books["streams"]["raw"]["length"] >= BOUNDS["raw"] // 2
                assert books["in_flight"] <= MOST_IN_FLIGHT
                assert books["balanced"]
                for name, before in full.items():
                    assert pressed[name] - before <= MOST_GROWTH_BYTES, name
            except BaseException:
                replay.kill()
                raise
        assert replay.wait(120) == 0, log.read_text()

    books = fresh.settled()
    assert books["accepted"] == REPLAYED + taken
    assert books["stored"] + books["duplicates"] == books["accepted"]
    assert books["rejected"] == books["dead"] == 0
    assert books["balanced"]
    assert fresh.get("/api/summary", window="24h", source="posts")["posts"] == REPLAYED
    assert fresh.audit()["balanced"]
    fresh.post("/api/posts", {"posts": [{"text": "There is room again", "source": "test"}]})

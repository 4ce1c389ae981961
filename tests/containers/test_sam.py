"""AWS's own command line runs this template: each function answers its example event, and a poller finds them there."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from barometer.posts import Accepted, RawPost
from barometer.stores import redis, streams
from infra.local.deploy import Deployer
from infra.local.emulator import cloud_environment
from infra.local.names import CREDENTIALS, REGION, STEPS
from infra.local.template import read_template
from tests.containers.compose import free_port
from tests.containers.sam import Sam, built
from tests.containers.stores import Stores, stores
from tests.e2e.stack import wait_for
from tests.integration.emulator import program
from tests.integration.emulator import wait_for as wait_for_url

# The first build fetches every package of every image.
pytestmark = pytest.mark.timeout(2_400)

# Whose the key of api.json and the session of socket.json are.
KEY = "9f2c41d07ab3"


@pytest.fixture(scope="module")
def both() -> Iterator[Stores]:
    with stores() as running:
        with psycopg.connect(running.database_url) as connection:
            connection.execute(
                "INSERT INTO api_keys (id, name, scopes, secret_hash) VALUES (%s, 'example', '{read}', sha256(%s))",
                (KEY, b"0" * 64),
            )
            connection.execute(
                "INSERT INTO sessions (token_hash, key_id, expires_at)"
                " VALUES (sha256(%s), %s, now() + interval '1 day')",
                (b"0" * 43, KEY),
            )
        yield running


@pytest.fixture(scope="module")
def sam(both: Stores, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sam]:
    with built(tmp_path_factory.mktemp("sam"), both) as ready:
        yield ready


def named(answer: dict[str, Any]) -> set[str]:
    """The records of a batch that its answer speaks of: it must speak of each."""
    ends = answer["finished"] + answer["rejections"] + answer["batchItemFailures"]
    return {record["from"] for record in answer["records"]} | {end["itemIdentifier"] for end in ends}


def ingested(answer: Any, _: Stores) -> None:
    [post] = answer["records"]
    assert (post["to"], post["body"]["lang"]) == ("posts", "en")
    assert answer["rejections"] == [{"itemIdentifier": "1763812800000-1", "reason": "text: is empty"}]


def inferred(answer: Any, _: Stores) -> None:
    scores = [record["body"]["score"] for record in answer["records"]]
    assert [(score["sentiment"] or {}).get("label") for score in scores] == ["positive", None]
    assert scores[0]["model"].startswith("barometer-")


def aggregated(answer: Any, both: Stores) -> None:
    assert named(answer) == {"1772625600000-0", "1772625600000-1"}
    assert {record["to"] for record in answer["records"]} == {"stored", "events", "metrics"}
    with psycopg.connect(both.database_url) as connection:
        rows = connection.execute("SELECT text FROM posts WHERE source = 'example' ORDER BY created_at").fetchall()
    assert [text for (text,) in rows] == ["What a lovely morning.", "Rain again, and the train is late."]


def judged(answer: Any, _: Stores) -> None:
    assert named(answer) == {"1772625601000-0"}
    assert answer["records"] == []


def pushed(answer: Any, _: Stores) -> None:
    assert named(answer) == {"1763832480000-0"}
    assert answer["batchItemFailures"] == []


def served(answer: Any, _: Stores) -> None:
    assert answer["statusCode"] == 200
    assert json.loads(answer["body"]) == {"items": [], "next_cursor": None}


def admitted(answer: Any, _: Stores) -> None:
    assert answer["principalId"] == answer["context"]["key_id"] == KEY
    [statement] = answer["policyDocument"]["Statement"]
    assert (statement["Effect"], statement["Action"]) == ("Allow", "execute-api:Invoke")


CHECKS = {
    "ingest": ingested, "infer": inferred, "aggregate": aggregated, "alert": judged,
    "push": pushed, "api": served, "socket": admitted,
}  # fmt: skip


def test_the_template_is_what_aws_takes(sam: Sam):
    assert "is a valid SAM Template" in sam.validate()


@pytest.mark.parametrize("step", STEPS)
def test_a_function_answers_its_example_event(step: str, sam: Sam, both: Stores):
    invocation = sam.invoke(f"{step.capitalize()}Function", step)
    print(f"\n{step}: {json.dumps(invocation.answer)}\n{invocation.report}")  # noqa: T201 (`make sam-test` shows it)

    CHECKS[step](invocation.answer, both)


def test_a_poller_carries_a_post_through_the_functions_that_sam_runs(sam: Sam, both: Stores, tmp_path: Path):
    text = f"What a wonderful morning, I love it! {uuid4().hex[:6]}"
    cloud_url = f"http://127.0.0.1:{free_port()}"
    cloud = {**cloud_environment("http://127.0.0.1:9"), "BIND_HOST": "127.0.0.1", "TMPDIR": str(tmp_path),
             "GATEWAY_PORT": cloud_url.rpartition(":")[2]}  # fmt: skip
    with program(["infra.local.cloud"], tmp_path / "cloud.log", cloud) as emulator, sam.start_lambda() as endpoint:
        wait_for_url(cloud_url, emulator)
        # Only for the pipes: who runs the functions is SAM.
        Deployer(cloud_url).deploy(read_template(), {**both.inside, "EndpointUrl": cloud_url})
        settings = {
            **CREDENTIALS, "AWS_DEFAULT_REGION": REGION, "AWS_ENDPOINT_URL": cloud_url,
            "BAROMETER_LAMBDA_ENDPOINT": endpoint, "BAROMETER_REDIS_URL": both.redis_url,
            "BAROMETER_METRICS_PORT": "0",
        }  # fmt: skip
        with (
            program(["infra.poller"], tmp_path / "poller.log", settings) as poller,
            redis.client(both.redis_url) as client,
        ):
            send(client, text)
            books = wait_for(lambda: settled(client), "the post comes to its end", 180)
            assert poller.poll() is None
    print(f"\nstart-lambda: {books}")  # noqa: T201 (as above)

    assert (books.accepted, books.stored, books.dead, books.rejected) == (1, 1, 0, 0)
    with psycopg.connect(both.database_url) as connection:
        [(sentiment, model)] = connection.execute(
            "SELECT sentiment, model FROM posts WHERE text = %s", (text,)
        ).fetchall()
    assert (sentiment, model.startswith("barometer-")) == ("positive", True)


def send(client: redis.Client, text: str) -> None:
    """As the API accepts a post."""
    now = datetime.now(UTC)
    post = RawPost(text=text, source="sam")
    accepted = Accepted(uuid4().hex, now.isoformat(), post.model_dump(mode="json", exclude_none=True))
    streams.accept(client, [(post.post_id(now), accepted)], partitions=1, bound=1_000)


def settled(client: redis.Client) -> streams.Books | None:
    books = streams.books(client, 1)
    return books if books.accepted and not books.in_flight else None

"""AWS's own command line runs this template: each function answers its example event, and a poller finds them there."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from barometer.posts import Accepted, RawPost
from barometer.stores import redis, streams
from infra.local.deploy import Deployer
from infra.local.emulator import cloud_environment
from infra.local.names import CREDENTIALS, REGION, STEPS
from infra.local.programs import any_free_port
from infra.local.template import read_template
from tests.containers.answers import check, let_in
from tests.containers.sam import Sam, built
from tests.containers.stores import Stores, stores
from tests.e2e.stack import wait_for
from tests.integration.emulator import program
from tests.integration.emulator import wait_for as wait_for_url

# The first build fetches every package of every image.
pytestmark = pytest.mark.timeout(2_400)


@pytest.fixture(scope="module")
def both() -> Iterator[Stores]:
    with stores() as running:
        let_in(running)
        yield running


@pytest.fixture(scope="module")
def sam(both: Stores, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sam]:
    with built(tmp_path_factory.mktemp("sam"), both) as ready:
        yield ready


def test_the_template_is_what_aws_takes(sam: Sam):
    assert "is a valid SAM Template" in sam.validate()


@pytest.mark.parametrize("step", STEPS)
def test_a_function_answers_its_example_event(step: str, sam: Sam, both: Stores):
    invocation = sam.invoke(f"{step.capitalize()}Function", step)
    print(f"\n{step}: {json.dumps(invocation.answer)}\n{invocation.report}")  # noqa: T201 (`make sam-test` shows it)

    check(step, invocation.answer, both)


def test_a_poller_carries_a_post_through_the_functions_that_sam_runs(sam: Sam, both: Stores, tmp_path: Path):
    text = f"What a wonderful morning, I love it! {uuid4().hex[:6]}"
    cloud_url = f"http://127.0.0.1:{any_free_port()}"
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

"""What `make localstack-deploy` would do, by its plan; LocalStack itself wants a licence and is not tried."""

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from barometer.errors import BarometerError
from infra.local.names import STEPS
from infra.local.template import TEMPLATE, read_template
from infra.localstack.commands import Commands
from infra.localstack.deploy import local_registry

RESOURCES = json.loads(read_template().body)["Resources"]
FUNCTIONS = {name for name, body in RESOURCES.items() if body["Type"] == "AWS::Serverless::Function"}
# SAM sends a template of more than this through S3, of which this deployment has none.
MOST_BYTES = 51_200


def plan(tmp_path: Path, **variables: str) -> list[str]:
    """The plan as a user prints it, on a machine without Docker and SAM."""
    done = subprocess.run(
        [sys.executable, "-m", "infra.localstack", "--plan"],
        env={**os.environ, "PATH": str(tmp_path), **variables}, cwd=TEMPLATE.parent,
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_a_plan_tells_each_step_in_its_order_and_does_none(tmp_path: Path) -> None:
    lines = plan(tmp_path, SAM="uvx sam")

    order = [
        "unset AWS_PROFILE",
        "AWS_ENDPOINT_URL=http://localhost:4566",
        "ps --quiet runner",
        "run --rm -T --no-deps localstack-token",
        "build cloud",
        "--wait-timeout 300 localstack",
        "uvx sam build",
        "infra.containers.parameters",
        "aws ecr create-repository",
        "uvx sam deploy",
        "--wait-timeout 300 localstack-poller localstack-feed localstack-front-door",
        "/secrets/admin.key",
        "tests/containers/test_first_post.py",
    ]
    places = [next(number for number, line in enumerate(lines) if words in line) for words in order]
    assert places == sorted(places)


def test_every_function_has_a_repository_and_goes_to_it(tmp_path: Path) -> None:
    lines = plan(tmp_path)
    (deploy,) = [line.split() for line in lines if " deploy " in line]

    made = {line.split()[-1] for line in lines if line.startswith("aws ecr")}
    pushed = dict(word.split("=", 1) for before, word in itertools.pairwise(deploy) if before == "--image-repositories")
    assert made == {f"barometer-{step}" for step in STEPS}
    assert set(pushed) == FUNCTIONS
    assert {uri.partition("/")[2] for uri in pushed.values()} == made


def test_a_plan_shows_no_key(tmp_path: Path) -> None:
    (smoke,) = [line for line in plan(tmp_path) if "BAROMETER_SMOKE_KEY" in line]

    assert "BAROMETER_SMOKE_KEY=… " in smoke


def test_the_template_is_short_enough_to_need_no_bucket() -> None:
    assert TEMPLATE.stat().st_size < MOST_BYTES


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("localhost.localstack.cloud:4510/barometer-ingest", "localhost:4510/barometer-ingest"),
        ("localhost:4510/barometer-ingest", "localhost:4510/barometer-ingest"),
        ("127.0.0.1:4510/barometer-ingest", "localhost:4510/barometer-ingest"),
    ],
)
def test_a_repository_on_this_machine_is_called_as_sam_takes_it(given: str, taken: str) -> None:
    assert local_registry(given) == taken


def test_a_repository_under_a_name_that_sam_refuses_says_which_setting_it_is() -> None:
    with pytest.raises(BarometerError, match="ECR_ENDPOINT_STRATEGY=off"):
        local_registry("000000000000.dkr.ecr.us-east-1.localhost.localstack.cloud:4566/barometer-ingest")


def test_no_profile_and_no_session_of_one_s_own_leads_to_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", "AWS_ACCESS_KEY_ID", "AWS_ENDPOINT_URL"):
        monkeypatch.setenv(name, "mine")

    seen = Commands("http://localhost:4566", ["sam"]).read(sys.executable, "-c", "import os; print(dict(os.environ))")

    assert "mine" not in seen
    assert "http://localhost:4566" in seen


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("no-such-command",), "there is no command no-such-command on this machine"),
        ((sys.executable, "-c", "raise SystemExit(3)"), "exit 3"),
    ],
)
def test_a_command_that_cannot_be_done_is_one_sentence(words: tuple[str, ...], said: str) -> None:
    with pytest.raises(BarometerError, match=said):
        Commands("http://localhost:4566", ["sam"]).run(*words)


def test_a_command_that_does_not_end_is_ended() -> None:
    with pytest.raises(BarometerError, match="not done after"):
        Commands("http://localhost:4566", ["sam"]).run(sys.executable, "-c", "import time; time.sleep(60)", seconds=0.2)

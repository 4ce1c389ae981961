"""``make deploy`` and ``make destroy``: what they would do, and what they do to the programs that they call."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from infra.aws import deploy, destroy
from infra.aws.stacks import NO_ORIGIN, stacks
from infra.local.program import REPOSITORY

# AWS and Docker, which are outside this machine: it notes how it was called, and answers as they would.
STAND_IN = """#!{python} -SE
import json, os, sys
name, rest = os.path.basename(sys.argv[0]), sys.argv[1:]
folder = os.environ["STAND_INS"]
with open(folder + "/calls", "a") as file:
    file.write(json.dumps([name, *rest]) + "\\n")
if os.environ.get("FAIL") and os.environ["FAIL"] in " ".join(rest):
    sys.exit(3)
stacks = folder + "/stacks"
made = open(stacks).read().split() if os.path.exists(stacks) else []
asked = rest[rest.index("--stack-name") + 1] if "--stack-name" in rest else ""
if rest[:2] in (["cloudformation", "deploy"], ["deploy", "--template"]) and asked not in made:
    open(stacks, "w").write(" ".join([*made, asked]))
if rest[:2] == ["cloudformation", "describe-stacks"]:
    if asked not in made:
        sys.exit("Stack with id " + asked + " does not exist")
    outputs = json.load(open(folder + "/outputs"))[asked.rpartition("-")[2]]
    print(json.dumps({{"Stacks": [{{"Outputs": [{{"OutputKey": k, "OutputValue": v}} for k, v in outputs.items()]}}]}}))
elif rest[:2] == ["ecs", "describe-tasks"]:
    print(os.environ.get("EXIT_CODE", "0"))
elif "--query" in rest or name == "git" or rest[:1] == ["ecr"]:
    print("told")
"""


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    for program in ("aws", "sam", "docker", "git"):
        (tmp_path / program).write_text(STAND_IN.format(python=sys.executable))
        (tmp_path / program).chmod(0o755)
    outputs = {
        name: {key: f"{name}-{key}" for key in re.findall(r"^  (\w+):", text.partition("\nOutputs:")[2], re.MULTILINE)}
        for name, text in (
            (name, (REPOSITORY / stack.template).read_text())
            for name, stack in stacks(deploy.choices_of(["--stage", "dev"], "1")[0]).items()
        )
    }
    (tmp_path / "outputs").write_text(json.dumps(outputs))
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("STAND_INS", str(tmp_path))

    def made() -> list[list[str]]:
        lines = [json.loads(line) for line in (tmp_path / "calls").read_text().splitlines()]
        (tmp_path / "calls").unlink()
        return [call for call in lines if call[1:3] != ["cloudformation", "describe-stacks"]]

    return made


def _kinds(calls: list[list[str]]) -> list[str]:
    """What each call is about: a stack's name, or its program and verb."""
    return [
        call[call.index("--stack-name") + 1].removeprefix("barometer-dev-")
        if "--stack-name" in call
        else " ".join(call[:3] if call[0] == "aws" else call[:2])
        for call in calls
    ]


@pytest.mark.usefixtures("calls")
def test_a_plan_says_every_command_and_runs_none(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert deploy.main(["--stage", "dev", "--plan"]) == 0
    said = capsys.readouterr().out

    assert not (tmp_path / "calls").exists()
    for name in stacks(deploy.choices_of(["--stage", "dev"], "1")[0]):
        assert f"--stack-name barometer-dev-{name} " in said
    assert "'DatabaseUrl=<data.DatabaseUrl>'" in said
    assert "aws ecr get-login-password | docker login" in said
    assert "barometer/dev/admin-key" in said


def test_the_schema_comes_before_the_functions_and_the_functions_before_the_pollers(calls: Any) -> None:
    assert deploy.main(["--stage", "dev"]) == 0

    assert _kinds(calls()) == [
        "git describe", "aws sts get-caller-identity",
        "base", "docker build", "docker build", "docker build", "aws ecr get-login-password", "docker login",
        "docker push", "docker push", "docker push", "sam build",
        "network", "data", "aws rds-data execute-statement",
        "jobs", "aws ecs run-task", "aws ecs wait", "aws ecs describe-tasks",
        "app", "edge", "app",
        "services", "watch", "aws s3 sync", "aws s3 sync", "aws cloudfront create-invalidation",
    ]  # fmt: skip


def test_only_the_first_deployment_tells_the_application_its_origin_in_a_second_pass(calls: Any) -> None:
    for passes in ([NO_ORIGIN, "edge-PublicOrigin"], ["edge-PublicOrigin"]):
        assert deploy.main(["--stage", "dev"]) == 0
        told = [call[-1].removeprefix("PublicOrigin=") for call in calls() if call[:2] == ["sam", "deploy"]]
        assert told == passes


def test_a_domain_of_one_s_own_is_known_from_the_start(calls: Any, tmp_path: Path) -> None:
    outputs = json.loads((tmp_path / "outputs").read_text())
    outputs["edge"]["PublicOrigin"] = "https://mood.example"
    (tmp_path / "outputs").write_text(json.dumps(outputs))

    assert deploy.main(["--stage", "dev", "--domain", "mood.example", "--certificate", "arn:c"]) == 0
    made = calls()
    assert [call[-1] for call in made if call[:2] == ["sam", "deploy"]] == ["PublicOrigin=https://mood.example"]
    (edge,) = [call for call in made if "barometer-dev-edge" in call]
    assert {"DomainName=mood.example", "CertificateArn=arn:c"} <= set(edge)


def test_migrations_that_fail_leave_the_old_functions_in_place(
    calls: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXIT_CODE", "1")
    assert deploy.main(["--stage", "dev"]) == 1
    assert "the migrations ended with 1: aws logs tail /barometer/dev/migrations" in capsys.readouterr().err
    assert "app" not in _kinds(calls())


def test_a_command_that_fails_ends_it_with_its_name(
    calls: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAIL", "--target feeds")
    assert deploy.main(["--stage", "dev"]) == 1
    assert capsys.readouterr().err == "deploy: docker build --platform ended with 3\n"
    assert _kinds(calls())[-1] == "docker build"


def test_settings_reach_their_stacks_and_some_the_tasks_too(calls: Any) -> None:
    asked = [
        "--set",
        "data.MostCapacity=16",
        "--set",
        "app.Partitions=3",
        "--set",
        "app.RetentionDays=7",
        "--feed",
        "simulate",
    ]
    assert deploy.main(["--stage", "dev", *asked]) == 0
    made = calls()
    assert [kind for kind, call in zip(_kinds(made), made, strict=True) if "Partitions=3" in call] == [
        "app", "app", "services",
    ]  # fmt: skip
    assert [kind for kind, call in zip(_kinds(made), made, strict=True) if "MostCapacity=16" in call] == ["data"]
    assert [kind for kind, call in zip(_kinds(made), made, strict=True) if "Feed=simulate" in call] == [
        "jobs",
        "services",
    ]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "--stage"),
        (["--stage", "Dev"], "small letters"),
        (["--stage", "dev", "--domain", "a.test"], "a domain needs its certificate"),
        (["--stage", "dev", "--set", "data"], "STACK.PARAMETER=VALUE"),
        (["--stage", "dev", "--set", "dada.A=1"], "no stack dada"),
    ],
)
def test_a_wrong_wish_is_refused_before_anything_is_done(
    capsys: pytest.CaptureFixture[str], arguments: list[str], sentence: str
) -> None:
    with pytest.raises(SystemExit):
        deploy.choices_of(arguments, "1")
    assert sentence in capsys.readouterr().err


def _destroy(typed: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "infra.aws.destroy", *arguments],
        input=typed, text=True, capture_output=True, cwd=REPOSITORY, timeout=120, check=False,
    )  # fmt: skip


def test_nothing_is_deleted_until_the_stage_is_typed_and_then_everything_from_its_end(calls: Any) -> None:
    assert deploy.main(["--stage", "dev"]) == 0
    calls()
    for typed in ("", "y\n", "prod\n"):
        refused = _destroy(typed, "--stage", "dev")
        assert (refused.returncode, refused.stderr) == (1, "destroy: nothing was deleted\n")
        assert "This deletes barometer-dev-base, barometer-dev-network, barometer-dev-data" in refused.stdout
        assert calls() == [], "it only asks what there is"

    assert _destroy("dev\n", "--stage", "dev").returncode == 0
    made = calls()
    deleted = [kind for kind, call in zip(_kinds(made), made, strict=True) if call[2] == "delete-stack"]
    assert deleted == ["watch", "services", "edge", "app", "jobs", "data", "network", "base"]
    assert made.index(["aws", "s3", "rm", "--recursive", "s3://edge-DashboardBucket"]) < [
        call[-1] for call in made
    ].index("barometer-dev-edge")


@pytest.mark.usefixtures("calls")
def test_what_is_not_there_is_not_deleted() -> None:
    refused = _destroy("dev\n", "--stage", "dev")
    assert (refused.returncode, refused.stderr) == (1, "destroy: there is no barometer-dev-*\n")


@pytest.mark.usefixtures("calls")
def test_prod_is_not_deleted_without_a_word(tmp_path: Path) -> None:
    refused = _destroy("prod\n", "--stage", "prod")
    assert (refused.returncode, refused.stderr) == (1, "destroy: prod is not deleted without --even-prod\n")
    assert not (tmp_path / "calls").exists()
    assert destroy.main(["--stage", "prod", "--plan"]) == 0

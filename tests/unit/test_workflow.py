"""The workflow on GitHub: what others wrote is pinned, it may do next to nothing, and it runs what the Makefile has."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TEXTS = {file.name: file.read_text() for file in FILES}
JOBS: list[Any] = [
    pytest.param(job, id=f"{file.stem}-{name}")
    for file in FILES
    for name, job in yaml.safe_load(file.read_text())["jobs"].items()
]
TARGETS = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_there_is_a_workflow() -> None:
    assert "ci.yml" in TEXTS


@pytest.mark.parametrize("name", TEXTS)
def test_every_action_is_a_commit_with_its_version_beside_it(name: str) -> None:
    uses = [line for line in TEXTS[name].splitlines() if re.match(r"\s*(- )?uses:", line)]

    assert uses
    for line in uses:
        assert re.fullmatch(r"\s*(- )?uses: [\w.-]+(/[\w.-]+)+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line), line
    # One action, one version.
    pins = {line.partition("@")[0].strip(" -"): line.partition("@")[2] for line in uses}
    assert {(line.partition("@")[0].strip(" -"), line.partition("@")[2]) for line in uses} == set(pins.items())


@pytest.mark.parametrize("name", TEXTS)
def test_nothing_is_permitted_that_a_job_does_not_ask_for_and_none_asks_for_more_than_to_read(name: str) -> None:
    workflow = yaml.safe_load(TEXTS[name])

    assert workflow["permissions"] == {}
    assert {str(job["permissions"]) for job in workflow["jobs"].values()} == {"{'contents': 'read'}"}
    assert "secrets." not in TEXTS[name]
    # It would run a stranger's code with our rights. (YAML reads `on` as true.)
    assert set(workflow[True]) <= {"push", "pull_request", "workflow_dispatch", "schedule"}


@pytest.mark.parametrize("name", TEXTS)
def test_a_newer_commit_ends_the_run_of_an_older_one(name: str) -> None:
    assert "github.ref" in yaml.safe_load(TEXTS[name])["concurrency"]["group"]


@pytest.mark.parametrize("job", JOBS)
def test_every_job_ends(job: dict[str, Any]) -> None:
    assert 0 < job["timeout-minutes"] <= 90


@pytest.mark.parametrize("job", JOBS)
def test_no_job_leaves_a_credential_in_its_clone(job: dict[str, Any]) -> None:
    clones = [step for step in job["steps"] if step.get("uses", "").startswith("actions/checkout@")]

    assert clones
    assert all(step["with"]["persist-credentials"] is False for step in clones)


@pytest.mark.parametrize("job", JOBS)
def test_every_command_is_one_that_can_be_typed_here(job: dict[str, Any]) -> None:
    commands = [step["run"] for step in job["steps"] if "run" in step]

    assert commands
    for command in commands:
        # What stands in ${{ }} is put into a shell unread.
        assert "${{" not in command
        if made := re.match(r"make ([a-z0-9-]+)", command):
            assert made[1] in TARGETS, command


def test_every_python_that_the_project_names_is_tried() -> None:
    (low, high) = re.findall(r'requires-python = ">=3\.(\d+),<3\.(\d+)"', (ROOT / "pyproject.toml").read_text())[0]
    matrix = yaml.safe_load(TEXTS["ci.yml"])["jobs"]["tests"]["strategy"]["matrix"]["python"]

    assert matrix == [f"3.{minor}" for minor in range(int(low), int(high))]


def test_what_the_workflow_and_the_images_pin_is_kept_up_to_date() -> None:
    asked = yaml.safe_load((ROOT / ".github" / "dependabot.yml").read_text())["updates"]

    kinds = {one["package-ecosystem"]: one for one in asked}
    assert set(kinds) == {"github-actions", "uv", "npm", "docker", "docker-compose"}
    for folder in kinds["docker"]["directories"]:
        assert (ROOT / folder.strip("/") / "Dockerfile").is_file()
    assert (ROOT / kinds["npm"]["directory"].strip("/") / "package-lock.json").is_file()
    assert all(one["cooldown"]["default-days"] >= 7 for one in asked)

"""The functions' images: small, nobody's, with nothing in them that a function does not need, and each answers."""

import json
import tarfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.local.names import STEPS
from tests.containers.answers import check, let_in
from tests.containers.compose import BUILD_SECONDS, ROOT, Compose, docker
from tests.containers.stores import Stores, stores

# The first build fetches every package of every image.
pytestmark = pytest.mark.timeout(2_400)

BASE = "public.ecr.aws/lambda/python:3.13"
MOST_BYTES = {step: 300_000_000 if step == "infer" else 150_000_000 for step in STEPS}
ANSWER_SECONDS = 60
# What Lambda lets a function do, and less.
CONFINED = [
    "--read-only", "--tmpfs", "/tmp",  # noqa: S108 (the container's own)
    "--cap-drop", "ALL", "--security-opt", "no-new-privileges:true",
]  # fmt: skip

# What Amazon Linux 2023 has, which a base image that stands in for AWS's may not be: glibc 2.34 and GCC 11's libraries.
NEWEST = {"GLIBC": [2, 34], "GLIBCXX": [3, 4, 29], "CXXABI": [1, 3, 13]}
# Run as root inside, who may look everywhere; it tells what a person would look for.
LOOK = """
import json, os, pathlib, re, shutil, sys
code = [path for root in ("/var/task", "/opt") for path in pathlib.Path(root).rglob("*")]
asked = {}
for library in (path for path in code if ".so" in path.suffixes):
    for name, version in re.findall(rb"\\0(GLIBC|GLIBCXX|CXXABI)_([0-9.]+)(?=\\0)", library.read_bytes()):
        number = [int(part) for part in version.split(b".")]
        asked[name.decode()] = max(number, asked.get(name.decode(), []))
def bytecode(path):
    return (path.parent / "__pycache__" / f"{path.stem}.{sys.implementation.cache_tag}.pyc").exists()
print(json.dumps({
    "task": sorted(os.listdir("/var/task")),
    "functions": sorted(path.name for path in pathlib.Path("/var/task/functions").iterdir() if path.is_dir()),
    "tests": sorted(str(path) for path in code if path.name == "tests"),
    "secret": sorted(str(path) for path in code if path.name.startswith((".env", ".git", "admin.key"))),
    "unreadable": sorted(str(path) for path in code if path.stat().st_mode & 0o004 == 0),
    "writable": sorted(str(path) for path in code if path.stat().st_mode & 0o022),
    "not compiled": sorted(
        str(path) for path in code
        if path.suffix == ".py" and not bytecode(path) and path != pathlib.Path("/var/task/functions/__init__.py")
    ),
    "tools": [tool for tool in ("uv", "uvx") if shutil.which(tool)],
    "asked": asked,
    "bytes": sum(path.lstat().st_size for path in code if path.is_file()),
    "caches": [path for path in ("/root/.cache", "/build", "/tmp/uv") if os.path.exists(path)],
}))
"""


@pytest.fixture(scope="module")
def images() -> None:
    """Every function's image, of this tree."""
    Compose().run("build", "--quiet", *STEPS, seconds=BUILD_SECONDS)


@pytest.fixture(scope="module")
def both() -> Iterator[Stores]:
    with stores() as running:
        let_in(running)
        yield running


def inspected(image: str) -> Any:
    return json.loads(docker("image", "inspect", image))[0]


def look(step: str) -> Any:
    """What is in an image."""
    inside = ["--rm", "--network", "none", "--user", "0:0", "--entrypoint", "python3"]
    return json.loads(docker("run", *inside, f"barometer:{step}", "-c", LOOK))


@pytest.mark.usefixtures("images")
@pytest.mark.parametrize("step", STEPS)
class TestAnImage:
    def test_adds_little_to_its_base(self, step: str):
        added = look(step)["bytes"]
        if docker("info", "--format", "{{.Driver}}").strip() == "overlay2":
            # Other drivers count what is packed as well. This one sees what a layer has once more.
            added = inspected(f"barometer:{step}")["Size"] - inspected(BASE)["Size"]
        print(f"\n{step}: {added / 1e6:.1f} MB over {BASE}")  # noqa: T201 (for whoever writes it down)
        assert 0 < added < MOST_BYTES[step]

    def test_runs_as_nobody_in_particular_and_says_what_it_is(self, step: str):
        config = inspected(f"barometer:{step}")["Config"]
        assert config["User"] == "10001:10001"
        assert config["Cmd"] == [f"functions.{step}.app.handler"]
        labels = {name.removeprefix("org.opencontainers.image."): told for name, told in config["Labels"].items()}
        assert labels["title"] == f"Barometer {step}"
        assert labels["licenses"] == "MIT"
        assert all(labels[name] for name in ("description", "version", "revision"))

    def test_holds_its_own_function_ready_to_run_on_amazon_linux_and_nothing_else(self, step: str):
        found = look(step)
        asked, _ = found.pop("asked"), found.pop("bytes")
        assert asked
        assert {name: version for name, version in asked.items() if version > NEWEST[name]} == {}
        assert found == {
            "task": ["functions"],
            "functions": [step],
            "tests": [],
            "secret": [],
            "unreadable": [],
            "writable": [],
            "not compiled": [],
            "tools": [],
            "caches": [],
        }

    def test_answers_as_nobody_where_it_can_write_under_tmp_alone(self, step: str, both: Stores):
        event = (ROOT / "tests" / "events" / f"{step}.json").read_bytes()
        settings = {
            "BAROMETER_DATABASE_URL": both.inside["DatabaseUrl"],
            "BAROMETER_REDIS_URL": both.inside["RedisUrl"],
            "BAROMETER_SOCKET_ENDPOINT": "http://127.0.0.1:9/nobody-is-connected",
            "AWS_DEFAULT_REGION": "us-east-1",
            "POWERTOOLS_TRACE_DISABLED": "true",
        }
        container = docker(
            "run", "--detach", "--rm", *CONFINED, "--network", both.network, "--publish", "127.0.0.1::8080",
            *(word for name, value in settings.items() for word in ("--env", f"{name}={value}")),
            f"barometer:{step}",
        ).strip()  # fmt: skip
        try:
            address = docker("port", container, "8080/tcp").split()[0]
            answer = ask(f"http://{address}/2015-03-31/functions/function/invocations", event)
        finally:
            docker("rm", "--force", container)
        check(step, answer, both)


def ask(url: str, event: bytes) -> Any:
    """The function's answer, once AWS's emulator in the image listens."""
    deadline = time.monotonic() + ANSWER_SECONDS
    while True:
        try:
            with urllib.request.urlopen(url, event, timeout=ANSWER_SECONDS) as answer:  # noqa: S310 (our own container)
                return json.load(answer)
        except (urllib.error.URLError, ConnectionError):
            assert time.monotonic() < deadline, "the container does not listen"
            time.sleep(0.05)  # between two tries


def test_a_build_is_sent_no_secret_no_data_and_nothing_that_was_made_here(tmp_path: Path):
    sent = ["pyproject.toml", "uv.lock", "template.yaml", "functions/api/app.py", "layers/model/model.onnx",
            "layers/core/barometer/posts.py", "infra/poller/main.py", "frontend/src/main.tsx"]  # fmt: skip
    kept = [".env", ".env.local", "infra/.env", "frontend/.env.production", ".git/config", ".venv/bin/python",
            ".barometer/admin.key", "data/posts.tsv", "notes.txt", "tests/events/api.json", "docs/models.md",
            "frontend/node_modules/a/index.js", "frontend/dist/index.html", "infra/aws/parameters.json",
            "layers/core/barometer/__pycache__/posts.cpython-313.pyc", "infra/.mypy_cache/a.json"]  # fmt: skip
    for name in [*sent, *kept]:
        (tmp_path / "context" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "context" / name).write_text("x")
    (tmp_path / "context" / ".dockerignore").write_bytes((ROOT / ".dockerignore").read_bytes())
    dockerfile = tmp_path / "Dockerfile"
    dockerfile.write_text('FROM scratch\nCOPY . /sent\nCMD ["none"]\n')

    image = docker("build", "--quiet", "--file", str(dockerfile), str(tmp_path / "context")).split()[-1]
    try:
        container = docker("create", image).strip()
        docker("export", "--output", str(tmp_path / "sent.tar"), container)
        docker("rm", container)
    finally:
        docker("image", "rm", "--force", image)
    with tarfile.open(tmp_path / "sent.tar") as archive:
        names = {member.name.removeprefix("sent/") for member in archive if member.isfile()}
    assert set(sent) <= names
    assert not names & set(kept)

"""Images for tests: AWS's base image with a file of handlers in it. Nothing is ever pulled."""

import contextlib
import functools
import secrets
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.containers.engine import missing

BASE = "public.ecr.aws/lambda/python:3.13"


def docker(*arguments: str, seconds: float = 60) -> str:
    """What ``docker`` says to stdout."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=seconds, check=False)
    assert done.returncode == 0, f"docker {' '.join(arguments)}: {done.stderr}"
    return done.stdout.strip()


@functools.cache
def engine_is_missing() -> str:
    """Why no function can be started from an image here; ``""`` where one can."""
    if reason := missing():
        return reason
    found = subprocess.run(["docker", "image", "inspect", BASE], capture_output=True, timeout=20, check=False)
    return f"the engine has no {BASE}, and a test pulls none" if found.returncode else ""


@contextlib.contextmanager
def image_of(handlers: str, tag: str = "") -> Iterator[str]:
    """An image whose ``handlers`` module is this text; removed on the way out.

    It is a container's files and not a build, for which machines have different builders.
    """
    name = tag or f"barometer-test-{secrets.token_hex(4)}:handlers"
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "handlers.py"
        file.write_text(handlers)
        file.chmod(0o644)
        container = docker("create", "--pull", "never", BASE)
        try:
            docker("cp", str(file), f"{container}:/var/task/handlers.py")
            docker("commit", "--change", "USER 10001:10001", container, name)
        finally:
            docker("rm", "--force", container)
    try:
        yield name
    finally:
        docker("image", "rm", "--force", name)

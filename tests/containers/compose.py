"""Barometer in containers as its users meet it: by `docker compose`, its address and its key."""

import contextlib
import json
import os
import secrets
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from infra.local.programs import any_free_port
from tests.containers.engine import socket_path
from tests.e2e.stack import wait_for

ROOT = Path(__file__).parents[2]
# An image of everything is built first; the engine may have nothing of it yet, and one slow disk.
BUILD_SECONDS = 1800
UP_SECONDS = 300


@dataclass(frozen=True)
class Compose:
    """One running project of docker-compose.yml."""

    project: str = field(default_factory=lambda: f"barometer-test-{secrets.token_hex(3)}")
    ports: tuple[int, int] = field(default_factory=lambda: (any_free_port(), any_free_port()))

    @property
    def environment(self) -> dict[str, str]:
        own = ("BAROMETER_", "LLM_", "POSTGRES_", "VALKEY_", "COMPOSE_")
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith(own)},
            "COMPOSE_PROJECT_NAME": self.project,
            "DOCKER_SOCKET": socket_path(),
            "BAROMETER_PORT": str(self.ports[0]),
            "BAROMETER_SECOND_PORT": str(self.ports[1]),
            "BAROMETER_FEED_RATE": "2",
            # Numbers are asked for right after they change.
            "BAROMETER_CACHE_SECONDS": "0",
        }

    @property
    def urls(self) -> list[str]:
        return [f"http://127.0.0.1:{port}" for port in self.ports]

    def run(self, *arguments: str, seconds: float = UP_SECONDS, check: bool = True) -> str:
        """One `docker compose` command to its end; its standard output."""
        done = subprocess.run(
            ["docker", "compose", "--progress", "quiet", *arguments],
            cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=seconds, check=False,
        )  # fmt: skip
        assert not check or done.returncode == 0, f"docker compose {' '.join(arguments)}: {done.stderr[-3000:]}"
        return done.stdout

    def up(self, *options: str) -> None:
        self.run("up", "--detach", "--wait", "--wait-timeout", str(UP_SECONDS - 10), *options)

    def containers(self, service: str = "", *, all_of_them: bool = False) -> list[dict[str, Any]]:
        """What `docker inspect` tells of the containers of a service, or of the whole project."""
        filters = [f"label=com.docker.compose.project={self.project}"]
        if service:
            # What the runner starts is one-off, and of its service too.
            filters += [f"label=com.docker.compose.service={service}", "label=com.docker.compose.oneoff=False"]
        return self._inspect(filters, all_of_them=all_of_them)

    def environments(self) -> list[dict[str, Any]]:
        """Those that the runner started: the functions."""
        return self._inspect([f"label=barometer.runner={self.project}"])

    @staticmethod
    def _inspect(filters: Sequence[str], *, all_of_them: bool = False) -> list[dict[str, Any]]:
        words = ["--all"] if all_of_them else []
        for one in filters:
            words += ["--filter", one]
        ids = docker("ps", "--quiet", "--no-trunc", *words).split()
        found = []
        for container in ids:
            # One that has ended since is none.
            with contextlib.suppress(AssertionError):
                found += json.loads(docker("inspect", container))
        return found

    @property
    def key(self) -> str:
        return self.secret("admin.key")

    def secret(self, name: str) -> str:
        return self.run("run", "--rm", "-T", "--entrypoint", "cat", "barometer", f"/secrets/{name}").strip()

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.urls[0], headers={"Authorization": f"Bearer {self.key}"}, timeout=40)

    def audit(self) -> dict[str, Any]:
        """What `barometer audit` says, which must be that the books balance."""
        found: dict[str, Any] = json.loads(self.run("run", "--rm", "-T", "barometer", "audit", "--json"))
        return found

    def healthy(self, service: str, seconds: float = 120) -> None:
        """Wait until every container of the service is."""

        def look() -> bool:
            found = self.containers(service)
            states = [one["State"].get("Health", {}).get("Status", "healthy") for one in found]
            return bool(found) and set(states) == {"healthy"}

        wait_for(look, f"{service} is healthy", seconds)

    def settled(self, client: httpx.Client, seconds: float = 120) -> dict[str, Any]:
        """The books, once nothing is in flight."""

        def look() -> dict[str, Any] | None:
            with contextlib.suppress(httpx.TransportError):
                answer = client.get("/api/pipeline")
                if answer.status_code == 200 and answer.json()["in_flight"] == 0:
                    books: dict[str, Any] = answer.json()
                    return books
            return None

        return wait_for(look, "the pipeline comes to rest", seconds)


def docker(*arguments: str, seconds: float = 60) -> str:
    """One `docker` command to its end; its standard output."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=seconds, check=False)
    assert done.returncode == 0, f"docker {' '.join(arguments)}: {done.stderr[-2000:]}"
    return done.stdout


@contextlib.contextmanager
def composed(*options: str) -> Iterator[Compose]:
    """Build and start a project of its own; nothing of it is left but the images."""
    compose = Compose()
    try:
        compose.run("build", "--quiet", seconds=BUILD_SECONDS)
        compose.up("--no-build", *options)
        yield compose
    except BaseException:
        # What the containers said is gone with them.
        logs = ROOT / ".artifacts" / f"{compose.project}.log"
        logs.parent.mkdir(exist_ok=True)
        logs.write_text(compose.run("logs", "--no-color", "--timestamps", check=False))
        raise
    finally:
        compose.run("--profile", "*", "down", "--volumes", "--remove-orphans", "--timeout", "20", check=False)
    label = f"label=com.docker.compose.project={compose.project}"
    for kind, listing in {
        "container": ["ps", "--all"],
        "network": ["network", "ls"],
        "volume": ["volume", "ls"],
    }.items():
        left = docker(*listing, "--quiet", "--filter", label).split()
        assert left == [], f"down leaves a {kind}: {left}"

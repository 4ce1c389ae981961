"""`docker compose up`, as a user runs it: every service stopped and killed, more pollers, nothing left.

`make compose-smoke` runs this after test_first_post.py. Each test leaves the deployment whole for the next.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.containers.compose import Compose, docker
from tests.containers.sender import Sender, stored
from tests.e2e.stack import wait_for

pytestmark = pytest.mark.timeout(900)

LONG_RUNNING = ["postgres", "valkey", "cloud", "runner", "poller", "feed", "front-door"]


@pytest.fixture(scope="module")
def key(compose: Compose) -> str:
    return compose.key


@pytest.fixture(scope="module")
def client(compose: Compose, key: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=compose.urls[0], headers={"Authorization": f"Bearer {key}"}, timeout=40) as connected:
        yield connected


def whole_after(compose: Compose, client: httpx.Client, key: str, disturb: Callable[[], None]) -> int:
    """Send while something is disturbed; then every acknowledged post is stored once and the books balance."""
    with Sender(compose.urls[0], key) as sender:
        wait_for(lambda: len(sender.acknowledged) >= 10, "posts are acknowledged before", 60)
        disturb()
        before = len(sender.acknowledged)
        wait_for(lambda: len(sender.acknowledged) >= before + 10, "posts are acknowledged after", 120)
    compose.settled(client)
    found = Counter(stored(client, sender.source))
    assert set(sender.acknowledged) - found.keys() == set(), "acknowledged and not stored"
    assert [one for one, times in found.items() if times > 1] == [], "stored twice"
    assert compose.audit()["balanced"]
    return len(sender.acknowledged)


def test_each_function_is_a_container_of_its_image_that_may_do_what_it_may_on_lambda(compose: Compose) -> None:
    found = compose.environments()

    assert {one["Config"]["Image"] for one in found} >= {"barometer:ingest", "barometer:infer", "barometer:aggregate"}
    for one in found:
        host = one["HostConfig"]
        assert host["ReadonlyRootfs"], one["Name"]
        assert host["CapDrop"] == ["ALL"], one["Name"]
        assert host["Memory"] > 0, one["Name"]
        assert one["Config"]["User"].partition(":")[0] not in {"", "0", "root"}, one["Name"]
    # Nobody but the runner has the engine's socket, and none of them a secret that it has no use for.
    assert [one["Name"] for one in found if "docker.sock" in json.dumps(one["Mounts"])] == []
    assert [one["Name"] for one in found if "push" in one["Name"] and "LLM_API_KEY" in json.dumps(one["Config"])] == []


@pytest.mark.parametrize("service", LONG_RUNNING)
def test_a_restart_of_one_service_loses_and_doubles_nothing(
    service: str, compose: Compose, client: httpx.Client, key: str
) -> None:
    def restart() -> None:
        compose.run("restart", "--timeout", "30", service)
        compose.healthy(service)

    whole_after(compose, client, key, restart)


@pytest.mark.parametrize("service", LONG_RUNNING)
def test_a_kill_of_one_service_loses_and_doubles_nothing(
    service: str, compose: Compose, client: httpx.Client, key: str
) -> None:
    def kill() -> None:
        compose.run("kill", "--signal", "SIGKILL", service)
        # What somebody killed by hand the engine leaves so.
        compose.up("--no-build", "--no-recreate")

    whole_after(compose, client, key, kill)


def test_a_kill_of_every_function_s_container_loses_and_doubles_nothing(
    compose: Compose, client: httpx.Client, key: str
) -> None:
    def kill() -> None:
        killed = [one["Id"] for one in compose.environments()]
        assert killed
        for container in killed:
            docker("rm", "--force", container)

    whole_after(compose, client, key, kill)


@pytest.mark.parametrize("service", ["cloud", "runner", "poller", "front-door"])
def test_what_dies_by_itself_comes_back_by_itself(
    service: str, compose: Compose, client: httpx.Client, key: str
) -> None:
    def crash() -> None:
        (container,) = compose.containers(service)
        started = container["State"]["StartedAt"]
        # All but process 1 and the shell that says so; process 1 ends with its child.
        docker("exec", container["Id"], "sh", "-c", "kill -9 -1 || true")
        wait_for(
            lambda: [one for one in compose.containers(service) if one["State"]["StartedAt"] != started],
            f"{service} is started again",
            60,
        )
        compose.healthy(service)

    whole_after(compose, client, key, crash)


def test_three_pollers_share_the_work(compose: Compose, client: httpx.Client, key: str) -> None:
    compose.up("--no-build", "--no-recreate", "--scale", "poller=3")
    try:
        pollers = compose.containers("poller")
        assert len(pollers) == 3

        def shared() -> bool:
            return all(_records(one["Id"]) > 0 for one in pollers)

        with Sender(compose.urls[0], key):
            wait_for(shared, "each of three pollers has carried records", 90)
        compose.settled(client)
        assert compose.audit()["balanced"]
    finally:
        compose.up("--no-build", "--no-recreate", "--scale", "poller=1")


def _records(container: str) -> float:
    """How many records a poller has carried, by its own meters."""
    read = "import urllib.request as r; print(r.urlopen('http://127.0.0.1:9464/metrics', timeout=5).read().decode())"
    lines = docker("exec", container, "python", "-c", read).splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith("barometer_poller_ended_records_total"))

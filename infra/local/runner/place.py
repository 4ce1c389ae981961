"""Where the runner stands as a Docker engine sees it: in a container or on the host, in which network, whose it is.

In a container it finds out by itself; on the host, as in tests, it listens on the network's gateway, which is the host
as the containers see it. (Where the engine runs in a virtual machine, as Docker Desktop's does, that address is not
this machine's: there the runner has to be a container.)
"""

import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from infra.local.runner.engine import Engine, EngineError
from infra.local.runner.settings import RunnerSettings

# What every container's engine mounts over this file lies in a folder that is named as the container is.
_OWN_ID = re.compile(r"/([0-9a-f]{64})/hostname /etc/hostname ")
_DEFAULT_NETWORK = "bridge"
_PROJECT, _SERVICE = "com.docker.compose.project", "com.docker.compose.service"
_ONE_OFF = "com.docker.compose.oneoff"


@dataclass(frozen=True, slots=True)
class Place:
    """What a container has to be told to belong to this runner and to reach it.

    Args:
        runner: name of the runner, on the label of each of its containers.
        network: that containers join.
        address: of the runner in that network.
        labels: of compose, if the runner is one of its containers, so that Docker's tools show these as its project's.
    """

    runner: str
    network: str
    address: str
    labels: Mapping[str, str]


async def find_place(engine: Engine, settings: RunnerSettings) -> Place:
    """Find out.

    Raises:
        EngineError: the engine is away; or it does not know the container or network that a setting or the kernel
            names, or has no address there.
    """
    container = settings.runner_container or own_container()
    return await (_inside(engine, settings, container) if container else _outside(engine, settings))


def own_container(mounts: Path = Path("/proc/self/mountinfo")) -> str:
    """Id of the container that this process is in; ``""`` on a host, and where it is not a Docker engine's."""
    try:
        match = _OWN_ID.search(mounts.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        # No Linux.
        return ""
    return match[1] if match else ""


async def _inside(engine: Engine, settings: RunnerSettings, container: str) -> Place:
    own = await _found(engine, f"/containers/{container}/json", f"container {container}", "BAROMETER_RUNNER_CONTAINER")
    networks: dict[str, Any] = own["NetworkSettings"]["Networks"]
    addresses = {name: network["IPAddress"] for name, network in sorted(networks.items()) if network.get("IPAddress")}
    name = settings.runner_network or next(iter(addresses), "")
    if name not in addresses:
        raise EngineError(f"the runner's container has no address in a network {name!r} (BAROMETER_RUNNER_NETWORK)")
    labels: dict[str, str] = own["Config"].get("Labels") or {}
    project = labels.get(_PROJECT, "")
    # One-offs, as those of `docker compose run` are, it lets alone; others it would make what its file says of a
    # service, or call orphans. So `down` does not end them either, but the runner does, which it stops.
    theirs = {_PROJECT: project, _SERVICE: labels.get(_SERVICE, ""), _ONE_OFF: "True"} if project else {}
    return Place(settings.runner_id or project or own["Name"].lstrip("/"), name, addresses[name], theirs)


async def _outside(engine: Engine, settings: RunnerSettings) -> Place:
    name = settings.runner_network or _DEFAULT_NETWORK
    network = await _found(engine, f"/networks/{name}", f"network {name!r}", "BAROMETER_RUNNER_NETWORK")
    address = next((_gateway(config) for config in network["IPAM"].get("Config") or () if "." in config["Subnet"]), "")
    if not address:
        raise EngineError(f"Docker's network {name!r} has no IPv4 gateway (BAROMETER_RUNNER_NETWORK)")
    return Place(
        settings.runner_id or f"barometer-{socket.gethostname()}-{settings.runner_port}", name, address, labels={}
    )


def _gateway(config: Mapping[str, str]) -> str:
    # Docker's own bridge does not always name it; then it is the first address, which is what Docker takes.
    return config.get("Gateway") or str(ip_network(config["Subnet"])[1])


async def _found(engine: Engine, path: str, what: str, setting: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = await engine.call("GET", path)
    except EngineError as error:
        if error.status == 404:
            raise EngineError(f"the Docker engine knows no {what} ({setting})", 404) from None
        raise
    return found

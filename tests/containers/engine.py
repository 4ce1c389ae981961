"""Whether this machine has a Docker engine with compose, for those tests that start containers."""

import os
import shutil
import subprocess
from functools import cache

# What a test waits for an engine that is busy before it calls it away.
_SECONDS = 20


@cache
def missing() -> str:
    """Why no container can be started here; ``""`` if one can."""
    if shutil.which("docker") is None:
        return "no docker command on this machine"
    for command in (["docker", "info", "--format", "{{.ServerVersion}}"], ["docker", "compose", "version"]):
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
        except subprocess.TimeoutExpired:
            return f"{' '.join(command[:2])} does not answer within {_SECONDS} s"
        if done.returncode:
            return f"no Docker engine answers: {' '.join((done.stderr or done.stdout).split())[:200]}"
    return ""


def socket_path() -> str:
    """The engine's socket on this machine."""
    return os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock").removeprefix("unix://")

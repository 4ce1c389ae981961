"""Commands find the Barometer that runs in ``--home`` without being told where each part of it is."""

import os
from pathlib import Path

from barometer.errors import BarometerError
from barometer.settings import Settings, load
from infra.local.home import Home
from infra.local.names import CREDENTIALS, REGION
from infra.local.state import read_state


def enter(path: Path) -> Home:
    """Let this process's environment name the parts of the home at ``path``; what it names already stays.

    With a ``BAROMETER_REDIS_URL`` (or such a secret) that is not the home's, the environment speaks of a Barometer
    elsewhere and stays as it is.

    Raises:
        BarometerError: nothing runs there, and the environment does not say where else.
    """
    home, named = Home.at(path), load(Settings).redis_url.get_secret_value()
    state = read_state(home)
    if state.ports is None or state.phase != "ready" or not home.is_held():
        if named:
            return home
        raise BarometerError(f"no Barometer is running in {home.root}: start one with barometer up, or name its --home")
    if named and named != state.redis_url:
        return home
    os.environ["BAROMETER_REDIS_URL"] = state.redis_url
    os.environ["BAROMETER_PARTITIONS"] = str(state.partitions)
    os.environ.setdefault("AWS_ENDPOINT_URL", f"http://127.0.0.1:{state.ports.cloud}")
    os.environ.setdefault("AWS_DEFAULT_REGION", REGION)
    for name, value in CREDENTIALS.items():
        os.environ.setdefault(name, value)
    # What is on this machine is never behind a proxy.
    spared = filter(None, (os.environ.get("NO_PROXY") or os.environ.get("no_proxy"), "127.0.0.1"))
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = ",".join(spared)
    return home

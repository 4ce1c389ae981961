"""``python -m infra.containers.ready``: says that Barometer is ready, and how to come in, once that is true.

Promises what ``barometer up`` does: every function of the pipeline has answered, and so has every route, through the
front door, the way a browser comes.
"""

import asyncio
import sys
import time
from pathlib import Path

from pydantic import Field

from barometer.errors import BarometerError
from barometer.settings import Settings, load
from infra.local.admin import read_admin_key
from infra.local.home import Home
from infra.local.names import PIPELINE, STACK
from infra.local.report import sign_in
from infra.local.rounds import make_rounds
from infra.local.wake import wake


class ReadySettings(Settings):
    """Where everything is, as this container reaches it."""

    secrets_dir: Path = Field(description="folder of the secrets, with the key in it")
    runner_endpoint: str = Field(default="http://runner:9001", description="endpoint of the runner")
    front_door_endpoint: str = Field(default="http://front-door:8080", description="address of the front door")


async def look(settings: ReadySettings, key: str) -> int:
    """Ask every function and every route; give how many routes answered.

    Raises:
        BarometerError: one does not answer as it should.
    """
    try:
        await wake(settings.runner_endpoint, [f"{STACK}-{step}" for step in PIPELINE])
    except ExceptionGroup as faults:
        # Several that fail at once fail of the same.
        raise faults.exceptions[0] from None
    return await make_rounds(settings.front_door_endpoint, key, dashboard=True)


def main() -> int:
    """Exit 0 once everything has answered, 1 with one sentence otherwise."""
    started = time.monotonic()
    try:
        settings = load(ReadySettings)
        key = read_admin_key(Home(settings.secrets_dir))
        answered = asyncio.run(look(settings, key))
    except BarometerError as error:
        sys.stderr.write(f"not ready: {error}\n")
        return 1
    seconds = time.monotonic() - started
    sys.stdout.write(
        f"ready: {len(PIPELINE)} functions and {answered} routes have answered, after {seconds:.1f} s\n"
        f"\n  {sign_in(settings.public_origin, key)}\n\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""``python -m infra.local.front_door``: serve until SIGTERM or SIGINT."""

import sys

from barometer.settings import load
from infra.local.front_door.app import application
from infra.local.front_door.settings import FrontDoorSettings
from infra.local.serving import run, serve

_STOP_SECONDS = 3.0


async def front_door() -> None:
    """Serve the dashboard, and what lies behind."""
    settings = load(FrontDoorSettings)
    await serve(
        "front door",
        await application(settings),
        settings.front_door_host,
        settings.front_door_port,
        "BAROMETER_FRONT_DOOR_PORT",
        _STOP_SECONDS,
    )


if __name__ == "__main__":
    sys.exit(run(front_door()))

"""What all workers of one poller share."""

import asyncio
from dataclasses import dataclass

from barometer.stores.redis import AsyncClient
from barometer.streams import Deployment
from infra.poller.invoke import Invoker
from infra.poller.retry import Delays
from infra.poller.scripts import Scripts
from infra.poller.telemetry import Meters


@dataclass(frozen=True, slots=True)
class Bench:
    """One Redis client, one Lambda client, one set of meters, and one ``stop`` that ends all work."""

    client: AsyncClient
    scripts: Scripts
    invoker: Invoker
    deployment: Deployment
    meters: Meters
    delays: Delays
    stop: asyncio.Event

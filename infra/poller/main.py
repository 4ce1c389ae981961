"""The poller: streams to functions and back. ``python -m infra.poller`` runs it until SIGTERM or SIGINT.

It exits 0 after a drain, also one that ran into its bound (nothing is lost: other pollers take over), and 1 with one
sentence when it cannot start.
"""

import asyncio
import contextlib
import os
import secrets
import signal
import sys
from collections.abc import Awaitable

import redis

from barometer.errors import BarometerError, SettingsError
from barometer.garbage import collect_seldom
from barometer.observability import logger
from barometer.settings import MOST_PARTITIONS, load
from barometer.stores.deployment import deployment
from barometer.stores.redis import AsyncClient, connect_async
from barometer.streams import Deployment, counters_key
from infra.poller.bench import Bench
from infra.poller.cloudwatch import CloudWatch
from infra.poller.invoke import Invoker
from infra.poller.monitor import Monitor
from infra.poller.retry import Delays
from infra.poller.scripts import Scripts
from infra.poller.seat import Seat
from infra.poller.settings import PollerSettings
from infra.poller.telemetry import Health, Meters, serve
from infra.poller.worker import Worker


def seats(settings: PollerSettings, plan: Deployment) -> list[Seat]:
    """A seat at each pipe in each partition, for a consumer that no other process has been or will be."""
    consumer = f"{settings.consumer_name}-{secrets.token_hex(6)}"
    return [
        Seat(pipe, partition, consumer, int(settings.lease_seconds * 1_000))
        for pipe in plan.pipes
        for partition in range(settings.partitions)
    ]


def connections(places: list[Seat]) -> int:
    """As many as may be used at once: a seat's reader and warden, its flights, and as many again that only commit."""
    return 8 + sum(2 + 2 * seat.pipe.parallelization_factor for seat in places)


async def check_partitions(client: AsyncClient, partitions: int) -> None:
    """Leave no post behind: what lies in a partition beyond the last would never be read, and not be missed.

    Raises:
        SettingsError: there were more partitions once; posts lie in them, or are counted there.
    """
    try:
        async with client.pipeline(transaction=False) as pipeline:
            for partition in range(partitions, MOST_PARTITIONS):
                pipeline.exists(counters_key(partition))
            found = await pipeline.execute()
    except redis.RedisError as error:
        # As everywhere here, a Redis that is away is waited for.
        logger.warning("cannot look for more partitions", error=str(error))
        return
    if any(found):
        raise SettingsError(
            f"wrong settings: BAROMETER_PARTITIONS: there were more than {partitions} before, whose posts would be "
            "neither read nor counted; it may grow, but not shrink"
        )


async def poll(settings: PollerSettings, plan: Deployment) -> bool:
    """Poll until a signal. Tells whether all that was in flight came to its end within the drain.

    Raises:
        SettingsError: there is a partition that the settings leave out.
    """
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    places = seats(settings, plan)
    meters, health = Meters(), Health()
    invoker = Invoker(settings.lambda_endpoint, settings.invoke_timeout_seconds, settings.invoke_concurrency)
    async with contextlib.AsyncExitStack() as closing:
        closing.callback(invoker.close)
        client = connect_async(settings.redis_url.get_secret_value(), max_connections=connections(places))
        closing.push_async_callback(client.aclose)
        await check_partitions(client, settings.partitions)
        address, close = serve(settings.metrics_host, settings.metrics_port, meters, health)
        closing.callback(close)
        bench = Bench(
            client=client,
            scripts=Scripts(client),
            invoker=invoker,
            deployment=plan,
            meters=meters,
            delays=Delays(settings.retry_base_seconds, settings.retry_cap_seconds),
            stop=stop,
        )
        collect_seldom()
        logger.info("polling", consumer=places[0].consumer, pipes=len(plan.pipes), address=address)
        cloudwatch = CloudWatch(settings.pipes_parameter, settings.cloudwatch_seconds)
        monitor = Monitor(client, plan, settings.partitions, meters, health=health, cloudwatch=cloudwatch)
        watch = asyncio.create_task(monitor.run())
        closing.callback(watch.cancel)
        return await _until_drained(_work(bench, places), bench, health, settings.drain_seconds)


async def _work(bench: Bench, places: list[Seat]) -> None:
    async with asyncio.TaskGroup() as workers:
        for seat in places:
            workers.create_task(Worker(bench, seat).run())


async def _until_drained(work: Awaitable[None], bench: Bench, health: Health, seconds: float) -> bool:
    """Let ``work`` run until ``stop``, and then ``seconds`` longer at most; an error in it is an error here."""
    working = asyncio.ensure_future(work)
    stopping = asyncio.ensure_future(bench.stop.wait())
    await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    health.drain()
    logger.info("draining")
    done, _ = await asyncio.wait({working}, timeout=seconds)
    if not done:
        logger.warning("the drain is over before its work: other pollers will take it over", seconds=seconds)
        working.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await working
    logger.info("drained" if done else "stopped")
    return bool(done)


def main() -> int:
    """Run the poller; gives the exit status."""
    try:
        settings = load(PollerSettings)
        plan = deployment(settings.pipes_parameter)
        drained = asyncio.run(poll(settings, plan))
    except BarometerError as error:
        sys.stderr.write(f"poller: {error}\n")
        return 1
    if not drained:
        # Python would wait for the threads of calls that outlived the drain.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)
    return 0

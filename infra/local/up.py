"""``barometer up``: everything started, at once where nothing waits for anything; then kept running.

Promises: it is ready when it says so, for every route has answered; what cannot be is one sentence, and then nothing is
left running; whatever an earlier ``up`` left behind is ended first; what ends unasked is started again.
"""

import asyncio
import signal
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from barometer.errors import BarometerError
from barometer.settings import Settings, load
from infra.local import programs
from infra.local.admin import admin_key
from infra.local.given import postgres_version, redis_version
from infra.local.home import Home, HomeInUseError
from infra.local.leftovers import end_leftovers
from infra.local.migrate import migrate
from infra.local.names import PIPELINE, STACK
from infra.local.parameters import parameters
from infra.local.program import Program
from infra.local.programs import Place
from infra.local.report import Report
from infra.local.services import Service, postgres_service, redis_service
from infra.local.settings import UpSettings
from infra.local.starters import give_topics
from infra.local.state import ProcessRecord, State, read_state, this_process, write_state
from infra.local.supervisor import Supervisor
from infra.local.template import TEMPLATE, Template, read_template

if TYPE_CHECKING:
    from infra.local.deploy import Deployed


@dataclass(frozen=True, slots=True)
class Options:
    """What ``up`` is asked for.

    Args:
        home: where it lives.
        port: of the front door; 0 takes any.
        feed: which feed to run; ``none`` runs none.
        template: what to deploy.
        pollers: how many pollers share the work.
    """

    home: Home
    port: int = 8000
    feed: str = "simulate"
    template: Path = TEMPLATE
    pollers: int = 1


def up(options: Options, report: Report) -> None:
    """Run until told to stop by SIGINT, SIGTERM or SIGHUP.

    Raises:
        BarometerError: it could not become ready; nothing is left running.
    """
    options.home.prepare()
    try:
        with options.home.held():
            asyncio.run(_Up(options, report).run())
    except HomeInUseError:
        state = read_state(options.home)
        where = f" at {state.url}" if state.url else ""
        raise BarometerError(
            f"a Barometer is {state.phase} in {options.home.root}{where}: "
            "stop it with barometer down, or choose another --home"
        ) from None


class _Up:
    """One run of ``up``, which holds its home."""

    def __init__(self, options: Options, report: Report) -> None:
        self._options = options
        self._home = options.home
        self._report = report
        self._state = read_state(options.home)
        self._supervisor = Supervisor(
            options.home, programs.order(options.pollers), say=report.say, changed=self._processes_changed
        )

    async def run(self) -> None:
        work = asyncio.create_task(self._work())
        signals = 0

        def told_to_stop() -> None:
            nonlocal signals
            signals += 1
            if signals == 1:
                work.cancel()
            else:
                # Asked twice: no more waiting for what is in flight.
                self._supervisor.kill()

        loop = asyncio.get_running_loop()
        for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(name, told_to_stop)
        error = None
        try:
            await asyncio.wait([work])
            error = _fault(work)
        finally:
            # Also when something else than a signal ends us.
            work.cancel()
            await asyncio.wait([work])
            await self._stop(error)
        if error is not None:
            raise error

    async def _work(self) -> None:
        place, key = await self._start()
        self._remember(phase="ready", steps=self._report.steps)
        self._report.ready(self._home, place.url, key)
        self._report.say("Ctrl-C stops it")
        await asyncio.Event().wait()

    async def _start(self) -> tuple[Place, str]:
        # Every setting of every process, so that a wrong one is told now and not by a log.
        settings = load(UpSettings)
        if self._options.feed not in programs.FEEDS:
            raise BarometerError(f"there is no feed {self._options.feed!r}: choose {' or '.join(programs.FEEDS)}")
        template = read_template(self._options.template)
        if ended := await asyncio.to_thread(end_leftovers, self._home, self._state):
            self._report.say(f"ended what an earlier run left behind: {', '.join(ended)}")
        ports = programs.free_ports(self._options.port, self._state.ports, self._options.pollers)
        url = f"http://{programs.HOST}:{ports.front_door}"
        self._state = State(phase="starting", url=url, supervisor=this_process(), ports=ports)
        self._remember()
        self._report.say(f"starting Barometer in {self._home.root}")
        stores = await self._stores(settings)
        place = Place(
            self._home,
            ports,
            database_url=settings.database_url.get_secret_value() or stores["postgres"].url,
            redis_url=settings.redis_url.get_secret_value() or stores["redis"].url,
        )
        self._remember(database_url=place.database_url, redis_url=place.redis_url, partitions=settings.partitions)
        async with asyncio.TaskGroup() as group:
            prepared = group.create_task(self._database(place, stores.get("postgres")))
            if "redis" in stores:
                group.create_task(self._program(programs.store(stores["redis"], self._home)))
            deployed = group.create_task(self._cloud(place, settings, template))
            group.create_task(asyncio.to_thread(_load_libraries))
            group.create_task(self._program(programs.runner(place)))
        key = prepared.result()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._front_door(place, settings, deployed.result(), key))
            group.create_task(self._pipeline(place))
        return place, key

    async def _stores(self, settings: UpSettings) -> dict[str, Service]:
        """The stores that are ours to run: those that no variable names; those that one names must answer."""
        stores = {}
        if url := settings.database_url.get_secret_value():
            await asyncio.to_thread(postgres_version, url)
        if url := settings.redis_url.get_secret_value():
            await asyncio.to_thread(redis_version, url)
        if not settings.database_url.get_secret_value():
            # The first time this makes a database; not in this thread, so that Ctrl-C is heard.
            stores["postgres"] = await asyncio.to_thread(postgres_service, self._home.postgres)
        if not settings.redis_url.get_secret_value():
            stores["redis"] = redis_service(self._home.redis, fsync=settings.redis_fsync)
        return stores

    async def _program(self, program: Program) -> None:
        with self._report.step(program.name):
            await self._supervisor.start(program)

    async def _database(self, place: Place, service: Service | None) -> str:
        if service is not None:
            await self._program(programs.store(service, self._home))
        with self._report.step("migrations") as notes:
            try:
                notes.extend(await asyncio.to_thread(migrate, place.database_url))
            except psycopg.Error as error:
                raise BarometerError(f"could not migrate the database: {error}") from error
        if self._options.feed == "simulate" and (made := await asyncio.to_thread(give_topics, place.database_url)):
            self._report.say(f"watching, to begin with: {', '.join(made)}")
        return await asyncio.to_thread(admin_key, self._home, place.database_url)

    async def _cloud(self, place: Place, settings: Settings, template: Template) -> "Deployed":
        given = parameters(
            settings,
            database_url=place.database_url,
            redis_url=place.redis_url,
            public_origin=_public_origin(place, settings),
            endpoint=place.cloud_url,
        )

        def deploy() -> "Deployed":
            from infra.local.deploy import Deployer  # noqa: PLC0415 (see _load_libraries)

            return Deployer(place.cloud_url).deploy(template, given)

        async def deploy_again() -> None:
            # It saves what it knows only when it is stopped; when it was killed, that is old or nothing.
            await asyncio.to_thread(deploy)

        with self._report.step("cloud"):
            await self._supervisor.start(programs.cloud(place), restored=deploy_again)
        with self._report.step("deployment") as notes:
            deployed = await asyncio.to_thread(deploy)
            notes.append("changed" if deployed.changed else "unchanged")
        return deployed

    async def _front_door(self, place: Place, settings: Settings, deployed: "Deployed", key: str) -> None:
        from infra.local.rounds import make_rounds  # noqa: PLC0415 (see _load_libraries)

        outputs = deployed.outputs
        await self._program(
            programs.front_door(place, _public_origin(place, settings), outputs["HttpApiId"], outputs["SocketApiId"])
        )
        with self._report.step("every route") as notes:
            built = programs.DASHBOARD.is_file()
            notes.append(f"{await make_rounds(place.url, key, dashboard=built)} requests answered")
            if not built:
                notes.append("but the dashboard is not built (make setup builds it)")

    async def _pipeline(self, place: Place) -> None:
        from infra.local.wake import wake  # noqa: PLC0415 (see _load_libraries)

        with self._report.step("functions") as notes:
            await wake(place.runner_url, [f"{STACK}-{step}" for step in PIPELINE])
            notes.append(f"{len(PIPELINE)} answered")
        # Only now, so that it finds them started.
        async with asyncio.TaskGroup() as group:
            for poller in programs.pollers(place):
                group.create_task(self._program(poller))
        if self._options.feed != "none":
            await self._program(programs.feed(place, self._options.feed))

    async def _stop(self, error: BarometerError | None) -> None:
        if self._state.phase == "ready":
            self._report.say("stopping")
        self._remember(phase="stopping")
        await self._supervisor.stop()
        self._remember(phase="stopped", error=str(error or ""))

    def _processes_changed(self, processes: tuple[ProcessRecord, ...]) -> None:
        self._remember(processes=processes)

    def _remember(self, **changes: object) -> None:
        self._state = self._state.model_copy(update=changes)
        try:
            write_state(self._home, self._state)
        except OSError as error:
            # A full disk is no reason not to stop what runs, nor not to start again what ended.
            self._report.say(f"cannot write {self._home.state}: {error.strerror}")


def _load_libraries() -> None:
    """What takes long to import is imported while the first processes start, not before them."""
    import_module("infra.local.deploy")
    import_module("infra.local.rounds")
    import_module("infra.local.wake")


def _public_origin(place: Place, settings: Settings) -> str:
    """What browsers call it: as told, else the front door's address."""
    return settings.public_origin if "public_origin" in settings.model_fields_set else place.url


def _fault(work: "asyncio.Task[None]") -> BarometerError | None:
    """Why the work ended: ``None`` if because it was told to."""
    if work.cancelled():
        return None
    fault: BaseException | None = work.exception()
    while isinstance(fault, BaseExceptionGroup):
        fault = fault.exceptions[0]
    if isinstance(fault, BarometerError):
        return fault
    return BarometerError(f"{type(fault).__name__}: {fault}")

"""The launcher of images: a function is a container of the very image that is pushed to ECR.

The image's entrypoint finds ``AWS_LAMBDA_RUNTIME_API`` and runs AWS's runtime interface client, as it does on Lambda.
A container may do what it may do there, and no more: its files are read-only but for 512 MB of ``/tmp``, it has no
capabilities, and as many processes and open files as Lambda allows. The kernel holds it to its memory.

Each container is removed by the engine as it ends, so that one whose runner was killed leaves nothing: it finds its
Runtime API gone, and ends. One that hangs in its handler is removed by the next runner of the same name (``sweep``). So
there may be one runner of a name at a time.
"""

import asyncio
import contextlib
import json
import secrets
from collections.abc import AsyncIterator, Coroutine, Mapping
from typing import Any

from barometer.observability import logger
from infra.local.runner.container import ContainerHandle
from infra.local.runner.engine import Engine, EngineError
from infra.local.runner.launcher import Launch, lambda_variables
from infra.local.runner.place import Place, find_place
from infra.local.runner.settings import RunnerSettings

RUNNER_LABEL = "barometer.runner"
_FUNCTION_LABEL = "barometer.function"
# Lambda quotas: "/tmp" without EphemeralStorage, "Processes/threads" and "File descriptors".
_TMP_MB, _PROCESSES, _FILES = 512, 1024, 1024
# "At 1,769 MB, a function has the equivalent of one vCPU" (Lambda Developer Guide, "Configure memory").
_MB_OF_A_CPU, _SHARES_OF_A_CPU, _LEAST_SHARES = 1769, 1024, 2
_TASK_ROOT = "/var/task"
_CLOSE_SECONDS = 5.0
# Between two looks at what is just being removed.
_GOING_SECONDS = 0.05


@contextlib.asynccontextmanager
async def container_launcher(settings: RunnerSettings) -> AsyncIterator["ContainerLauncher"]:
    """A launcher as the settings say, after what a runner before it left was removed; nothing is left of it either.

    Raises:
        EngineError: there is no engine, or not what the settings name.
    """
    engine = Engine(settings.docker_host)
    try:
        place = await find_place(engine, settings)
        launcher = ContainerLauncher(engine, place, region=settings.cloud_region, endpoint=settings.cloud_endpoint)
        if left := await launcher.sweep():
            logger.info("containers of a runner before this one are removed", runner=place.runner, count=left)
        try:
            yield launcher
        finally:
            await launcher.close()
    finally:
        await engine.close()


class ContainerLauncher:
    """Starts functions as containers.

    Args:
        engine: where.
        place: where the runner stands there.
        region: of the deployed stack.
        endpoint: of the emulated AWS, as a container reaches it.
    """

    def __init__(self, engine: Engine, place: Place, *, region: str, endpoint: str) -> None:
        self.engine = engine
        self._place = place
        self._region = region
        self._endpoint = endpoint
        self._chores: set[asyncio.Task[None]] = set()

    @property
    def bind_host(self) -> str:
        """See ``Launcher.bind_host``."""
        return self._place.address

    def advertise(self, port: int) -> str:
        """See ``Launcher.advertise``."""
        return f"{self._place.address}:{port}"

    async def start(self, launch: Launch) -> ContainerHandle:
        """See ``Launcher.start``."""
        name = f"{self._name_of(launch)}-{secrets.token_hex(3)}"
        # An engine that was asked makes the container, whether the asker still waits or not.
        creating = asyncio.create_task(self._create(name, launch))
        try:
            container = await asyncio.shield(creating)
            handle = ContainerHandle(
                self.engine, container, name, limit=launch.function.memory, on_output=launch.on_output
            )
            await handle.started()
        except BaseException:
            self._chore(self._remove_created(name, creating))
            raise
        return handle

    async def sweep(self) -> int:
        """Remove what a runner of this name, which is gone, has left; returns how many containers.

        Raises:
            EngineError: the engine refuses or is away.
        """
        filters = json.dumps({"label": [f"{RUNNER_LABEL}={self._place.runner}"]})
        left: list[dict[str, Any]] = await self.engine.call(
            "GET", "/containers/json", query={"all": "true", "filters": filters}
        )
        await asyncio.gather(*(self._remove(container["Id"]) for container in left))
        return len(left)

    async def close(self) -> None:
        """Return when no container is left, which is when their network can go too; bounded."""
        try:
            async with asyncio.timeout(_CLOSE_SECONDS):
                await asyncio.gather(*self._chores)
                while await self.sweep():  # noqa: ASYNC110 (it is the engine that has the event)
                    await asyncio.sleep(_GOING_SECONDS)
        except (TimeoutError, EngineError) as error:
            logger.warning("containers may be left", runner=self._place.runner, reason=str(error))

    async def _create(self, name: str, launch: Launch) -> str:
        image = launch.function.image
        if not image:
            raise EngineError(f"{launch.function.name} has no image")
        try:
            answer = await self.engine.call(
                "POST", "/containers/create", query={"name": name}, body=self._container(launch)
            )
        except EngineError as error:
            if error.status != 404 or "image" not in str(error):
                raise
            target = image.rpartition(":")[2]
            raise EngineError(f"there is no image {image}; build it: docker compose build {target}", 404) from None
        return str(answer["Id"])

    def _container(self, launch: Launch) -> Mapping[str, object]:
        function = launch.function
        memory = function.memory * 1_048_576
        variables = lambda_variables(launch, region=self._region, endpoint=self._endpoint, task_root=_TASK_ROOT)
        return {
            "Image": function.image,
            "Cmd": [function.handler],
            "Env": [f"{name}={value}" for name, value in variables.items()],
            "Labels": {
                **self._place.labels,
                RUNNER_LABEL: self._place.runner,
                _FUNCTION_LABEL: function.name,
            },
            "HostConfig": {
                "NetworkMode": self._place.network,
                "AutoRemove": True,
                # A function that is killed is reaped, and one that is told to end hears it, as no process 1 would.
                "Init": True,
                "ReadonlyRootfs": True,
                "Tmpfs": {"/tmp": f"rw,exec,nosuid,nodev,size={_TMP_MB}m,mode=1777"},  # noqa: S108 (Lambda's own path)
                "CapDrop": ["ALL"],
                "SecurityOpt": ["no-new-privileges"],
                "PidsLimit": _PROCESSES,
                "Ulimits": [{"Name": "nofile", "Soft": _FILES, "Hard": _FILES}],
                "Memory": memory,
                # Equal to the limit on memory: no swap.
                "MemorySwap": memory,
                # A share and no quota: a start that has no rival may take all there is.
                "CpuShares": max(_LEAST_SHARES, function.memory * _SHARES_OF_A_CPU // _MB_OF_A_CPU),
                # The runner has the output; a copy that nobody bounds would fill the disk.
                "LogConfig": {"Type": "none"},
            },
        }

    def _name_of(self, launch: Launch) -> str:
        runner, function = self._place.runner, launch.function.name
        return function if function.startswith(f"{runner}-") else f"{runner}-{function}"

    async def _remove_created(self, name: str, creating: asyncio.Task[str]) -> None:
        await asyncio.wait({creating})
        # By its name, and even if that failed: an answer may be lost on the way.
        if not creating.cancelled():
            creating.exception()
        await self._remove(name)

    async def _remove(self, container: str) -> None:
        try:
            await self.engine.call("DELETE", f"/containers/{container}", query={"force": "true", "v": "true"})
        except EngineError as error:
            # Gone, or just going: it removes itself as it ends.
            if error.status not in {404, 409}:
                logger.warning("a container may be left", container=container, reason=str(error))

    def _chore(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._chores.add(task)
        task.add_done_callback(self._chores.discard)

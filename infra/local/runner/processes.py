"""The launcher of the embedded cloud: a function is a process of AWS's own ``awslambdaric``, beside this one.

The process gets the environment that Lambda would give it, not ours: what a function needs and the template does not
say is missing here as it is there.
"""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import psutil

from infra.local.runner.launcher import Exit, Launch, lambda_variables, signal_name

# How this machine reaches programs, certificates and the world; of no use or meaning to a function itself.
_INHERITED = (
    "PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH", "SSL_CERT_FILE", "SSL_CERT_DIR",
    "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy",
)  # fmt: skip
_PIPE_BYTES = 64 * 1024
# A killed process that is not gone by then hangs in the kernel; nothing can be done about it here.
_KILL_SECONDS = 5.0


class ProcessLauncher:
    """Starts functions as processes.

    Args:
        task_root: the folder that holds the functions' code; their working directory.
        region: of the deployed stack.
        endpoint: of the emulated AWS.
    """

    bind_host = "127.0.0.1"

    def __init__(self, task_root: Path, *, region: str, endpoint: str) -> None:
        self._task_root = task_root.resolve()
        self._region = region
        self._endpoint = endpoint

    def advertise(self, port: int) -> str:
        """See ``Launcher.advertise``."""
        return f"{self.bind_host}:{port}"

    async def start(self, launch: Launch) -> "ProcessHandle":
        """See ``Launcher.start``."""
        reader, writer = os.pipe()
        try:
            # Its own session: Ctrl-C in our terminal is not for it, and all that it starts can be killed with it.
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "infra.local.runner.child", str(os.getpid()), launch.function.handler,
                stdin=asyncio.subprocess.DEVNULL, stdout=writer, stderr=writer,
                cwd=self._task_root, env=self._variables(launch), start_new_session=True,
            )  # fmt: skip
        except BaseException:
            os.close(reader)
            raise
        finally:
            os.close(writer)
        return ProcessHandle(process, reader, launch.on_output)

    def _variables(self, launch: Launch) -> Mapping[str, str]:
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        no_proxy = ",".join(filter(None, (os.environ.get("NO_PROXY", ""), "127.0.0.1,localhost")))
        # The shared layers come first, as /opt/python does on Lambda.
        path = [*map(str, sorted(self._task_root.glob("layers/*"))), str(self._task_root)]
        if given := launch.function.variables.get("PYTHONPATH"):
            path.insert(0, given)
        return {
            **inherited,
            "NO_PROXY": no_proxy,
            "no_proxy": no_proxy,
            "AWS_EXECUTION_ENV": f"AWS_Lambda_python{sys.version_info.major}.{sys.version_info.minor}",
            **lambda_variables(launch, region=self._region, endpoint=self._endpoint, task_root=str(self._task_root)),
            "PYTHONPATH": os.pathsep.join(path),
        }


class ProcessHandle:
    """A function's process; see ``Handle``.

    Args:
        process: leader of a session of its own.
        output: the reading end of its stdout and stderr; owned and closed by this.
        on_output: takes what is read.
    """

    def __init__(self, process: asyncio.subprocess.Process, output: int, on_output: Callable[[bytes], None]) -> None:
        self._process = process
        self._output: int | None = output
        self._on_output = on_output
        self._usage: psutil.Process | None = None
        with contextlib.suppress(psutil.Error):
            self._usage = psutil.Process(process.pid)
        os.set_blocking(output, False)
        asyncio.get_running_loop().add_reader(output, self._drain)

    @property
    def name(self) -> str:
        """See ``Handle.name``."""
        return f"pid {self._process.pid}"

    async def wait(self) -> Exit:
        """See ``Handle.wait``."""
        code = await self._process.wait()
        # What it started and left behind.
        self._kill_group()
        self._drain()
        self._close_output()
        if code >= 0:
            return Exit(code)
        return Exit(signal=signal_name(-code))

    def memory(self) -> int:
        """See ``Handle.memory``: resident memory."""
        try:
            return 0 if self._usage is None else int(self._usage.memory_info().rss)
        except psutil.Error:
            return 0

    async def drain(self, *, surely: bool) -> None:  # noqa: ARG002 (it always is)
        """See ``Handle.drain``. What was written before an answer came is in the pipe by then: no waiting."""
        self._drain()

    def _drain(self) -> None:
        # A pipe holds at most 1 MB (fs.pipe-max-size); one that is written as fast as it is read must not hold us up.
        for _ in range(16):
            if self._output is None:
                return
            try:
                chunk = os.read(self._output, _PIPE_BYTES)
            except BlockingIOError:
                return
            if not chunk:
                self._close_output()
                return
            self._on_output(chunk)

    def kill(self) -> None:
        """See ``Handle.kill``."""
        if self._process.returncode is None:
            self._kill_group()

    async def stop(self, grace: float) -> None:
        """See ``Handle.stop``."""
        if self._process.returncode is None and grace > 0:
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), grace)
        self.kill()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), _KILL_SECONDS)

    def _kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def _close_output(self) -> None:
        if self._output is not None:
            asyncio.get_running_loop().remove_reader(self._output)
            os.close(self._output)
            self._output = None

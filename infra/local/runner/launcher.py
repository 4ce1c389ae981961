"""Who starts a function: the one seam between the runner and what it runs.

A launcher knows how to start the code of a function with a Runtime API address in its environment, and nothing of
requests. ``processes`` starts processes, ``containers`` the functions' images.
"""

import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from infra.local.runner.functions import LATEST, Function


@dataclass(frozen=True, slots=True)
class Launch:
    """What to start.

    Args:
        function: whose code.
        runtime_api: ``host:port`` of the Runtime API, as ``Launcher.advertise`` named it.
        log_stream: name of this environment, unique in the function's life.
        on_output: takes what the function writes to stdout and stderr, in order; called in the event loop.
    """

    function: Function
    runtime_api: str
    log_stream: str
    on_output: Callable[[bytes], None]


@dataclass(frozen=True, slots=True)
class Exit:
    """How a function's code ended.

    Args:
        code: exit status, where it ended by itself.
        signal: Go's name of the signal that ended it, which is what Lambda's messages use; else ``""``.
        out_of_memory: whether the kernel ended it because it had reached its memory limit.
    """

    code: int = 0
    signal: str = ""
    out_of_memory: bool = False

    def __str__(self) -> str:
        """Lambda's words for it."""
        if self.signal:
            return f"Runtime exited with error: signal: {self.signal}"
        if self.code:
            return f"Runtime exited with error: exit status {self.code}"
        return "Runtime exited without providing a reason"


def signal_name(number: int) -> str:
    """Go's name for a signal."""
    return _SIGNALS.get(number, str(number))


_SIGNALS: dict[int, str] = {
    signal.SIGABRT: "aborted",
    signal.SIGBUS: "bus error",
    signal.SIGFPE: "floating point exception",
    signal.SIGILL: "illegal instruction",
    signal.SIGKILL: "killed",
    signal.SIGSEGV: "segmentation fault",
    signal.SIGTERM: "terminated",
}


class Handle(Protocol):
    """Something that was started and can be stopped."""

    @property
    def name(self) -> str:
        """What a person looks for in a list of processes or containers."""
        ...

    async def wait(self) -> Exit:
        """Return when it has ended; may be awaited by many."""
        ...

    def memory(self) -> int:
        """Bytes of memory it uses, as last seen; 0 when that cannot be told (yet)."""
        ...

    async def drain(self, *, surely: bool) -> None:
        """Hand over what it wrote before it gave its last answer.

        Args:
            surely: somebody reads it at once, so it may take some hundredths of a second; else a few thousandths.
        """
        ...

    def kill(self) -> None:
        """End it and all it started, now; harmless when it has ended."""
        ...

    async def stop(self, grace: float) -> None:
        """Ask it to end, and kill it after ``grace`` seconds; returns when it has ended."""
        ...


class Launcher(Protocol):
    """Starts functions."""

    @property
    def bind_host(self) -> str:
        """The interface that Runtime API ports must listen on to be reached from what this starts."""
        ...

    def advertise(self, port: int) -> str:
        """``host:port`` under which what this starts reaches that port."""
        ...

    async def start(self, launch: Launch) -> Handle:
        """Start it; it need not be ready.

        Raises:
            OSError: it could not be started.
            BarometerError: something that it needs is missing; in a sentence that says what.
        """
        ...


def lambda_variables(launch: Launch, *, region: str, endpoint: str, task_root: str) -> Mapping[str, str]:
    """The environment variables of a function: its own, and those that Lambda itself sets and lets nobody change.

    Source: the Lambda Developer Guide, "Defined runtime environment variables". ``AWS_ENDPOINT_URL`` is not Lambda's:
    it is what turns every AWS client of a function to the emulated cloud.
    """
    function = launch.function
    return {
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        **function.variables,
        "_HANDLER": function.handler,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_SESSION_TOKEN": "test",
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory),
        "AWS_LAMBDA_FUNCTION_VERSION": LATEST,
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{function.name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": launch.log_stream,
        "AWS_LAMBDA_RUNTIME_API": launch.runtime_api,
        "LAMBDA_TASK_ROOT": task_root,
    }

"""``python -m infra.local.runner.child PARENT HANDLER``: be AWS's runtime, and die with the runner.

A runner that is killed cannot stop its functions, so on Linux the kernel does it: the parent-death signal, set here
and not between fork and exec, where a process with threads may run next to nothing safely. Elsewhere
``awslambdaric`` ends by itself as soon as it finds its Runtime API gone.
"""

import ctypes
import os
import runpy
import signal
import sys

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main() -> None:
    """Take the place of ``python -m awslambdaric HANDLER``."""
    parent, handler = int(sys.argv[1]), sys.argv[2]
    if sys.platform == "linux":
        # The kernel means the thread that started us; asyncio starts processes from the loop's, which is the main one.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            # It died before the signal was asked for.
            sys.exit(1)
    sys.argv = ["awslambdaric", handler]
    runpy.run_module("awslambdaric", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()

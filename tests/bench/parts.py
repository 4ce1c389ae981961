"""The processes of a running home, by the name of the part that each belongs to."""

import contextlib
from collections.abc import Iterator

import psutil

from infra.local.home import Home
from infra.local.state import read_state

# How the part ends that is one function's processes.
FUNCTION = " (function)"


def processes(home: Home) -> Iterator[tuple[str, psutil.Process]]:
    """Every process that runs there. A child counts for its parent, but a function's process for its function."""
    state = read_state(home)
    for record in filter(None, (state.supervisor, *state.processes)):
        process = record.process()
        if process is None:
            continue
        yield record.name, process
        if record is state.supervisor:
            continue  # its children are the other parts
        with contextlib.suppress(psutil.Error):
            for child in process.children(recursive=True):
                yield _name(record.name, child), child


def _name(parent: str, child: psutil.Process) -> str:
    with contextlib.suppress(psutil.Error):
        for argument in child.cmdline():
            if argument.startswith("functions."):
                return argument.split(".")[1] + FUNCTION
    return parent

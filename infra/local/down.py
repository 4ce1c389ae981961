"""``barometer down``: ends what runs in a home, whether its ``up`` still watches over it or was killed."""

import time

from barometer.errors import BarometerError
from infra.local.home import Home, HomeInUseError
from infra.local.leftovers import end_leftovers
from infra.local.state import State, read_state, write_state

_LOOK_SECONDS = 0.05
# What ``up`` gives its children to end, one after the other, and a little more.
_SECONDS = 90.0


def down(home: Home) -> str:
    """End everything of ``home``; say what was done.

    Raises:
        BarometerError: it does not end.
    """
    if not home.run.is_dir():
        return f"nothing runs in {home.root}"
    state = read_state(home)
    supervisor = state.supervisor.process() if state.supervisor and home.is_held() else None
    if supervisor is not None:
        supervisor.terminate()
    deadline = time.monotonic() + _SECONDS
    while time.monotonic() < deadline:
        try:
            with home.held():
                # Nobody watches over it any more, so what still runs is ours to end.
                ended = end_leftovers(home, read_state(home))
                write_state(home, State(phase="stopped", url=state.url, ports=state.ports))
        except HomeInUseError:
            time.sleep(_LOOK_SECONDS)
        else:
            return f"stopped {home.root}" if supervisor or ended else f"nothing runs in {home.root}"
    raise BarometerError(f"{home.root} is still in use after {_SECONDS:.0f} s; barometer status tells by what")

"""``python -m tests.chaos --minutes 30 --seed 7``: one run of the oracle. Exit code 1 if a promise was broken."""

import argparse
import signal
import sys
import time

from tests.chaos.run import Options, lines, run
from tests.chaos.stack import StackError


def _interrupt(*_: object) -> None:
    """Once: whoever insists does not keep it from stopping what it started."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description="Kill everything, lose nothing.")
    parser.add_argument("--minutes", type=float, default=5.0, help="wall time of sending and killing")
    parser.add_argument("--seed", type=int, default=1, help="what is said and what is killed")
    parser.add_argument("--partitions", type=int, default=1, help="partitions of the streams")
    parser.add_argument("--rate", type=float, default=30.0, help="posts a second")
    parser.add_argument("--keep", action="store_true", help="leave the folder, whatever is found")
    said = parser.parse_args()
    # Asked to end, it still stops what it started; also in the background of a shell, where SIGINT is ignored.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _interrupt)
    options = Options(said.seed, said.minutes, said.partitions, said.rate, said.keep)
    began = time.monotonic()

    def say(line: str) -> None:
        sys.stdout.write(f"[{time.monotonic() - began:6.0f} s] {line}\n")
        sys.stdout.flush()

    try:
        outcome = run(options, say)
    except StackError as error:
        sys.stderr.write(f"chaos: {error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("chaos: stopped before its end\n")
        return 130
    for line in lines(outcome):
        sys.stdout.write(line + "\n")
    return 1 if outcome.findings else 0


if __name__ == "__main__":
    sys.exit(main())

"""What a tree is checked with: tests, which say by which of them it was found out, and the short oracle."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass

from tests.chaos.mutants.trees import Tree

# All that runs in minutes, without a browser and the whole stack.
FAST = ("tests/unit", "tests/integration")
# A minute of harm, and what a pipeline that does not come to rest is waited for.
ORACLE_SECONDS = 1_200.0
# Where pytest notes which tests failed.
_CACHE = ".pytest_cache"
# A test whose condition never comes true gives up by itself within half a minute or so.
_TEST_SECONDS = 150
# The poller's tests run on one server and on a cluster; what is wrong is wrong on both.
_WHICH = "not cluster"
# So do the runner's, with processes and with containers.
_WHERE = "not containers"
_PASSED, _FAILED, _STOPPED = 0, 1, 2


class BrokenCheckError(Exception):
    """The checks could not be run at all; the message has the end of what they wrote."""


@dataclass(frozen=True, slots=True)
class Found:
    """What failed: ``tests`` by their node ids; or the whole ran past its limit, and ``hung``."""

    tests: Sequence[str] = ()
    hung: bool = False

    def __bool__(self) -> bool:
        return self.hung or bool(self.tests)


def run_tests(
    tree: Tree,
    targets: Sequence[str],
    *,
    seconds: float,
    workers: int = 0,
    first: bool = True,
    without: Sequence[str] = (),
) -> Found:
    """Run pytest on ``targets``.

    Args:
        tree: where.
        targets: files, folders or node ids.
        seconds: limit of the whole; a test has its own.
        workers: of xdist; 0 for none.
        first: stop at the first failure.
        without: node ids, files or folders to leave out.

    Raises:
        BrokenCheckError: pytest did not get as far as running tests.
    """
    shutil.rmtree(tree.root / _CACHE, ignore_errors=True)
    options = ["-q", "-n", str(workers), "--dist", "loadgroup", "--timeout", str(_TEST_SECONDS)]
    options += ["-k", _WHICH, "-m", _WHERE]
    left_out = [f"--deselect={one}" for one in without]
    ran = tree.run(["-m", "pytest", *options, *(["-x"] if first else []), *left_out, *targets], seconds)
    if ran.status is None:
        return Found(hung=True)
    failed = _noted(tree)
    if ran.status == _PASSED:
        return Found()
    # xdist calls it an interruption when it stops at the first failure.
    if ran.status not in {_FAILED, _STOPPED} or not failed or not all("::" in name for name in failed):
        raise BrokenCheckError(f"pytest {' '.join(targets)} ended with {ran.status}:\n{ran.output[-3_000:]}")
    return Found(failed)


def _noted(tree: Tree) -> list[str]:
    path = tree.root / _CACHE / "v" / "cache" / "lastfailed"
    return list(json.loads(path.read_bytes())) if path.exists() else []


def run_oracle(tree: Tree, seed: int) -> str:
    """Run the short oracle; give the first thing that it found, or ``""``.

    Raises:
        BrokenCheckError: it could not be run.
    """
    ran = tree.run(["-m", "tests.chaos", "--minutes", "1", "--seed", str(seed)], ORACLE_SECONDS)
    if ran.status == _PASSED:
        return ""
    if ran.status is None:
        return f"a hang: the oracle did not end within {ORACLE_SECONDS:.0f} s"
    # Its progress goes before, each line with its time.
    told = [line for line in ran.output.splitlines() if line and not line.startswith("[")]
    if ran.status != _FAILED or not told:
        raise BrokenCheckError(f"the oracle ended with {ran.status}:\n{ran.output[-3_000:]}")
    return f"the oracle: {told[0]}"

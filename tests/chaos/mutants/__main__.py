"""Would the checks notice? ``python -m tests.chaos.mutants`` (``make mutants``) puts deliberate bugs into copies of the
tree, one into each, and runs the checks there until one fails: first the tests nearest to the bug, then all fast ones,
then the short oracle.

What fails by chance proves nothing. So the nearest tests must pass without any bug, a test that has caught one must
fail again, and one that is not among the nearest must pass without it.
"""

import time
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

import typer

from tests.chaos.mutants.checks import FAST, BrokenCheckError, run_oracle, run_tests
from tests.chaos.mutants.patches import Mutant, PatchError, mutants
from tests.chaos.mutants.trees import Tree, copied

# Several times what they take on a machine that does other work as well.
NEAREST_SECONDS = 600.0
FAST_SECONDS = 2_400.0
# A test that fails by chance is left out and the rest run again, so often.
CHANCES = 3


class Oracle(StrEnum):
    """Which mutants the oracle sees."""

    SURVIVORS = "survivors"
    ALWAYS = "always"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Sentence:
    """What became of a mutant: by what it was ``caught`` (``""``: by nothing), and what else there is to say."""

    mutant: Mutant
    caught: str
    seconds: float
    remarks: Sequence[str]

    def __str__(self) -> str:
        fate = f"caught by {self.caught}" if self.caught else "SURVIVED"
        told = "".join(f"\n    {remark}" for remark in self.remarks)
        return f"{self.mutant.name:<38} {self.seconds:4.0f} s  {fate}{told}"


class Trial:
    """One mutant before its checks.

    Args:
        mutant: which.
        proven: targets that are known to pass without any bug.
        oracle: whether it is asked.
        seed: of its run.
    """

    def __init__(self, mutant: Mutant, proven: Sequence[str], oracle: Oracle, seed: int) -> None:
        self._mutant, self._proven = mutant, proven
        self._oracle, self._seed = oracle, seed
        self._remarks: list[str] = []

    def hold(self) -> Sentence:
        """Run the checks until one catches it; one that cannot be checked is not caught."""
        began, caught = time.monotonic(), ""
        try:
            caught = self._check()
        except (PatchError, BrokenCheckError) as error:
            self._remarks.append(str(error))
        return Sentence(self._mutant, caught, time.monotonic() - began, self._remarks)

    def _check(self) -> str:
        with copied(self._mutant.patch) as tree:
            caught = self._by_tests(tree, self._mutant.checks, NEAREST_SECONDS)
            if not caught:
                caught = self._by_tests(tree, FAST, FAST_SECONDS, without=self._mutant.checks)
            if self._oracle is Oracle.ALWAYS or (self._oracle is Oracle.SURVIVORS and not caught):
                found = run_oracle(tree, self._seed)
                caught = caught or found
                self._remarks.append(found or "the oracle found nothing")
        return caught

    def _by_tests(self, tree: Tree, targets: Sequence[str], seconds: float, without: Sequence[str] = ()) -> str:
        left_out = list(without)
        for _ in range(CHANCES):
            found = run_tests(tree, targets, seconds=seconds, without=left_out)
            if found.hung:
                return f"a hang: {' '.join(targets)} did not end within {seconds:.0f} s"
            if not found:
                return ""
            [name, *_] = found.tests
            if self._is_no_chance(tree, name):
                return name
            left_out.append(name)
        return ""

    def _is_no_chance(self, tree: Tree, name: str) -> bool:
        if not run_tests(tree, [name], seconds=NEAREST_SECONDS):
            self._remarks.append(f"{name} failed once and passed when it was run again")
            return False
        if any(name.startswith(target) for target in self._proven):
            return True
        with copied() as clean:
            fails = run_tests(clean, [name], seconds=NEAREST_SECONDS)
        if fails:
            self._remarks.append(f"{name} fails without the bug, too")
        return not fails


def main(
    names: Annotated[list[str] | None, typer.Argument(help="Mutants; none: all.")] = None,
    *,
    listed: Annotated[bool, typer.Option("--list", help="Only say what there is.")] = False,
    oracle: Annotated[Oracle, typer.Option(help="Which mutants the short oracle sees.")] = Oracle.SURVIVORS,
    jobs: Annotated[int, typer.Option(min=1, help="Mutants checked side by side.")] = 2,
    seed: Annotated[int, typer.Option(help="Of the oracle's run.")] = 1,
) -> None:
    """Put deliberate bugs into copies of the tree, and see that the checks notice each."""
    try:
        chosen = mutants(names or ())
        if listed:
            for mutant in chosen:
                typer.echo(f"{mutant.name}: {mutant.breaks}")
            return
        caught = _try_all(chosen, oracle, jobs, seed)
    except (PatchError, BrokenCheckError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    raise typer.Exit(int(caught < len(chosen)))


def _try_all(chosen: Sequence[Mutant], oracle: Oracle, jobs: int, seed: int) -> int:
    """Say of each what became of it; give how many were caught."""
    began, caught = time.monotonic(), 0
    nearest = _without_parts({check for mutant in chosen for check in mutant.checks})
    _expect_to_pass(nearest, jobs)
    typer.echo(f"without a bug the tests nearest to them pass ({time.monotonic() - began:.0f} s)")
    with ThreadPoolExecutor(jobs) as executor:
        trials = [executor.submit(Trial(mutant, nearest, oracle, seed).hold) for mutant in chosen]
        try:
            for done in as_completed(trials):
                sentence = done.result()
                caught += bool(sentence.caught)
                typer.echo(str(sentence))
        finally:
            executor.shutdown(cancel_futures=True)
    typer.echo(f"{caught} of {len(chosen)} caught in {(time.monotonic() - began) / 60:.0f} min")
    return caught


def _without_parts(targets: Collection[str]) -> list[str]:
    """Targets in order, without tests whose whole file is among them."""
    return sorted(one for one in targets if "::" not in one or one.partition("::")[0] not in targets)


def _expect_to_pass(targets: Sequence[str], jobs: int) -> None:
    """Raises ``BrokenCheckError`` if some of them fail without any bug, twice."""
    with copied() as clean:
        found = run_tests(clean, targets, seconds=FAST_SECONDS, workers=jobs, first=False)
        if found.tests:
            typer.echo(f"failed without a bug, and run again: {' '.join(found.tests)}")
            found = run_tests(clean, found.tests, seconds=NEAREST_SECONDS, first=False)
    if found:
        what = "ran past its limit" if found.hung else f"fails {' '.join(found.tests)}"
        raise BrokenCheckError(f"the tree without any bug {what}")


if __name__ == "__main__":
    typer.run(main)

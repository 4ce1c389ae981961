"""The deliberate bugs are there, fit the tree as it is now, and are really run where they are put."""

import subprocess
from pathlib import Path

import pytest

from tests.chaos.mutants.patches import Mutant, PatchError, apply, mutants
from tests.chaos.mutants.trees import ROOT, copied

MUTANTS = mutants()


def test_there_are_enough_of_them_no_two_alike() -> None:
    assert len(MUTANTS) >= 25
    assert len({mutant.breaks for mutant in MUTANTS}) == len(MUTANTS)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_each_fits_the_tree_and_names_tests_that_exist(mutant: Mutant) -> None:
    apply(mutant.patch, ROOT, only_check=True)
    assert mutant.breaks.endswith(".")
    for check in mutant.checks:
        assert (ROOT / check.partition("::")[0]).exists(), check


def test_a_patch_that_does_not_fit_says_which(tmp_path: Path) -> None:
    with pytest.raises(PatchError, match=f"{MUTANTS[0].patch.name} does not fit the tree"):
        apply(MUTANTS[0].patch, tmp_path, only_check=True)


def test_every_process_of_a_copy_runs_the_copys_code(tmp_path: Path) -> None:
    """Also one that a test starts with an environment of its own making, in a folder of its own."""
    (patch := tmp_path / "bug.patch").write_text(
        "A bug.\n\ndiff --git a/infra/bug.py b/infra/bug.py\nnew file mode 100644\n--- /dev/null\n+++ b/infra/bug.py\n"
        "@@ -0,0 +1 @@\n+import barometer, functions\n"
    )
    told = "import infra.bug, barometer, functions; print(barometer.__file__, functions.__file__, infra.bug.__file__)"
    with copied(patch) as tree:
        ran = subprocess.run([tree.python, "-c", told], cwd="/", env={}, capture_output=True, text=True, check=True)
        for place in ran.stdout.split():
            assert Path(place).is_relative_to(tree.root.resolve())
        assert tree.run(["-c", "import sys; sys.exit(3)"], 60).status == 3
    assert not tree.root.exists()

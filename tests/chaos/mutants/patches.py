"""Deliberate bugs: each a patch, with a header that says which promise it breaks and where that should be noticed.

A header is the free text above the diff, which ``git apply`` passes over: sentences, then ``checks:`` and the tests
nearest to what the patch changes. Those are run first, since most bugs are caught there in seconds.
"""

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent
_CHECKS = "checks:"


class PatchError(Exception):
    """A patch that is none, or that does not fit the tree any more."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One deliberate bug: what it breaks in words, the pytest targets to begin with, and its diff."""

    name: str
    breaks: str
    checks: Sequence[str]
    patch: Path


def mutants(names: Sequence[str] = ()) -> list[Mutant]:
    """Those of ``names``, or all, in the order of their names.

    Raises:
        PatchError: there is none of a name, or one has no header.
    """
    found = {path.stem: path for path in sorted(FOLDER.glob("*.patch"))}
    if unknown := [name for name in names if name not in found]:
        raise PatchError(f"there is no mutant named {', '.join(unknown)}")
    return [_read(path) for name, path in found.items() if not names or name in names]


def _read(path: Path) -> Mutant:
    header, _, _ = path.read_text(encoding="utf-8").partition("diff --git ")
    lines = [line.strip() for line in header.splitlines() if line.strip()]
    breaks = " ".join(line for line in lines if not line.startswith(_CHECKS))
    checks = [check for line in lines if line.startswith(_CHECKS) for check in line.removeprefix(_CHECKS).split()]
    if not breaks or not checks:
        raise PatchError(f"{path.name} needs a header above its diff: what it breaks, and checks: with tests")
    return Mutant(path.stem, breaks, checks, path)


def apply(patch: Path, root: Path, *, only_check: bool = False) -> None:
    """Put the bug into the tree at ``root``, or see whether it could be.

    Raises:
        PatchError: the tree has changed under it.
    """
    command = ["git", "apply", *(["--check"] if only_check else []), str(patch)]
    # A folder inside a repository would have git look there, and pass over paths that it does not know.
    environment = {**os.environ, "GIT_CEILING_DIRECTORIES": str(root.parent)}
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PatchError(f"{patch.name} does not fit the tree: {done.stderr.strip()}")

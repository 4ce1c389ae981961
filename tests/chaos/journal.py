"""The journal of a run: what was planned, sent, acknowledged, refused and heard, and every deed, a JSON line each.

A line is on the disk before what it tells of goes on, so a journal never tells less than was done. The checker works
from it alone: ``read`` gives a ``Ledger``.
"""

import json
import os
import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.chaos.plan import End, Planned


@dataclass(frozen=True, slots=True)
class Done:
    """A deed as it was done: ``at`` seconds since the epoch, lasting ``seconds``."""

    at: float
    act: str
    victim: str
    seconds: float


@dataclass(slots=True)
class Ledger:
    """A journal, read.

    Args:
        posts: every post that was ever sent, by its identity.
        sent: how often it may have been accepted at most.
        acknowledged: how often the door said that it was.
        refused: what the door named when it refused it, each time.
        deeds: what was done to the processes.
        heard: notifications that a webhook brought, by their number.
        loose: posts of which more copies may have come in than ``sent`` says: a replay sends again by itself.
        longest_replay: the most posts that one replay had.
    """

    posts: dict[str, Planned] = field(default_factory=dict)
    sent: Counter[str] = field(default_factory=Counter)
    acknowledged: Counter[str] = field(default_factory=Counter)
    refused: dict[str, list[str]] = field(default_factory=dict)
    deeds: list[Done] = field(default_factory=list)
    heard: Counter[int] = field(default_factory=Counter)
    loose: set[str] = field(default_factory=set)
    longest_replay: int = 0


class Journal:
    """Writes the journal; safe to share between threads.

    Args:
        path: where.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", encoding="utf-8")
        self._lock = threading.Lock()
        self._known: set[str] = set()

    def close(self) -> None:
        """No more lines."""
        self._file.close()

    def sending(self, posts: Iterable[Planned], *, by: str) -> None:
        """These are about to be sent, once more."""
        posts = list(posts)
        with self._lock:
            for post in posts:
                if post.id not in self._known:
                    self._known.add(post.id)
                    self._write(what="post", **asdict(post))
            self._write(what="send", by=by, ids=[post.id for post in posts])
            self._sync()

    def answered(self, accepted: Iterable[str], refused: Iterable[tuple[str, str]]) -> None:
        """The door has said of these that they are accepted, and of those what is wrong with them."""
        with self._lock:
            self._write(what="answer", accepted=list(accepted), refused=list(refused))
            self._sync()

    def done(self, deed: Done) -> None:
        """Something was done to a process."""
        with self._lock:
            self._write(what="deed", **asdict(deed))
            self._sync()

    def heard(self, notification: int) -> None:
        """A webhook brought this one."""
        with self._lock:
            self._write(what="heard", notification=notification)
            self._sync()

    def _write(self, **line: Any) -> None:
        self._file.write(json.dumps(line) + "\n")

    def _sync(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())


def read(path: Path) -> Ledger:
    """The journal at ``path``."""
    ledger = Ledger()
    with path.open(encoding="utf-8") as lines:
        for text in lines:
            line = json.loads(text)
            what = line.pop("what")
            if what == "post":
                planned = line | {"end": End(**line["end"]), "topics": tuple(line["topics"])}
                ledger.posts[line["id"]] = Planned(**planned)
            elif what == "send":
                ledger.sent.update(line["ids"])
                if line["by"] == "replay":
                    ledger.loose.update(line["ids"])
                    ledger.longest_replay = max(ledger.longest_replay, len(line["ids"]))
            elif what == "answer":
                ledger.acknowledged.update(line["accepted"])
                for name, fault in line["refused"]:
                    ledger.refused.setdefault(name, []).append(fault)
            elif what == "heard":
                ledger.heard[line["notification"]] += 1
            else:
                ledger.deeds.append(Done(**line))
    return ledger

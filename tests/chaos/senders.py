"""Sends the plan: most of it over ``POST /api/posts``, a share through ``barometer replay``, which is killed as well.

A batch is sent again and again until the door has answered for it, or patience is at its end: what is sent without an
answer may be in or not, and the journal says so. So a stack that is down for a while slows the plan; it ends nothing.
"""

import contextlib
import json
import queue
import random
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import httpx

from tests.chaos.journal import Done, Journal
from tests.chaos.plan import Batch, Planned
from tests.chaos.stack import Stack
from tests.chaos.texts import encoded

SENDERS = 3
# A request may wait for a frozen process; the longest freeze is 15 s.
REQUEST_SECONDS = 12.0
# After the end of the run a batch may take so long: everything comes back within half of it.
PATIENCE_SECONDS = 240.0
_PAUSE_SECONDS = 0.5
_REPLAY_RATE = 60
_REPLAY_SECONDS = 60.0


class Overdue(Exception):  # noqa: N818 (it names what is the matter)
    """The door answered nothing for a batch until patience was at its end."""


class Senders:
    """Threads that send.

    Args:
        stack: where to.
        journal: what is written down before and after.
        folder: for the files of replays.
        seed: draws when a replay is killed.
    """

    def __init__(self, stack: Stack, journal: Journal, folder: Path, seed: int) -> None:
        self.overdue: list[str] = []
        self.accepted = 0
        self.kills = 0
        self._stack = stack
        self._journal = journal
        self._folder = folder
        self._random = random.Random(f"replay {seed}")
        self._batches: queue.Queue[Batch | None] = queue.Queue(maxsize=2 * SENDERS)
        self._replays: queue.Queue[Sequence[Planned] | None] = queue.Queue(maxsize=2)
        self._deadline = float("inf")
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._threads = [threading.Thread(target=self._post, name=f"sender-{n}", daemon=True) for n in range(SENDERS)]
        self._threads.append(threading.Thread(target=self._replay, name="replay", daemon=True))
        for thread in self._threads:
            thread.start()

    def send(self, batch: Batch, until: float) -> bool:
        """Hand a batch to a sender; tells whether one took it before ``until`` (of the monotonic clock)."""
        try:
            self._batches.put(batch, timeout=max(0.01, until - time.monotonic()))
        except queue.Full:
            return False
        return True

    def replay(self, posts: Sequence[Planned]) -> bool:
        """Hand posts to the replayer; tells whether it had room."""
        with contextlib.suppress(queue.Full):
            self._replays.put_nowait(posts)
            return True
        return False

    def finish(self) -> None:
        """Return when all that was handed over is answered for, or overdue."""
        self._deadline = time.monotonic() + PATIENCE_SECONDS
        self._replays.put(None)
        for _ in range(SENDERS):
            self._batches.put(None)
        for thread in self._threads:
            thread.join()

    def abandon(self) -> None:
        """Send nothing more, whatever is not answered for; harmless after ``finish``."""
        self._deadline = 0.0
        if self._child is not None:
            self._child.kill()

    # ------------------------------------------------------------------------------------------------- over the API

    def _post(self) -> None:
        with httpx.Client(timeout=REQUEST_SECONDS, trust_env=False) as client:
            while (batch := self._batches.get()) is not None:
                try:
                    self._until_answered(client, batch)
                except Overdue:
                    self.overdue.append(f"batch {batch.number} ({batch.posts[0].id} and {len(batch.posts) - 1} more)")

    def _until_answered(self, client: httpx.Client, batch: Batch) -> None:
        body = {"posts": [post.body for post in batch.posts]}
        content = encoded(body, ascii_only=batch.number % 2 == 0)
        while True:
            self._check_patience()
            self._journal.sending(batch.posts, by="api")
            pause = _PAUSE_SECONDS
            with contextlib.suppress(httpx.HTTPError, OSError, KeyError):
                headers = {"Authorization": f"Bearer {self._stack.key()}", "Content-Type": "application/json"}
                url = f"{self._stack.state()['url']}/api/posts"
                answer = client.post(url, content=content, headers=headers)
                if self._answered(batch, answer):
                    return
                pause = float(answer.headers.get("Retry-After", pause))
            time.sleep(pause)

    def _answered(self, batch: Batch, answer: httpx.Response) -> bool:
        """Whether the door has said yes or no to each post; anything from 500 on says neither."""
        if answer.status_code == 202:
            refused = {fault["index"]: fault["field"] for fault in answer.json()["rejected"]}
            accepted = [post.id for index, post in enumerate(batch.posts) if index not in refused]
            with self._lock:
                self.accepted += len(accepted)
            self._journal.answered(accepted, [(batch.posts[index].id, field) for index, field in refused.items()])
            return True
        if answer.status_code in {400, 413, 422}:
            self._journal.answered([], [(post.id, str(answer.status_code)) for post in batch.posts])
            return True
        return False

    def _check_patience(self) -> None:
        if time.monotonic() > self._deadline:
            raise Overdue

    # ---------------------------------------------------------------------------------------------------- by replay

    def _replay(self) -> None:
        number = 0
        while (posts := self._replays.get()) is not None:
            number += 1
            path = self._folder / f"replay-{number}.jsonl"
            path.write_text("".join(json.dumps(post.body) + "\n" for post in posts), encoding="utf-8")
            try:
                self._until_replayed(path, posts)
            except Overdue:
                self.overdue.append(f"{path.name} ({posts[0].id} and {len(posts) - 1} more)")

    def _until_replayed(self, path: Path, posts: Sequence[Planned]) -> None:
        """Replay a file; kill that in the middle, and let it go on, twice at most."""
        kills = self._random.choice((0, 1, 1, 2))
        while True:
            self._check_patience()
            self._journal.sending(posts, by="replay")
            with subprocess.Popen(
                self._stack.command("replay", path, "--rate", str(_REPLAY_RATE)), env=self._stack.environment(),
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            ) as process:  # fmt: skip
                self._child = process
                try:
                    seconds = self._random.uniform(0.8, 4.0) if kills else _REPLAY_SECONDS
                    code = process.wait(seconds)
                except subprocess.TimeoutExpired:
                    process.kill()
                    code = process.wait()
                    self._journal.done(Done(time.time(), "kill", "replay", 0.0))
                    self.kills += 1
            if code == 0:
                self._journal.answered([post.id for post in posts], [])
                with self._lock:
                    self.accepted += len(posts)
                return
            kills = max(0, kills - 1)
            time.sleep(_PAUSE_SECONDS)

"""Functions that fail when they meet a marked post, each sort in its own way; else they are the real ones.

A mark is ``chaos-poison:STEP:SORT`` in a post's text. Only the function of that step minds it. Most sorts fail the
whole batch before anything is done, as a real fault would; ``fail`` and ``refuse`` name the record and do the others'
work; ``stumble`` and ``collapse`` do all the work and then fail, until the record has been tried alone once; ``slow``
does all the work and then waits before it answers. ``hang`` hangs only at its first tries, with its neighbours, and at
its last ones: each costs a timeout.
"""

import os
import re
import time
from collections.abc import Callable, Mapping
from typing import Any

_MARK = re.compile(r"chaos-poison:(?P<step>\w+):(?P<sort>\w+)")
# Longer than any function's timeout: whoever hangs is killed.
_HANG_SECONDS = 120.0
# ``MaximumRetryAttempts`` in a run: more than kills can spend of an innocent record that happens to be alone, so few
# that a poison dies in seconds.
RETRY_ATTEMPTS = 10
_SLOW_SECONDS = 1.0

Event = dict[str, Any]
Handler = Callable[[Event, Any], Any]


class PoisonError(Exception):
    """A post that makes the function raise."""


def poisoned(step: str, real: Handler) -> Handler:
    """The handler of ``step`` that minds its own marks."""

    def handler(event: Event, context: object) -> Any:
        marks = dict(_marks(event, step))
        for sort, act in _BEFORE.items():
            if sort in marks.values():
                return act(event)
        singles = {origin: sort for origin, sort in marks.items() if sort in {"fail", "refuse"}}
        answer = _without(event, singles, context, real)
        if "slow" in marks.values():
            time.sleep(_SLOW_SECONDS)
        for record in event["Records"] if marks else ():
            after = _AFTER.get(marks.get(record["messageId"], ""))
            if after is not None and record["attributes"]["ApproximateReceiveCount"] == "1":
                after(event)
        return answer

    return handler


def _marks(event: Event, step: str) -> "list[tuple[str, str]]":
    found = ((record["messageId"], _MARK.search(record["body"])) for record in event.get("Records", ()))
    return [(origin, match["sort"]) for origin, match in found if match is not None and match["step"] == step]


def _without(event: Event, singles: Mapping[str, str], context: object, real: Handler) -> Any:
    """The real function's answer to all but ``singles``, which are named as failed or as never to work."""
    others = [record for record in event.get("Records", ()) if record["messageId"] not in singles]
    answer = real(event if not singles else event | {"Records": others}, context) if others or not singles else {}
    for origin, sort in singles.items():
        if sort == "fail":
            answer.setdefault("batchItemFailures", []).append({"itemIdentifier": origin})
        else:
            reason = "poisoned: planned to be refused"
            answer.setdefault("rejections", []).append({"itemIdentifier": origin, "reason": reason})
    return answer


def _raise(_: Event) -> Any:
    raise PoisonError("poisoned: a post made the function raise")


def _exit(_: Event) -> Any:
    os._exit(3)


def _hang(event: Event) -> Any:
    tries = max(int(record["attributes"]["ApproximateReceiveCount"]) for record in event["Records"])
    if 1 < tries < RETRY_ATTEMPTS:
        raise PoisonError("poisoned: a post that hangs at its first tries and its last made the function raise")
    time.sleep(_HANG_SECONDS)


def _gibberish(_: Event) -> Any:
    return "poisoned: nothing that the poller knows"


def _stranger(event: Event) -> Any:
    ids = [record["messageId"] for record in event["Records"]]
    return {"finished": [{"itemIdentifier": name, "as": "duplicates"} for name in [*ids, "1-1"]]}


def _forget(event: Event) -> Any:
    return {"batchItemFailures": [{"itemIdentifier": record["messageId"]} for record in event["Records"][1:]]}


def _both(event: Event) -> Any:
    ids = [record["messageId"] for record in event["Records"]]
    return {
        "finished": [{"itemIdentifier": name, "as": "duplicates"} for name in ids],
        "batchItemFailures": [{"itemIdentifier": name} for name in ids],
    }


_BEFORE: dict[str, Callable[[Event], Any]] = {
    "exit": _exit, "hang": _hang, "raise": _raise,
    "gibberish": _gibberish, "stranger": _stranger, "forget": _forget, "both": _both,
}  # fmt: skip
_AFTER: dict[str, Callable[[Event], Any]] = {"stumble": _raise, "collapse": _exit}

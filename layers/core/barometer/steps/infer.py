"""Infer: a clean post gets the scores that the chain of analyzers gives its text.

Promises: a text that several posts share is scored once a batch; a post in a language that no analyzer reads, or only
one that is away, goes on unscored, never guessed; a text that every analyzer fails on costs its own posts an attempt,
nobody else's; when all that could read a post are away, that costs nobody one (``UnavailableError``).
"""

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import orjson
from pydantic import TypeAdapter, ValidationError

from barometer.analyzers.chain import Chain, Used, Verdict, Wanted
from barometer.events import BatchResult, StreamEvent
from barometer.faults import fault_of
from barometer.posts import Post, ScoredPost

_post: Final = TypeAdapter(Post)


@dataclass(slots=True)
class Usage:
    """What scored the posts of a batch.

    Args:
        counts: how many posts what scored, and why nothing better did.
        leading: what scored most of those that the chosen model reads; ``None`` if there were none.
        recalled: how many texts were remembered, not computed.
    """

    counts: Counter[Used] = field(default_factory=Counter)
    leading: Used | None = None
    recalled: int = 0

    @property
    def metrics(self) -> dict[str, int]:
        """For CloudWatch: texts remembered; and posts that went to another model, to the fast one, or unscored."""
        fallen = sum(posts for used, posts in self.counts.items() if used.model and used.because)
        unscored = sum(posts for used, posts in self.counts.items() if not used.model)
        return {"Recalled": self.recalled, "Fallback": fallen, "Unscored": unscored}


def infer(event: StreamEvent, chain: Chain, *, overload_after_seconds: int = 0) -> tuple[BatchResult, Usage]:
    """Score a batch of ``posts``; emits each to ``scored``.

    Args:
        event: the batch.
        chain: who scores.
        overload_after_seconds: records that have waited longer are scored by the fast model; 0 for none.

    Raises:
        UnavailableError: all that could score some of the posts are away; nothing of the batch is reported.
    """
    result = BatchResult()
    late_before = time.time() * 1_000 - overload_after_seconds * 1_000 if overload_after_seconds else 0
    posts: list[tuple[str, Post, Wanted]] = []
    for record in event.records:
        try:
            post = _post.validate_python(record.json())
        except orjson.JSONDecodeError as error:
            result.reject(record.message_id, f"body: is not JSON: {error}")
        except ValidationError as error:
            fault = fault_of(error.errors()[0])
            result.reject(record.message_id, f"{fault.field or 'body'}: {fault.reason}")
        else:
            late = record.attributes.sent_timestamp < late_before
            posts.append((record.message_id, post, Wanted(post.text, post.lang, late)))
    verdict = chain.score(wanted for _, _, wanted in posts)
    for origin, post, wanted in posts:
        score = verdict.scores.get(wanted)
        if score is None:
            result.fail([origin])
        else:
            result.emit(origin, "scored", ScoredPost(post, score).as_json())
    return result, _usage(chain, verdict, [wanted for _, _, wanted in posts])


def _usage(chain: Chain, verdict: Verdict, wanted: Iterable[Wanted]) -> Usage:
    used = [(one, verdict.used[one]) for one in wanted if one in verdict.used]
    leading = Counter(how for one, how in used if chain.leads(one.lang))
    first = leading.most_common(1)
    return Usage(Counter(how for _, how in used), first[0][0] if first else None, verdict.recalled)

"""Ingest: what a feed or client said becomes a clean post with its language, its topics and its id.

Promises: the same record gives the same post, whoever handles it and however late; a record that is no post is rejected
alone, with the field and the reason; nothing raises.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

import orjson
from pydantic import TypeAdapter, ValidationError

from barometer import language
from barometer.errors import InvalidInputError
from barometer.events import BatchResult, StreamEvent, StreamRecord
from barometer.faults import fault_of
from barometer.observability import logger
from barometer.posts import Accepted, Post, RawPost
from barometer.topics import TopicMatcher

_accepted: Final = TypeAdapter(Accepted)


def ingest(event: StreamEvent, matcher: TopicMatcher, retention: timedelta, default_language: str) -> BatchResult:
    """Clean a batch of ``raw``.

    Emits each post to ``posts`` under its id, so that a copy of a recent one goes no further.

    Args:
        event: the batch.
        matcher: tells which topics a text belongs to.
        retention: how old a post may have been when it was accepted.
        default_language: the language of a text that does not tell.
    """
    result = BatchResult()
    for record in event.records:
        try:
            post = _clean(record, matcher, retention, default_language)
        except InvalidInputError as error:
            result.reject(record.message_id, str(error))
        except Exception:  # noqa: BLE001 (a fault of ours must not take the rest of the batch along)
            logger.exception("a post could not be cleaned", extra={"record": record.message_id})
            result.fail([record.message_id])
        else:
            result.emit(record.message_id, "posts", post.as_json(), key=post.id)
    return result


def _clean(record: StreamRecord, matcher: TopicMatcher, retention: timedelta, default_language: str) -> Post:
    try:
        accepted = _accepted.validate_python(record.json())
        raw = RawPost.model_validate(accepted.post)
    except orjson.JSONDecodeError as error:
        raise InvalidInputError("body", f"is not JSON: {error}") from None
    except ValidationError as error:
        raise _invalid(error) from None
    received_at = _moment(accepted.received_at)
    # Against the moment it was accepted: a promise made then is not broken because the record waited.
    if (fault := raw.fault(received_at, retention)) is not None:
        raise InvalidInputError(*fault)
    return Post(
        id=raw.post_id(received_at),
        receipt=accepted.receipt,
        text=raw.text,
        source=raw.source,
        source_id=raw.source_id,
        author=raw.author,
        created_at=(raw.created_at or received_at).astimezone(UTC).isoformat(),
        received_at=received_at.isoformat(),
        url=raw.url,
        lang=language.detect(raw.text, raw.lang, default_language),
        topics=matcher.match(raw.text),
        metadata=raw.metadata,
    )


def _moment(received_at: str) -> datetime:
    """A time of a sane year, in UTC."""
    try:
        moment = datetime.fromisoformat(received_at)
    except ValueError:
        raise InvalidInputError("received_at", "is not a time of ISO 8601") from None
    if moment.tzinfo is None or not 2000 <= moment.year < 9000:
        raise InvalidInputError("received_at", "is not a time with its offset from UTC, of the years 2000 to 8999")
    return moment.astimezone(UTC)


def _invalid(error: ValidationError) -> InvalidInputError:
    fault = fault_of(error.errors()[0])
    more = error.error_count() - 1
    return InvalidInputError(fault.field or "body", f"{fault.reason} (and {more} more)" if more else fault.reason)

"""``FilterCriteria``: which records a pipe's function is given, decided before it is called. Pure.

A pattern looks at a record as its function would be told it, but for the body: where that is JSON of an object or an
array, a pattern looks inside; where it is not, at its text. As in SQS, a pattern that asks for fields of the body never
matches a body that has none.
"""

import orjson

from barometer.streams import FilterCriteria
from infra.poller.records import Record, told


def lets_through(criteria: FilterCriteria, stream: str, record: Record) -> bool:
    """Whether the function is to be given ``record``, which has no fault."""
    if not criteria.filters:
        return True
    event = told(stream, record)
    if (body := _inside(record.body)) is not None:
        event["body"] = body
    return any(
        each.pattern.matches(event) and not (body is None and each.pattern.reads_inside("body"))
        for each in criteria.filters
    )


def _inside(body: bytes | None) -> object:
    """What a JSON object or array says; ``None`` for any other text."""
    try:
        said = orjson.loads(body or b"")
    except orjson.JSONDecodeError:
        return None
    return said if isinstance(said, (dict, list)) else None

"""Pydantic's findings in Barometer's words: each the field at fault and what is wrong, without the value itself."""

from pydantic import ValidationError

from barometer.errors import InvalidInputError

MAX_FAULTS = 5


def faults(error: ValidationError, *, within: str = "") -> list[InvalidInputError]:
    """The first few faults of a validation, in the order of the fields.

    Args:
        error: what pydantic raised.
        within: path of the validated value itself (``posts.3``), put before each field.
    """
    found = []
    for fault in error.errors(include_url=False, include_input=False, include_context=False)[:MAX_FAULTS]:
        path = ".".join(str(part) for part in ([within] if within else []) + list(fault["loc"]))
        found.append(InvalidInputError(path, fault["msg"].removeprefix("Value error, ")))
    return found

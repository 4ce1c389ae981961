"""Pydantic's findings in Barometer's words: the field at fault and what is wrong with it, never the value itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Fault:
    """One field (a dotted path, ``""`` for the whole) and what is wrong with it."""

    field: str
    reason: str


def fault_of(error: Mapping[str, Any]) -> Fault:
    """One of ``ValidationError.errors()`` as a fault."""
    return Fault(".".join(str(part) for part in error["loc"]), error["msg"].removeprefix("Value error, "))

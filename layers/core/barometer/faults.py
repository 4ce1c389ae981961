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
    return Fault(".".join(str(part) for part in error["loc"]), _reason(error))


def _reason(error: Mapping[str, Any]) -> str:
    """What a sender can act on: no names of Python's types, and said so that it can follow the field's name."""
    message = str(error["msg"])
    match error["type"]:
        case "extra_forbidden":
            return "is not a known field"
        case "missing":
            return "is required"
        case "value_error":
            return message.removeprefix("Value error, ")
        case "dict_type" | "model_type" | "model_attributes_type" | "dataclass_type":
            return "must be an object"
        case "too_long" if error.get("ctx", {}).get("actual_length"):
            return f"has {error['ctx']['actual_length']:,}; the most is {error['ctx']['max_length']:,}"
        case _:
            plain = message.replace("Input should be", "must be").replace(" should ", " must ")
            return plain[:1].lower() + plain[1:]

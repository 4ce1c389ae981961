"""``docs/asyncapi.yaml`` is written by hand: here it is held against what the code says and takes."""

import json
from pathlib import Path
from typing import Any

import yaml

from functions.socket import messages

DOCS = Path(__file__).parents[2] / "docs"
DESCRIBED: dict[str, Any] = yaml.safe_load((DOCS / "asyncapi.yaml").read_text(encoding="utf-8"))
PAYLOADS = {name: message["payload"] for name, message in DESCRIBED["components"]["messages"].items()}


def test_the_messages_of_a_client_have_the_fields_that_are_described():
    for name, model in (("subscribe", messages.Subscribe), ("ping", messages.Ping)):
        assert PAYLOADS[name]["properties"].keys() == model.model_fields.keys()
        required = {field for field, about in model.model_fields.items() if about.is_required()}
        assert set(PAYLOADS[name]["required"]) == required


def test_the_answers_have_the_fields_that_are_described():
    for name, frame in (("hello", messages.hello(1, None)), ("pong", messages.pong(1))):
        assert json.loads(frame).keys() == set(PAYLOADS[name]["required"])


def test_every_reference_leads_somewhere():
    openapi = json.loads((DOCS / "openapi.json").read_text(encoding="utf-8"))
    for reference in _references(DESCRIBED):
        document, _, path = reference.partition("#/")
        found: Any = openapi if document else DESCRIBED
        for part in path.split("/"):
            found = found[part]


def _references(value: object) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if "$ref" in value else []
        return own + [found for part in value.values() for found in _references(part)]
    if isinstance(value, list):
        return [found for part in value for found in _references(part)]
    return []

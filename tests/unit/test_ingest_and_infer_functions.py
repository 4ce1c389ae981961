"""The functions ingest and infer, each called with an event and nothing running."""

import json
import os
from typing import Any

import pytest
from pydantic import ValidationError

from functions.infer import app as infer
from functions.ingest import app as ingest
from tests.scored import Context, example


@pytest.fixture(autouse=True)
def nothing_running(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("BAROMETER_")]:
        monkeypatch.delenv(name)


def test_ingest_answers_its_example():
    answer = ingest.handler(example("ingest"), Context())
    assert [(record["from"], record["to"]) for record in answer["records"]] == [("1763812800000-0", "posts")]
    assert answer["rejections"] == [{"itemIdentifier": "1763812800000-1", "reason": "text: is empty"}]
    json.dumps(answer)


def test_infer_answers_its_example():
    answer = infer.handler(example("infer"), Context())
    labels = [(record["body"]["score"]["sentiment"] or {}).get("label") for record in answer["records"]]
    assert labels == ["positive", None]
    json.dumps(answer)


def test_what_ingest_gives_infer_takes():
    given = ingest.handler(example("ingest"), Context())["records"]
    records = [
        {
            "messageId": record["from"],
            "body": json.dumps(record["body"]),
            "stream": "posts",
            "attributes": {"SentTimestamp": "1763812800000"},
        }
        for record in given
    ]
    answer = infer.handler({"Records": records}, Context())
    assert len(answer["records"]) == len(given)
    assert answer["rejections"] == []


@pytest.mark.parametrize("app", [ingest, infer])
def test_what_is_no_batch_fails_the_call(app: Any):
    with pytest.raises(ValidationError):
        app.handler({"detail": "not for us"}, Context())

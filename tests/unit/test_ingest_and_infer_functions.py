"""The functions ingest and infer, each called with an event and nothing running."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from barometer.settings import Settings
from functions.infer import app as infer
from functions.ingest import app as ingest

ROOT = Path(__file__).parents[2]


@dataclass
class Context:
    """What Lambda tells a handler of its call."""

    function_name: str = "barometer-test"
    memory_limit_in_mb: int = 256
    invoked_function_arn: str = "arn:aws:lambda:eu-central-1:000000000000:function:barometer-test"
    aws_request_id: str = "11111111-2222-3333-4444-555555555555"


@pytest.fixture(autouse=True)
def nothing_running(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("BAROMETER_")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(ingest, "settings", Settings())


def example(name: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((ROOT / "tests" / "events" / f"{name}.json").read_text(encoding="utf-8"))
    return event


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


@pytest.mark.parametrize(
    ("function", "variable", "value"),
    [("ingest", "BAROMETER_RETENTION_DAYS", "forever"), ("infer", "BAROMETER_MODEL", "oracle")],
)
def test_a_wrong_setting_stops_the_cold_start_and_is_named(function: str, variable: str, value: str):
    start = subprocess.run(
        [sys.executable, "-c", f"import functions.{function}.app"],
        env=os.environ | {variable: value},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert start.returncode == 1
    assert start.stderr.rstrip().splitlines()[-1].startswith("barometer.errors.SettingsError")
    assert variable in start.stderr

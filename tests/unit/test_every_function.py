"""What every function does alike: it stops at its cold start when a setting is wrong, and it counts what it did."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from functions.alert import app as alert
from functions.infer import app as infer
from functions.ingest import app as ingest
from tests.scored import Context, event, example

ROOT = Path(__file__).parents[2]
FUNCTIONS = sorted(path.parent.name for path in ROOT.glob("functions/*/app.py"))


def test_there_are_seven_of_them():
    assert FUNCTIONS == ["aggregate", "alert", "api", "infer", "ingest", "push", "socket"]


def cold_start(function: str, after: str = "", **variables: str) -> "subprocess.CompletedProcess[str]":
    """Import the handler as a new process does, then run ``after``."""
    return subprocess.run(
        [sys.executable, "-c", f"import functions.{function}.app\n{after}"],
        env=os.environ | variables,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("function", "variable", "value"),
    [*((function, "BAROMETER_RETENTION_DAYS", "forever") for function in FUNCTIONS),
     ("infer", "BAROMETER_MODEL", "oracle")],
)  # fmt: skip
def test_a_wrong_setting_stops_the_cold_start_and_is_named(function: str, variable: str, value: str):
    start = cold_start(function, **{variable: value})
    assert start.returncode == 1
    assert start.stderr.rstrip().splitlines()[-1].startswith("barometer.errors.SettingsError")
    assert variable in start.stderr


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_cold_start_without_secrets_manager_fails_by_the_name_that_the_poller_takes_for_nobodys_fault(function: str):
    away = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}  # fmt: skip
    start = cold_start(function, BAROMETER_REDIS_URL="rediss://a", BAROMETER_REDIS_SECRET="b", **away)
    assert start.returncode == 1
    assert start.stderr.rstrip().splitlines()[-1].startswith("barometer.errors.UnavailableError")


@pytest.mark.parametrize("function", FUNCTIONS)
def test_nobody_pays_for_tracing_who_does_not_trace(function: str):
    loaded = "import sys; print('aws_xray_sdk' in sys.modules)"
    where_lambda_traces = {"LAMBDA_TASK_ROOT": str(ROOT), "AWS_DEFAULT_REGION": "us-east-1"}
    traces = cold_start(function, loaded, POWERTOOLS_TRACE_DISABLED="false", **where_lambda_traces)
    is_asked_for_by_a_person = function in {"api", "socket"}
    assert traces.stdout.split() == [str(not is_asked_for_by_a_person)], traces.stderr
    still = cold_start(function, loaded, POWERTOOLS_TRACE_DISABLED="true", **where_lambda_traces)
    assert still.stdout.split() == ["False"], still.stderr


def test_scoring_reports_to_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A library that would report keeps an identifier and what it could not send yet, in the home folder."""
    for name in ("CI", "ORT_DISABLE_TELEMETRY"):
        monkeypatch.delenv(name, raising=False)
    home = {"HOME": str(tmp_path), "TMPDIR": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    start = cold_start("infer", **home)

    assert start.returncode == 0, start.stderr
    assert list(tmp_path.iterdir()) == []


def counted(output: str) -> dict[str, float]:
    """The metrics that a handler wrote for CloudWatch, without those of its cold start."""
    lines = [json.loads(line) for line in output.splitlines() if '"_aws"' in line]
    [told] = [line for line in lines if "ColdStart" not in line]
    [directive] = told["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "Barometer"
    assert set(directive["Dimensions"][0]) == {"function_name", "service"}
    assert told["function_name"] == Context.function_name
    return {metric["Name"]: sum(told[metric["Name"]]) for metric in directive["Metrics"]}


@pytest.mark.parametrize(
    ("app", "batch", "counts"),
    [
        (ingest, example("ingest"), {"Taken": 2, "Emitted": 1, "Rejected": 1, "Failed": 0}),
        (
            infer,
            example("infer"),
            {"Taken": 2, "Emitted": 2, "Rejected": 0, "Failed": 0, "Recalled": 0, "Fallback": 0, "Unscored": 1},
        ),
        (
            alert,
            event([{"topics": []}, {"topics": []}, "{"], "stored"),
            {"Taken": 3, "Emitted": 0, "Rejected": 1, "Failed": 0, "Judged": 2},
        ),
    ],
)
def test_a_batch_is_counted_by_what_became_of_its_records(
    app: Any, batch: dict[str, Any], counts: dict[str, int], capsys: pytest.CaptureFixture[str]
):
    app.handler(batch, Context())
    assert counted(capsys.readouterr().out) == counts

"""The door to Lambda's API: what went wrong is told apart, since each kind asks for something else."""

import threading
from collections.abc import Iterator

import pytest

from barometer.errors import UnavailableError
from barometer.stores.functions import (
    LONGEST_TEXT,
    FunctionError,
    Functions,
    FunctionTimeoutError,
    Reply,
    ThrottledError,
    TooLargeError,
)
from tests.integration.poller.rig import REQUEST_ID, Body, FakeAws, HandlerError, RefusedError, fake_aws

EVENT = b'{"Records":[]}'


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeAws]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "eu-central-1")
    with fake_aws() as aws:
        yield aws


def _call(aws: FakeAws, trouble: Exception | None = None) -> Reply:
    def function(_: list[Body]) -> Body:
        if trouble is not None:
            raise trouble
        return {}

    aws.functions = {"f": function}
    return Functions(aws.url, timeout_seconds=60).call("f", EVENT)


def test_an_answer_comes_with_the_request_that_it_is_to(aws: FakeAws) -> None:
    assert _call(aws) == Reply(b"{}", REQUEST_ID)


@pytest.mark.parametrize(
    ("trouble", "kind", "says"),
    [
        (HandlerError("ValueError", "bad"), FunctionError, "bad"),
        (HandlerError("Sandbox.Timedout", "Task timed out after 3.00 seconds"), FunctionTimeoutError, "Task timed out"),
        (HandlerError("", "1 Task timed out after 3.00 seconds"), FunctionTimeoutError, "Task timed out"),
        (HandlerError("Function.ResponseSizeTooLarge", "too long"), TooLargeError, "too long"),
        (HandlerError("UnavailableError", "Postgres is away"), UnavailableError, "Postgres is away"),
        (RefusedError(413, "RequestTooLargeException"), TooLargeError, "RequestTooLargeException"),
        (RefusedError(400, "InvalidRequestContentException"), FunctionError, "InvalidRequestContentException"),
        (RefusedError(429, "TooManyRequestsException"), ThrottledError, "f is throttled"),
        (RefusedError(404, "ResourceNotFoundException"), UnavailableError, "f cannot be invoked: ResourceNotFound"),
    ],
    ids=lambda value: getattr(value, "error_type", getattr(value, "code", None)),
)
def test_each_kind_of_failure_is_its_own(aws: FakeAws, trouble: Exception, kind: type[Exception], says: str) -> None:
    with pytest.raises(kind, match=says) as raised:
        _call(aws, trouble)
    assert type(raised.value) is kind


def test_half_a_surrogate_pair_in_what_the_api_says_can_still_be_written_down(aws: FakeAws) -> None:
    with pytest.raises(FunctionError, match="half") as raised:
        _call(aws, RefusedError(400, "InvalidRequestContentException", "half: \ud800"))
    assert str(raised.value).encode() == b"half: ?"


def test_a_function_that_does_not_answer_in_time_has_timed_out(aws: FakeAws) -> None:
    done = threading.Event()
    aws.functions = {"f": lambda _: done.wait(60)}
    with pytest.raises(FunctionTimeoutError, match=r"f did not answer within 0\.2 s"):
        Functions(aws.url, timeout_seconds=0.2).call("f", EVENT)
    done.set()


def test_an_error_keeps_where_it_was_raised_and_is_bounded(aws: FakeAws) -> None:
    lines = ("  far\n" * LONGEST_TEXT, "  near\n")
    with pytest.raises(FunctionError) as raised:
        _call(aws, HandlerError("V" * 2 * LONGEST_TEXT, "m" * 2 * LONGEST_TEXT, lines))
    told = (raised.value.error_type, str(raised.value), raised.value.stack_trace)
    assert [len(text) for text in told] == [LONGEST_TEXT] * 3
    assert raised.value.stack_trace.endswith("  far\n  near")
    assert raised.value.request_id == REQUEST_ID

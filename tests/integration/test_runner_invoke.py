"""What an AWS client sees of the runner: answers, errors and refusals as Lambda gives them, by either launcher."""

import asyncio
import base64
import json
from pathlib import Path

import aiohttp
import pytest
from botocore.exceptions import ClientError

from infra.local.runner.errors import EVENT_BYTES, REQUEST_BYTES, RESPONSE_BYTES
from tests.integration.conftest import Service
from tests.integration.lambdas import Lab, eventually, function, lambda_service


async def refusal(lab: Lab, name: str, payload: bytes = b"{}", **parameters: str):
    with pytest.raises(ClientError) as caught:
        await asyncio.to_thread(lab.client.invoke, FunctionName=name, Payload=payload, **parameters)
    return caught.value


async def test_a_function_answers_with_what_its_handler_returns(service: Service):
    async with service(function("echo")) as lab:
        event = {"text": "grüße 😀", "numbers": [1, 2.5, None, True]}
        reply = await lab.call("echo", event)
        assert (reply.status, reply.error, reply.version, reply.body) == (200, None, "$LATEST", event)


async def test_a_function_is_found_by_name_partial_arn_and_arn_but_not_by_another_version(service: Service):
    async with service(function("echo")) as lab:
        arn = "arn:aws:lambda:us-east-1:000000000000:function:echo"
        for reference in ("echo", "echo:$LATEST", "000000000000:function:echo", arn, f"{arn}:$LATEST"):
            assert (await lab.call(reference, 1)).body == 1
        assert (await lab.call("echo", 1, Qualifier="$LATEST")).body == 1
        assert (await refusal(lab, "echo", Qualifier="7")).response["Error"]["Code"] == "ResourceNotFoundException"


async def test_a_function_sees_the_context_and_the_environment_that_lambda_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("BAROMETER_DATABASE_URL", "the runner's own")
    monkeypatch.setenv("OPENAI_API_KEY", "a person's own")
    whoami = function("whoami", memory=256, timeout=9, variables={"MOOD": "calm", "PYTHONPATH": "/extra"})
    async with lambda_service(tmp_path, whoami) as lab:
        context = base64.b64encode(json.dumps({"custom": {"who": "test"}}).encode()).decode()
        body = (await lab.call("whoami", "you", ClientContext=context)).body
        assert body["arn"] == whoami.arn
        assert body["memory"] == "256"
        assert 8000 < body["left"] <= 9000
        assert body["group"] == "/aws/lambda/whoami"
        assert body["cwd"] == str(tmp_path)
        assert body["client"] == {"who": "test"}
        environment = body["env"]
        assert environment["MOOD"] == "calm"
        assert environment["AWS_ENDPOINT_URL"] == "http://127.0.0.1:9"
        assert environment["AWS_LAMBDA_FUNCTION_NAME"] == "whoami"
        assert environment["LAMBDA_TASK_ROOT"] == str(tmp_path)
        assert environment["TZ"] == ":UTC"
        assert environment["PYTHONPATH"].split(":") == ["/extra", str(tmp_path)]
        assert environment["_X_AMZN_TRACE_ID"].endswith("Sampled=0")
        assert not {"BAROMETER_DATABASE_URL", "OPENAI_API_KEY"} & environment.keys()


async def test_an_error_of_the_handler_is_passed_through_and_the_process_lives_on(service: Service):
    async with service(function("fail"), function("whoami")) as lab:
        reply = await lab.call("fail")
        assert (reply.status, reply.error) == (200, "Unhandled")
        assert reply.body["errorType"] == "KeyError"
        assert reply.body["errorMessage"] == "'no such key'"
        assert "handlers.py" in reply.body["stackTrace"][0]
        await lab.call("fail")
        assert lab.runner.environments()["fail"] == {"environments": 1, "busy": 0}
        assert sum("Init Duration" in line for line in lab.log) == 1


async def test_an_import_that_fails_is_told_and_not_tried_again_at_once(service: Service):
    broken = function("nowhere.handler", name="broken")
    async with service(broken) as lab:
        for _ in range(5):
            reply = await lab.call("broken", LogType="Tail")
            assert reply.error == "Unhandled"
            assert reply.body["errorType"] == "Runtime.ImportModuleError"
            assert "No module named 'nowhere'" in reply.body["errorMessage"]
            assert "Runtime.ImportModuleError" in reply.log
        assert sum("INIT_REPORT" in line for line in lab.log) == 1
        await asyncio.sleep(0.6)
        await lab.call("broken")
        assert sum("INIT_REPORT" in line for line in lab.log) == 2


async def test_an_unknown_function_is_404(service: Service):
    async with service() as lab:
        error = await refusal(lab, "nobody")
        assert isinstance(error, lab.client.exceptions.ResourceNotFoundException)
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 404
        assert error.response["Error"]["Message"] == "Function not found: nobody"


async def test_what_is_not_json_is_400(service: Service):
    async with service(function("echo")) as lab:
        error = await refusal(lab, "echo", b'{"half": ')
        assert isinstance(error, lab.client.exceptions.InvalidRequestContentException)
        error = await refusal(lab, "echo", InvocationType="RequestResponse", ClientContext="!")
        assert isinstance(error, lab.client.exceptions.InvalidParameterValueException)


async def test_a_request_of_six_megabytes_passes_and_one_byte_more_is_413(service: Service):
    async with service(function("echo")) as lab:
        fits = json.dumps("x" * (REQUEST_BYTES - 2)).encode()
        assert len(fits) == REQUEST_BYTES
        answer = await asyncio.to_thread(lab.client.invoke, FunctionName="echo", Payload=fits)
        assert await asyncio.to_thread(answer["Payload"].read) == fits
        for payload in (fits + b" ", fits * 2):
            error = await refusal(lab, "echo", payload)
            assert isinstance(error, lab.client.exceptions.RequestTooLargeException)
            assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 413


async def test_an_answer_over_the_limit_is_an_error_and_ends_the_process_as_on_lambda(service: Service):
    async with service(function("large")) as lab:
        assert len((await lab.call("large", {"bytes": RESPONSE_BYTES})).body) == RESPONSE_BYTES - 2
        reply = await lab.call("large", {"bytes": RESPONSE_BYTES + 1})
        assert reply.error == "Unhandled"
        assert reply.body["errorType"] == "Function.ResponseSizeTooLarge"
        assert (await lab.call("large", {"bytes": 10})).body == "x" * 8


async def test_a_dry_run_starts_nothing(service: Service):
    async with service(function("echo")) as lab:
        assert (await lab.call("echo", InvocationType="DryRun")).status == 204
        assert lab.runner.environments()["echo"]["environments"] == 0
        error = await refusal(lab, "nobody", InvocationType="DryRun")
        assert error.response["Error"]["Code"] == "ResourceNotFoundException"


async def test_the_log_result_is_the_last_4_kb_between_start_and_report(service: Service):
    async with service(function("whoami"), function("loud")) as lab:
        reply = await lab.call("whoami", "you", LogType="Tail")
        lines = reply.log.splitlines()
        request = reply.body["request"]
        assert lines[0] == f"START RequestId: {request} Version: $LATEST"
        assert lines[1] == "hello from you"
        assert lines[2] == f"END RequestId: {request}"
        assert lines[3].startswith(f"REPORT RequestId: {request}\tDuration: ")
        assert "Memory Size: 128 MB\tMax Memory Used: " in lines[3]
        assert "Init Duration" in lines[3]
        assert len(lines) == 4
        assert "Init Duration" not in (await lab.call("whoami", "you", LogType="Tail")).log
        loud = (await lab.call("loud", LogType="Tail")).log
        assert len(loud) == 4096
        assert "last words\nEND" in loud
        assert not (await lab.call("loud")).log


async def test_lines_on_the_runners_output_are_whole_and_name_their_function(service: Service):
    async with service(function("open_line")) as lab:
        await lab.call("open_line")
        await lab.call("open_line")
        assert all(line.startswith("open_line[1] ") for line in lab.log)
        assert [line.split()[1] for line in lab.log] == ["START", "no", "END", "REPORT"] * 2


async def test_an_event_is_taken_at_once_and_tried_again_twice(tmp_path: Path):
    async with lambda_service(tmp_path, function("flaky"), runner_event_retry_seconds=0.05) as lab:
        path = tmp_path / "attempts"
        reply = await lab.call("flaky", {"path": str(path), "works_at": 3}, InvocationType="Event")
        assert (reply.status, reply.body) == (202, None)
        await eventually(lambda: path.exists() and path.read_text() == "xxx")
        requests = {line.split()[3] for line in lab.log if " START " in line}
        assert len(requests) == 1, "every attempt is the same request"
        path.unlink()
        await lab.call("flaky", {"path": str(path), "works_at": 9}, InvocationType="Event")
        await eventually(lambda: path.exists() and path.read_text() == "xxx")
        await asyncio.sleep(0.3)
        assert path.read_text() == "xxx"


async def test_events_are_bounded_in_number_and_in_size(service: Service):
    async with service(function("sleep"), runner_event_queue=1) as lab:
        await lab.call("sleep", {"seconds": 1}, InvocationType="Event")
        error = await refusal(lab, "sleep", InvocationType="Event")
        assert isinstance(error, lab.client.exceptions.TooManyRequestsException)
        error = await refusal(lab, "sleep", b'"' + b"x" * EVENT_BYTES + b'"', InvocationType="Event")
        assert isinstance(error, lab.client.exceptions.RequestTooLargeException)


PAGES = [{"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Host": "evil.example:9001"}]


@pytest.mark.parametrize("headers", PAGES)
async def test_a_web_page_may_not_invoke(tmp_path: Path, headers: dict[str, str]):
    async with lambda_service(tmp_path, function("echo")) as lab, aiohttp.ClientSession() as session:
        url = f"{lab.url}/2015-03-31/functions/echo/invocations"
        async with session.post(url, data=b"{}", headers=headers) as answer:
            assert answer.status == 403
        async with session.get(f"{lab.url}/healthz") as answer:
            assert await answer.json() == {"status": "ok", "functions": {}}


@pytest.mark.parametrize("headers", PAGES)
async def test_a_web_page_may_not_take_what_is_meant_for_a_function(tmp_path: Path, headers: dict[str, str]):
    async with lambda_service(tmp_path, function("whoami")) as lab, aiohttp.ClientSession() as session:
        address = (await lab.call("whoami")).body["env"]["AWS_LAMBDA_RUNTIME_API"]
        url = f"http://{address}/2018-06-01/runtime/invocation/next"
        async with session.get(url, headers=headers) as answer:
            assert answer.status == 403
        assert (await lab.call("whoami")).body["calls"] == 2

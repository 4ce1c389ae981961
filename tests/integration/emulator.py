"""A real ministack with a deployed stack, and the real runner behind it, for tests of what stands around them."""

import contextlib
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import boto3

from infra.local.programs import any_free_port

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

HANDLERS = """
import base64, json, os, time

def api(event, context):
    path = event["rawPath"].removeprefix("/api/")
    if path == "event":
        return {"statusCode": 200, "body": json.dumps(event)}
    if path == "cookies":
        return {"statusCode": 200, "cookies": ["a=1; HttpOnly; SameSite=Strict", "b=2; Path=/"], "body": "{}"}
    if path == "one-cookie":
        return {"statusCode": 200, "headers": {"set-cookie": "a=1; HttpOnly"}, "body": "{}"}
    if path == "binary":
        body = base64.b64encode(bytes(range(256))).decode()
        headers = {"content-type": "application/octet-stream"}
        return {"statusCode": 200, "headers": headers, "isBase64Encoded": True, "body": body}
    if path == "problem":
        body = json.dumps({"title": "no", "status": 422, "field": "grüße"})
        return {"statusCode": 422, "headers": {"content-type": "application/problem+json"}, "body": body}
    if path == "large":
        return {"statusCode": 200, "headers": {"content-type": "text/plain"}, "body": "x" * 5_000_000}
    if path == "length":
        body = base64.b64decode(event["body"]) if event["isBase64Encoded"] else event["body"].encode()
        return {"statusCode": 200, "body": json.dumps({"length": len(body)})}
    if path == "nothing":
        return {"statusCode": 204}
    if path == "crash":
        raise ValueError("a secret of the inside")
    if path == "sleep":
        time.sleep(1.5)
        return {"statusCode": 200, "body": "{}"}
    problem = {"content-type": "application/problem+json"}
    return {"statusCode": 404, "headers": problem, "body": json.dumps({"path": event["rawPath"]})}

def socket(event, context):
    if event.get("type") == "REQUEST":
        key = event["headers"].get("authorization", "") + event["headers"].get("cookie", "")
        if "broken" in key:
            raise ValueError("a secret of the inside")
        statement = {"Action": "execute-api:Invoke", "Effect": "Allow" if "good" in key else "Deny",
                     "Resource": event["methodArn"]}
        policy = {"Version": "2012-10-17", "Statement": [statement]}
        context = {"headers": json.dumps(event["headers"]), "query": json.dumps(event["queryStringParameters"])}
        return {"principalId": "someone", "policyDocument": policy, "context": context}
    request = event["requestContext"]
    if request["eventType"] == "DISCONNECT":
        with open(os.environ["DISCONNECTS"], "a") as file:
            file.write(str(request["disconnectStatusCode"]) + "\\n")
    if request["eventType"] == "MESSAGE":
        if event["body"] == "who":
            return {"statusCode": 200, "body": json.dumps(request["authorizer"])}
        return {"statusCode": 200, "body": "echo " + event["body"]}
    return {"statusCode": 200}
"""


@dataclass(frozen=True)
class Emulator:
    """Where everything is."""

    folder: Path
    cloud: subprocess.Popen[bytes]
    runner: subprocess.Popen[bytes]
    cloud_url: str
    runner_url: str
    http_api: str
    socket_api: str

    @property
    def disconnects(self) -> list[str]:
        """Close codes that the function was told of."""
        path = self.folder / "disconnects"
        return path.read_text().split() if path.exists() else []

    def aws_lambda(self) -> "LambdaClient":
        """Where functions are declared; not where they run."""
        return boto3.client("lambda", **_client(self.cloud_url))

    def log(self) -> str:
        """What the runner has written."""
        return (self.folder / "runner.log").read_text()


@contextlib.contextmanager
def emulator(folder: Path) -> Iterator[Emulator]:
    """The emulated AWS with two functions, an HTTP API and a WebSocket API; nothing is left of it afterwards."""
    (folder / "handlers.py").write_text(HANDLERS)
    cloud_port, runner_port = any_free_port(), any_free_port()
    cloud_url, runner_url = f"http://127.0.0.1:{cloud_port}", f"http://127.0.0.1:{runner_port}"
    services = "apigateway,lambda,iam,logs,sts,cloudwatch"
    cloud_settings = {"BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(cloud_port), "TMPDIR": str(folder),
                      "SERVICES": services, "SFTP_ENABLED": "0"}  # fmt: skip
    runner_settings = {"BAROMETER_RUNNER_PORT": str(runner_port), "BAROMETER_CLOUD_ENDPOINT": cloud_url,
                       "BAROMETER_TASK_ROOT": str(folder)}  # fmt: skip
    with contextlib.ExitStack() as stack:
        cloud = stack.enter_context(program(["infra.local.cloud"], folder / "cloud.log", cloud_settings))
        runner = stack.enter_context(program(["infra.local.runner"], folder / "runner.log", runner_settings))
        wait_for(cloud_url, cloud)
        wait_for(f"{runner_url}/healthz", runner)
        http_api, socket_api = _deploy(cloud_url, runner_url, folder)
        yield Emulator(folder, cloud, runner, cloud_url, runner_url, http_api, socket_api)


@contextlib.contextmanager
def program(module: list[str], log: Path, settings: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A Python program of its own; killed at the end if it has not ended by then."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *module], stdout=output, stderr=subprocess.STDOUT, env={**os.environ, **settings}
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


def wait_for(url: str, process: subprocess.Popen[bytes], seconds: float = 30.0) -> None:
    """Return once ``url`` answers anything; fail if its process ends or takes too long."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            urllib.request.urlopen(url, timeout=2).close()  # noqa: S310 (our own server)
        except urllib.error.HTTPError:
            return
        except OSError:
            assert process.poll() is None, f"what should serve {url} has ended"
            assert time.monotonic() < deadline, f"{url} did not answer in time"
            time.sleep(0.05)  # between two probes
        else:
            return


def _client(url: str) -> dict[str, str]:
    return {"endpoint_url": url, "region_name": "us-east-1", "aws_access_key_id": "test",
            "aws_secret_access_key": "test"}  # fmt: skip


def _deploy(cloud_url: str, runner_url: str, folder: Path) -> tuple[str, str]:
    functions = boto3.client("lambda", **_client(cloud_url))
    for name in ("api", "socket"):
        functions.create_function(
            FunctionName=f"test-{name}",
            PackageType="Image",
            Role="arn:aws:iam::000000000000:role/test",
            Code={"ImageUri": f"test:{name}"},
            ImageConfig={"Command": [f"handlers.{name}"]},
            Timeout=20,
            MemorySize=256,
            Environment={
                "Variables": {
                    "MINISTACK_LAMBDA_PROXY_URL": f"{runner_url}/proxy/test-{name}",
                    "DISCONNECTS": str(folder / "disconnects"),
                }
            },
        )
    # ministack drops the reserved concurrency on create.
    functions.put_function_concurrency(FunctionName="test-api", ReservedConcurrentExecutions=3)
    functions.put_function_concurrency(FunctionName="test-socket", ReservedConcurrentExecutions=5)
    gateway = boto3.client("apigatewayv2", **_client(cloud_url))
    arn = "arn:aws:lambda:us-east-1:000000000000:function:test-"
    uri = f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{arn}socket/invocations"

    http_api = gateway.create_api(Name="http", ProtocolType="HTTP")["ApiId"]
    integration = gateway.create_integration(
        ApiId=http_api, IntegrationType="AWS_PROXY", IntegrationUri=f"{arn}api", PayloadFormatVersion="2.0"
    )["IntegrationId"]
    gateway.create_route(ApiId=http_api, RouteKey="ANY /api/{proxy+}", Target=f"integrations/{integration}")
    gateway.create_stage(ApiId=http_api, StageName="$default", AutoDeploy=True)

    socket_api = gateway.create_api(
        Name="socket", ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.action"
    )["ApiId"]
    integration = gateway.create_integration(ApiId=socket_api, IntegrationType="AWS_PROXY", IntegrationUri=uri)[
        "IntegrationId"
    ]
    authorizer = gateway.create_authorizer(
        ApiId=socket_api, Name="key", AuthorizerType="REQUEST", AuthorizerUri=uri, IdentitySource=[]
    )["AuthorizerId"]
    target = f"integrations/{integration}"
    gateway.create_route(
        ApiId=socket_api, RouteKey="$connect", Target=target, AuthorizationType="CUSTOM", AuthorizerId=authorizer
    )
    for route in ("$disconnect", "$default"):
        gateway.create_route(ApiId=socket_api, RouteKey=route, Target=target)
    gateway.create_stage(ApiId=socket_api, StageName="live", AutoDeploy=True)
    return http_api, socket_api

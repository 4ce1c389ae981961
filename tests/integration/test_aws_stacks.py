"""The stacks of infra/aws that the emulator knows every part of, deployed to it: what they refer to is there."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest
from samtranslator.yaml_helper import yaml_parse

from infra.aws.stacks import Choices, Output, path_of, stacks
from infra.local.programs import any_free_port
from tests.integration.emulator import program, wait_for

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

STACKS = stacks(Choices("test", "1", feed="simulate"))
# It has no NAT gateway, RDS Proxy, Application Auto Scaling or alarm on an expression, so it refuses the others whole.
KNOWN = ("base", "jobs", "edge")


@pytest.fixture
def cloudformation(tmp_path: Path) -> Iterator["CloudFormationClient"]:
    port = any_free_port()
    settings = {"BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port), "TMPDIR": str(tmp_path), "SFTP_ENABLED": "0",
                "SERVICES": "cloudformation,cloudfront,ecr,ecs,iam,logs,s3,sns,sts"}  # fmt: skip
    with program(["infra.local.cloud"], tmp_path / "cloud.log", settings) as cloud:
        url = f"http://127.0.0.1:{port}"
        wait_for(url, cloud)
        with contextlib.closing(
            boto3.Session().client(
                "cloudformation",
                endpoint_url=url,
                region_name="us-east-1",
                aws_access_key_id="test",
                aws_secret_access_key="test",
            )
        ) as client:
            yield client


def test_they_deploy_and_tell_what_others_ask_of_them(cloudformation: "CloudFormationClient") -> None:
    told: dict[tuple[str, str], str] = {}
    for name in KNOWN:
        stack = STACKS[name]
        parameters = {
            key: told.get((value.stack, value.name), f"arn:aws:made:up:0:{key}") if isinstance(value, Output) else value
            for key, value in stack.parameters.items()
        }
        cloudformation.create_stack(
            StackName=f"barometer-test-{name}",
            TemplateBody=path_of(stack).read_text(),
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
            Capabilities=["CAPABILITY_IAM"],
        )
        cloudformation.get_waiter("stack_create_complete").wait(
            StackName=f"barometer-test-{name}", WaiterConfig={"Delay": 1, "MaxAttempts": 60}
        )
        (made,) = cloudformation.describe_stacks(StackName=f"barometer-test-{name}")["Stacks"]
        assert made["StackStatus"] == "CREATE_COMPLETE"
        told |= {(name, output["OutputKey"]): output["OutputValue"] for output in made["Outputs"]}
        declared = yaml_parse(path_of(stack).read_text())["Outputs"]
        assert {key for stack_name, key in told if stack_name == name} == declared.keys()

    assert told["edge", "PublicOrigin"].startswith("https://")
    assert told["jobs", "ClusterName"] == "barometer-test"

"""The templates of infra/aws fit together, and let nobody do more than is said."""

import json
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse

from barometer.settings import variable_of
from barometer.streams import Deployment
from infra.aws.prepare import PrepareSettings
from infra.aws.stacks import FOLDER, Choices, Output, path_of, stacks
from infra.feeds.settings import FeedSettings
from infra.local.front_door import headers
from infra.local.program import REPOSITORY
from infra.poller.settings import PollerSettings

STACKS = stacks(Choices("test", "1", domain="example.test", certificate="arn"))
REDIS = ("redis_url", "redis_secret", "partitions")
OURS = [name for name in STACKS if name != "app"]


@cache
def template(name: str) -> dict[str, Any]:
    parsed: dict[str, Any] = yaml_parse(path_of(STACKS[name]).read_text(encoding="utf-8"))
    return parsed


def resources(name: str, kind: str) -> dict[str, Any]:
    return {key: body for key, body in template(name)["Resources"].items() if body["Type"] == kind}


def statements(name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for key, role in resources(name, "AWS::IAM::Role").items():
        for policy in role["Properties"]["Policies"]:
            for statement in policy["PolicyDocument"]["Statement"]:
                yield f"{name}.{key}", statement


def test_every_template_is_a_stack() -> None:
    assert {path.stem for path in (REPOSITORY / FOLDER).glob("*.yaml")} == set(OURS)


@pytest.mark.parametrize("name", STACKS)
def test_a_stack_is_told_what_it_has_no_default_for_by_one_that_is_made_before_it(name: str) -> None:
    parameters, told = template(name)["Parameters"], STACKS[name].parameters
    needed = {key for key, parameter in parameters.items() if "Default" not in parameter}
    before = list(STACKS)[: list(STACKS).index(name)]

    assert needed <= told.keys() <= parameters.keys()
    for value in told.values():
        if isinstance(value, Output):
            assert value.stack in before
            assert value.name in template(value.stack)["Outputs"], value


def test_nothing_is_told_that_nobody_hears() -> None:
    heard = {(v.stack, v.name) for stack in STACKS.values() for v in stack.parameters.values() if isinstance(v, Output)}
    told = {(name, key) for name in OURS for key in template(name).get("Outputs", {})}
    script = (REPOSITORY / "infra/aws/deploy.py").read_text() + (REPOSITORY / "infra/aws/destroy.py").read_text()

    assert {(name, key) for name, key in told - heard if f'"{key}"' not in script.replace("'", '"')} == set()


@pytest.mark.parametrize("name", OURS)
def test_every_parameter_and_condition_is_used_and_each_resource_that_is_named_is_there(name: str) -> None:
    document = template(name)
    text = json.dumps({key: value for key, value in document.items() if key != "Parameters"})
    named = set(re.findall(r'"Ref": "(\w+)"', text)) | set(re.findall(r'"Fn::GetAtt": \["(\w+)', text))
    named |= set(re.findall(r"\$\{(\w+)[.}]", text)) - {"ProxyId"}

    assert named <= document["Resources"].keys() | document["Parameters"].keys()
    unused = document["Parameters"].keys() - named - {"Stage"}
    assert unused == set()


def test_no_permission_is_for_everything_but_the_token_of_the_registry() -> None:
    wide = [
        (where, statement["Action"])
        for name in OURS
        for where, statement in statements(name)
        if statement["Resource"] == "*" or "*" in json.dumps(statement["Action"])
    ]
    assert wide == [("jobs.ExecutionRole", "ecr:GetAuthorizationToken")]


def test_a_role_is_taken_by_services_alone_and_for_this_account_where_they_say_for_whom() -> None:
    for name in OURS:
        for key, role in resources(name, "AWS::IAM::Role").items():
            (trust,) = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
            assert list(trust["Principal"]) == ["Service"], key
            if trust["Principal"] == {"Service": "rds.amazonaws.com"}:
                continue
            assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}, key


def test_the_functions_of_the_application_may_read_only_the_secrets_that_they_use() -> None:
    holders: dict[str, set[str]] = {}
    for key, body in resources("app", "AWS::Serverless::Function").items():
        text = json.dumps(body["Properties"].get("Policies", []))
        for secret in ("RedisSecret", "LlmApiKeySecret", "DatabaseUserArn", "DatabaseRowsUserArn"):
            if f'"Ref": "{secret}"' in text:
                holders.setdefault(secret, set()).add(key.removesuffix("Function").lower())
    assert holders == {
        "RedisSecret": {"infer", "aggregate", "alert", "push", "api", "socket"},
        "DatabaseUserArn": {"aggregate", "alert"},
        "DatabaseRowsUserArn": {"ingest", "push", "api", "socket"},
        "LlmApiKeySecret": {"infer"},
    }
    owners = {
        key.removesuffix("Function").lower()
        for key, body in resources("app", "AWS::Serverless::Function").items()
        if body["Properties"].get("Environment", {}).get("Variables", {}).get("BAROMETER_DATABASE_URL")
        == {"Ref": "DatabaseUrl"}
    }
    assert owners == holders["DatabaseUserArn"]
    ingest = template("app")["Resources"]["IngestFunction"]["Properties"]["Environment"]["Variables"]
    assert ingest == {"BAROMETER_REDIS_SECRET": ""}, "who may not read it must not be told of it"


def test_each_security_group_says_who_it_speaks_to_and_that_one_says_so_too() -> None:
    groups = resources("network", "AWS::EC2::SecurityGroup")
    ways_out, ways_in = set(), set()
    for rule in resources("network", "AWS::EC2::SecurityGroupEgress").values():
        body = rule["Properties"]
        if "CidrIp" in body:
            assert (body["GroupId"], body["FromPort"] in {80, 443}) == ({"Ref": "WorkloadGroup"}, True)
        else:
            ways_out.add((body["GroupId"]["Ref"], body["DestinationSecurityGroupId"]["Ref"], body["ToPort"]))
    for rule in resources("network", "AWS::EC2::SecurityGroupIngress").values():
        body = rule["Properties"]
        assert "CidrIp" not in body, "nobody is spoken to from outside"
        ways_in.add((body["SourceSecurityGroupId"]["Ref"], body["GroupId"]["Ref"], body["ToPort"]))

    assert ways_out == ways_in == {
        ("WorkloadGroup", "EndpointGroup", 443),
        ("WorkloadGroup", "ProxyGroup", 5432),
        ("ProxyGroup", "DatabaseGroup", 5432),
        ("WorkloadGroup", "ValkeyGroup", 6379),
    }  # fmt: skip
    for key, group in groups.items():
        assert "SecurityGroupIngress" not in group["Properties"], key
        assert [rule["CidrIp"] for rule in group["Properties"]["SecurityGroupEgress"]] == ["127.0.0.1/32"], key


def test_the_poller_may_invoke_the_functions_of_its_pipes_and_no_other() -> None:
    text = template("app")["Resources"]["PipesParameter"]["Properties"]["Value"]["Fn::Sub"]
    pipes = Deployment.model_validate_json(re.sub(r"\$\{(\w+)Function\}", lambda m: m[1].lower(), text))
    (allowed,) = [
        statement["Resource"]
        for _, statement in statements("services")
        if statement["Action"] == "lambda:InvokeFunction"
    ]

    assert {arn["Fn::Sub"].rpartition("${AppStack}-")[2] for arn in allowed} == {
        pipe.function_name for pipe in pipes.pipes
    }
    assert template("app")["Resources"]["PipesParameter"]["Properties"]["Name"] == {
        "Fn::Sub": "/${AWS::StackName}/pipes"
    }


@pytest.mark.parametrize(
    ("stack", "task", "model", "given"),
    [
        (
            "services",
            "PollerTask",
            PollerSettings,
            {"redis_url", "redis_secret", "pipes_parameter", "cloudwatch_seconds"},
        ),
        ("services", "FeedTask", FeedSettings, {"redis_url", "redis_secret", "pipes_parameter", "feed"}),
        ("jobs", "Migrations", PrepareSettings, {"database_url", "admin_key_secret", "feed"}),
    ],
)
def test_a_task_is_told_settings_that_exist_may_write_nothing_and_is_nobody(
    stack: str, task: str, model: Any, given: set[str]
) -> None:
    (container,) = template(stack)["Resources"][task]["Properties"]["ContainerDefinitions"]
    told = {entry["Name"] for entry in container["Environment"]}

    settable = {variable_of(model, name) for name in model.model_fields}
    assert told - {"AWS_DEFAULT_REGION"} <= settable
    assert {variable_of(model, name) for name in given} <= told
    assert container["User"] == "10001:10001"
    assert container["ReadonlyRootFilesystem"] is True
    assert container["LinuxParameters"]["Capabilities"] == {"Drop": ["ALL"]}
    assert "AWS_DEFAULT_REGION" in told, "boto3 reads no other name"


def test_a_task_s_image_is_one_that_is_pushed_and_the_poller_has_time_to_drain() -> None:
    tags = {
        container["Image"]["Fn::Sub"]
        for stack in ("jobs", "services")
        for task in resources(stack, "AWS::ECS::TaskDefinition").values()
        for container in task["Properties"]["ContainerDefinitions"]
    }
    dockerfile = (REPOSITORY / "infra/Dockerfile").read_text()
    # The command of the migrations is in this folder, of which an image is given no more than that.
    kept = (REPOSITORY / ".dockerignore").read_text().partition("\ninfra/aws\n")[2].splitlines()
    assert {"!infra/aws/__init__.py", "!infra/aws/prepare.py", "!infra/aws/grants.sql"} <= set(kept)
    for target in ("poller", "feeds", "cloud"):
        assert f"${{TasksRepositoryUri}}:{target}-${{Version}}" in tags
        assert re.search(rf"^FROM \S+ AS {target}$", dockerfile, re.MULTILINE)
    (poller,) = template("services")["Resources"]["PollerTask"]["Properties"]["ContainerDefinitions"]
    assert poller["StopTimeout"] > PollerSettings.model_fields["drain_seconds"].default
    asked = [str(PollerSettings.model_fields["metrics_port"].default), "/healthz"]
    assert poller["HealthCheck"]["Command"][-2:] == asked
    assert json.dumps(poller["HealthCheck"]["Command"][1:]) in dockerfile, "ECS asks as the engine does"


def test_the_poller_scales_on_what_it_tells_cloudwatch() -> None:
    told = (REPOSITORY / "infra/poller/cloudwatch.py").read_text()
    metrics = [
        (metric["MetricName"], {dimension["Name"] for dimension in metric["Dimensions"]})
        for metric in _walk(template("services"))
        if metric.get("Namespace") == "Barometer"
    ]
    assert {name for name, _ in metrics} == {"Lag", "OldestAge", "DeadLetters"}
    for name, dimensions in metrics:
        assert f'add_metric("{name}"' in told
        assert dimensions == {"deployment", "service"}


def test_tasks_and_application_agree_where_neither_is_told() -> None:
    parameters = template("services")["Parameters"]
    for name in ("Partitions", "RetentionDays"):
        assert parameters[name]["Default"] == template("app")["Parameters"][name]["Default"]
    text = template("app")["Resources"]["PipesParameter"]["Properties"]["Value"]["Fn::Sub"]
    raw = Deployment.model_validate_json(text).streams["raw"].maximum_length
    assert template("services")["Resources"]["StreamsFill"]["Properties"]["Threshold"] == raw / 2


def _walk(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
    for inner in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from _walk(inner)


def test_every_alarm_is_heard() -> None:
    for name in OURS:
        for key, alarm in resources(name, "AWS::CloudWatch::Alarm").items():
            assert alarm["Properties"]["AlarmActions"] == [{"Ref": "AlarmTopicArn"}], key
            assert alarm["Properties"]["AlarmDescription"], key


def test_what_is_kept_is_encrypted_and_prod_cannot_lose_it_by_mistake() -> None:
    data = template("data")["Resources"]
    database, valkey = data["Database"], data["Valkey"]

    assert database["Properties"]["StorageEncrypted"] is True
    assert database["Properties"]["DeletionProtection"] == {"Fn::If": ["IsProd", True, False]}
    assert data["DatabaseParameters"]["Properties"]["Parameters"]["rds.force_ssl"] == "1"
    assert data["Proxy"]["Properties"]["RequireTLS"] is True
    assert data["Proxy"]["Properties"]["DefaultAuthScheme"] == "IAM_AUTH"
    assert valkey["Properties"]["TransitEncryptionEnabled"] is True
    assert valkey["Properties"]["AtRestEncryptionEnabled"] is True
    assert valkey["Properties"]["MultiAZEnabled"] is True
    assert data["ValkeyParameters"]["Properties"]["Properties"]["maxmemory-policy"] == "noeviction"
    assert database["DeletionPolicy"] == valkey["DeletionPolicy"] == "Snapshot"


@pytest.mark.parametrize(("output", "user"), [("Database", "barometer_owner"), ("DatabaseRows", "barometer_rows")])
def test_everyone_logs_in_as_a_user_that_the_script_makes_over_verified_tls(output: str, user: str) -> None:
    outputs = template("data")["Outputs"]
    url = outputs[f"{output}Url"]["Value"]["Fn::Sub"]

    assert url.startswith(f"postgresql+iam://{user}@")
    assert url.endswith("?sslmode=verify-full&sslrootcert=system")
    assert f"'{user}'" in (REPOSITORY / FOLDER / "role.sql").read_text()
    assert outputs[f"{output}UserArn"]["Value"]["Fn::Sub"][0].endswith(f"/{user}")
    assert f"/{user}" in json.dumps(template("data")["Resources"]["ProxyRole"]["Properties"]["Policies"])
    assert outputs["RedisUrl"]["Value"]["Fn::Sub"].startswith("rediss://")


def test_the_timeouts_of_the_role_are_those_of_the_door() -> None:
    from barometer.stores import postgres

    role = (REPOSITORY / FOLDER / "role.sql").read_text()
    assert f"SET statement_timeout = {postgres.STATEMENT_TIMEOUT_MS}'" in role
    assert f"SET lock_timeout = {postgres.LOCK_TIMEOUT_MS}'" in role


def test_the_edge_gives_the_headers_of_the_front_door() -> None:
    for name, policy in (("PageHeaders", headers._DASHBOARD_POLICY), ("DataHeaders", headers._DATA_POLICY)):
        config = template("edge")["Resources"][name]["Properties"]["ResponseHeadersPolicyConfig"]
        security = config["SecurityHeadersConfig"]
        given = {
            "X-Content-Type-Options": "nosniff" if "ContentTypeOptions" in security else "",
            "Referrer-Policy": security["ReferrerPolicy"]["ReferrerPolicy"],
            "X-Frame-Options": security["FrameOptions"]["FrameOption"],
            "Content-Security-Policy": security["ContentSecurityPolicy"]["ContentSecurityPolicy"],
            **{item["Header"]: item["Value"] for item in config["CustomHeadersConfig"]["Items"]},
        }
        set_there = dict(re.findall(r'setdefault\("([\w-]+)", "([\w-]+)"\)', Path(headers.__file__).read_text()))
        assert given == set_there | {"Content-Security-Policy": policy}
        overrides = [rule["Override"] for rule in security.values()] + [
            item["Override"] for item in config["CustomHeadersConfig"]["Items"]
        ]
        assert not any(overrides), "a response's own headers stay"


@pytest.mark.parametrize(
    ("function", "asked", "given"),
    [
        ("PageFunction", "/", "/index.html"),
        ("PageFunction", "/topics/trams", "/index.html"),
        ("PageFunction", "/assets/index-1a2b.js", "/assets/index-1a2b.js"),
        ("PageFunction", "/v1.2/page", "/index.html"),
        ("SocketFunction", "/socket", "/live"),
    ],
)
def test_a_path_leads_where_the_front_door_leads_it(function: str, asked: str, given: str) -> None:
    code = template("edge")["Resources"][function]["Properties"]["FunctionCode"]
    call = f"{code}; console.log(handler({{request: {{uri: {json.dumps(asked)}}}}}).uri)"
    ran = subprocess.run(
        [REPOSITORY / "scripts" / "with-node", "node", "-e", call],
        capture_output=True, text=True, timeout=60, check=True, cwd=REPOSITORY / "frontend",
    )  # fmt: skip
    assert ran.stdout == f"{given}\n"


def test_an_api_s_errors_pass_the_edge_as_they_are_and_nothing_of_it_is_cached() -> None:
    config = template("edge")["Resources"]["Distribution"]["Properties"]["DistributionConfig"]
    behaviors = {behavior["PathPattern"]: behavior for behavior in config["CacheBehaviors"]}

    assert "CustomErrorResponses" not in config
    assert behaviors.keys() == {"/api/*", "/socket"}
    for behavior in behaviors.values():
        assert behavior["CachePolicyId"] == "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
        assert behavior["OriginRequestPolicyId"] == "b689b0a8-53d0-40ab-baf2-68738e2966ac"
        assert behavior["ViewerProtocolPolicy"] == "https-only"
    stage = template("app")["Resources"]["SocketStage"]["Properties"]["StageName"]
    assert f"'/{stage}'" in template("edge")["Resources"]["SocketFunction"]["Properties"]["FunctionCode"]

"""template.yaml says what the code expects, and is read with care."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from barometer.errors import BarometerError, SettingsError
from barometer.settings import Settings, variable_of
from barometer.stores.deployment import parse
from barometer.streams import BOOK_STREAMS, Deployment
from infra.local.names import STEPS
from infra.local.template import TEMPLATE, read_template

PARAMETERS: dict[str, Any] = json.loads(read_template().body)["Parameters"]
RESOURCES: dict[str, Any] = json.loads(read_template().body)["Resources"]
FUNCTIONS = {name: body for name, body in RESOURCES.items() if body["Type"] == "AWS::Serverless::Function"}
ROOT = TEMPLATE.parent
LOCK = ROOT / "uv.lock"
STANDARD_PARAMETER_BYTES = 4096


def function_name(logical_id: str) -> str:
    name: str = FUNCTIONS[logical_id]["Properties"]["FunctionName"]["Fn::Sub"]
    return name.replace("${AWS::StackName}", "barometer")


def pipes() -> str:
    value: str = RESOURCES["PipesParameter"]["Properties"]["Value"]["Fn::Sub"]
    return re.sub(r"\$\{(\w+)\}", lambda match: function_name(match[1]), value)


def test_the_pipes_parameter_is_a_deployment_of_the_functions_that_the_template_has() -> None:
    deployment = Deployment.model_validate_json(pipes())

    assert {pipe.function_name for pipe in deployment.pipes} <= {function_name(name) for name in FUNCTIONS}
    assert [pipe.name for pipe in deployment.pipes] == [
        "ingest", "infer", "aggregate", "alert", "push-posts", "push-metrics", "push-alerts",
    ]  # fmt: skip


def test_a_deployment_that_is_no_json_is_refused_as_such() -> None:
    with pytest.raises(SettingsError, match=r"the parameter pipes is not JSON: .*line 1"):
        parse("{'Streams'", "pipes")


def test_every_setting_reaches_the_functions() -> None:
    everywhere = json.loads(read_template().body)["Globals"]["Function"]["Environment"]["Variables"]
    own = [body["Properties"].get("Environment", {}).get("Variables", {}) for body in FUNCTIONS.values()]

    given = set(everywhere).union(*own)
    assert {name for name in given if name.startswith(("BAROMETER_", "LLM_"))} == {
        variable_of(Settings, name) for name in Settings.model_fields
    }


def test_the_key_of_the_language_model_is_for_infer_alone_and_not_echoed() -> None:
    document = json.loads(read_template().body)

    assert document["Parameters"]["LlmApiKey"]["NoEcho"] is True
    assert "LLM_API_KEY" not in document["Globals"]["Function"]["Environment"]["Variables"]
    holders = [name for name, body in FUNCTIONS.items() if "LlmApiKey" in json.dumps(body)]
    assert holders == ["InferFunction"]


def test_no_post_is_ever_trimmed_or_dropped() -> None:
    deployment = Deployment.model_validate_json(pipes())

    for stream in (*BOOK_STREAMS, "stored", "dead"):
        assert deployment.streams[stream].when_full == "refuse"
    for pipe in deployment.pipes:
        if pipe.keeps_books:
            assert pipe.destination_config.on_failure is not None


def test_a_post_has_a_week_to_come_to_its_end() -> None:
    """After days without power or function, what waited must not die of age: a week is the most that AWS allows."""
    deployment = Deployment.model_validate_json(pipes())

    assert {pipe.name: pipe.maximum_record_age_s for pipe in deployment.pipes if pipe.keeps_books} == {
        "ingest": 604_800,
        "infer": 604_800,
        "aggregate": 604_800,
    }


def test_the_pipes_parameter_fits_a_standard_one_with_room_for_longer_names() -> None:
    assert len(pipes().encode()) < STANDARD_PARAMETER_BYTES * 3 // 4


def test_every_function_has_its_handler_its_image_its_limits_and_its_log_group() -> None:
    targets = set(re.findall(r"^FROM \S+ AS (\S+)$", (ROOT / "functions" / "Dockerfile").read_text(), re.MULTILINE))
    logs = {
        body["Properties"]["LogGroupName"]["Fn::Sub"].replace("${AWS::StackName}", "barometer")
        for body in RESOURCES.values()
        if body["Type"] == "AWS::Logs::LogGroup" and body["Properties"]["RetentionInDays"] > 0
    }

    assert {function_name(name) for name in FUNCTIONS} == {f"barometer-{step}" for step in STEPS}
    for logical_id, body in FUNCTIONS.items():
        step = function_name(logical_id).removeprefix("barometer-")
        chosen = body["Metadata"]["DockerBuildTarget"]
        choices = [step] if chosen == step else PARAMETERS[chosen["Ref"]]["AllowedValues"]
        assert choices[0] == step
        assert targets.issuperset(choices)
        assert body["Properties"]["ImageUri"] == f"barometer:{step}"
        assert body["Properties"]["PackageType"] == "Image"
        assert body["Properties"]["ImageConfig"]["Command"] == [f"functions.{step}.app.handler"]
        assert (ROOT / "functions" / step / "app.py").is_file()
        assert body["Properties"]["ReservedConcurrentExecutions"] > 0
        assert f"/aws/lambda/barometer-{step}" in logs


def test_an_image_starts_the_handler_that_the_template_names() -> None:
    dockerfile = (ROOT / "functions" / "Dockerfile").read_text()

    for step in STEPS:
        stage = dockerfile.split(f" AS {step}\n")[1].split("\nFROM ")[0]
        assert f'CMD ["functions.{step}.app.handler"]' in stage
        copied = re.findall(r"^COPY .* functions/(\S+)$", stage, re.MULTILINE)
        assert copied == [step]


def test_images_are_made_with_the_versions_that_the_project_has() -> None:
    dockerfiles = "".join((ROOT / folder / "Dockerfile").read_text() for folder in ("functions", "infra"))
    locked = {package["name"]: package["version"] for package in tomllib.loads(LOCK.read_text())["package"]}

    assert set(re.findall(r"^ARG UV=(\S+)$", dockerfiles, re.MULTILINE)) == {locked["uv"]}
    assert set(re.findall(r"^ARG VERSION=(\S+)$", dockerfiles, re.MULTILINE)) == {locked["barometer"]}
    assert len(set(re.findall(r"^ARG PYTHON=(\S+)$", dockerfiles, re.MULTILINE))) == 1


def test_a_dockerfile_is_read_by_the_classic_builder_and_a_dear_image_is_made_last() -> None:
    """`sam build` knows no BuildKit, and makes every stage that stands before the one asked for."""
    dockerfile = (ROOT / "functions" / "Dockerfile").read_text()

    assert not re.search(r"^RUN --|^COPY .*--(chmod|link|parents|exclude)|<<", dockerfile, re.MULTILINE)
    stages = re.findall(r"^FROM \S+ AS (\S+)$", dockerfile, re.MULTILINE)
    assert stages.index("infer") > max(stages.index(step) for step in STEPS if step != "infer")
    assert stages[-1] == "infer-transformers"


def test_every_barometer_variable_of_the_functions_is_a_setting() -> None:
    document = json.loads(read_template().body)
    variables = document["Globals"]["Function"]["Environment"]["Variables"]
    names = {name.removeprefix("BAROMETER_").lower() for name in variables if name.startswith("BAROMETER_")}

    assert names <= Settings.model_fields.keys()
    assert "AWS_ENDPOINT_URL" not in variables


def test_each_pipe_may_run_as_parallel_as_its_function_reserves() -> None:
    deployment = Deployment.model_validate_json(pipes())
    reserved = {
        function_name(name): body["Properties"]["ReservedConcurrentExecutions"] for name, body in FUNCTIONS.items()
    }
    wanted: dict[str, int] = {}
    for pipe in deployment.pipes:
        wanted[pipe.function_name] = wanted.get(pipe.function_name, 0) + pipe.parallelization_factor

    assert all(reserved[name] >= parallel for name, parallel in wanted.items())


def test_the_api_may_call_the_function_that_scores_and_no_other() -> None:
    api = FUNCTIONS["ApiFunction"]["Properties"]
    allowed = [
        statement
        for policy in api["Policies"]
        for statement in policy.get("Statement", [])
        if statement["Action"].startswith("lambda:")
    ]

    assert allowed == [
        {
            "Effect": "Allow",
            "Action": "lambda:InvokeFunction",
            "Resource": {"Fn::GetAtt": ["InferFunction", "Arn"]},
        }
    ]
    assert api["Environment"]["Variables"]["BAROMETER_INFER_FUNCTION"] == {"Ref": "InferFunction"}


def test_secrets_are_not_echoed() -> None:
    parameters = json.loads(read_template().body)["Parameters"]

    assert parameters["DatabaseUrl"]["NoEcho"] is True
    assert parameters["RedisUrl"]["NoEcho"] is True


def test_sam_local_can_resolve_every_default() -> None:
    """It leaves a reference to a parameter as it is whose default is a float, and a function then gets nothing."""
    assert not [name for name, parameter in PARAMETERS.items() if isinstance(parameter.get("Default"), float)]


def test_a_broken_template_names_the_line(tmp_path: Path) -> None:
    broken = tmp_path / "template.yaml"
    broken.write_text("Resources:\n  A: [1\n  B: 2\n")

    with pytest.raises(BarometerError, match=r"template\.yaml, line 3: "):
        read_template(broken)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "it has no Resources"),
        ("just words", "it has no Resources"),
        ("Resources: []", "it has no Resources"),
        ("Resources: {F: {Type: 'AWS::Serverless::Function'}}", "function F has no Metadata.DockerTag"),
    ],
)
def test_what_is_no_template_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    file = tmp_path / "template.yaml"
    file.write_text(text)

    with pytest.raises(BarometerError, match=re.escape(sentence)):
        read_template(file)


def test_an_absent_template_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(BarometerError, match=r"cannot read .*: No such file"):
        read_template(tmp_path / "none.yaml")


def test_the_fingerprint_tells_parameters_and_bodies_apart() -> None:
    template = read_template()

    assert template.fingerprint({"A": "1"}) == read_template().fingerprint({"A": "1"})
    assert template.fingerprint({"A": "1"}) != template.fingerprint({"A": "2"})

"""The deployer, against the real emulator, with the real template and with broken ones."""

import dataclasses
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import boto3
import pytest
import pytest_asyncio

from barometer.errors import BarometerError
from barometer.stores.deployment import Deployment
from infra.local import programs
from infra.local.deploy import Deployed, Deployer
from infra.local.home import Home
from infra.local.names import REGION, STEPS
from infra.local.program import Running
from infra.local.programs import Place
from infra.local.template import Template, read_template

TEMPLATE = read_template()
Parameters = dict[str, str]


# One worker runs them all, so that they can share an emulator.
pytestmark = pytest.mark.xdist_group("local-deploy")


def new_place(folder: Path) -> Place:
    home = Home.at(folder / "home")
    home.prepare()
    return Place(home, programs.free_ports(0, None), "postgresql:///nobody", "unix:///nobody")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    """A home whose emulated AWS runs, and nothing else. Each test deploys what it needs."""
    place = new_place(tmp_path_factory.mktemp("cloud"))
    running = await start_cloud(place)
    yield place
    await running.stop()


async def start_cloud(place: Place) -> Running:
    running = await Running.start(programs.cloud(place), place.home.log("cloud"))
    await running.ready()
    return running


def parameters(place: Place, **more: str) -> Parameters:
    return {
        "DatabaseUrl": place.database_url,
        "RedisUrl": place.redis_url,
        "PublicOrigin": place.url,
        "EndpointUrl": place.cloud_url,
        **more,
    }


def deploy(place: Place, template: Template = TEMPLATE, **more: str) -> Deployed:
    return Deployer(place.cloud_url).deploy(template, parameters(place, **more))


def changed(change: Callable[[dict[str, Any]], None]) -> Template:
    document = json.loads(TEMPLATE.body)
    change(document["Resources"])
    return dataclasses.replace(TEMPLATE, body=json.dumps(document))


def client(place: Place, service: str) -> Any:
    return boto3.client(  # type: ignore[call-overload]  # (a name that is not literal)
        service,
        endpoint_url=place.cloud_url,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


async def test_the_template_deploys_with_what_the_emulator_leaves_out(place: Place) -> None:
    deploy(place)

    lambdas = client(place, "lambda")
    for step in STEPS:
        function = lambdas.get_function(FunctionName=f"barometer-{step}")
        configuration = function["Configuration"]
        assert configuration["PackageType"] == "Image"
        assert configuration["ImageConfigResponse"]["ImageConfig"]["Command"] == [f"functions.{step}.app.handler"]
        assert configuration["Environment"]["Variables"]["BAROMETER_DATABASE_URL"] == place.database_url
        assert function["Concurrency"]["ReservedConcurrentExecutions"] > 0
    parameter = client(place, "ssm").get_parameter(Name="/barometer/pipes")["Parameter"]["Value"]
    assert Deployment.model_validate_json(parameter).pipes[0].function_name == "barometer-ingest"


async def test_the_management_endpoint_of_the_socket_is_the_emulators(place: Place) -> None:
    deployed = deploy(place)

    configuration = client(place, "lambda").get_function(FunctionName="barometer-push")["Configuration"]
    socket_api = deployed.outputs["SocketApiId"]
    expected = f"{place.cloud_url}/_aws/execute-api/{socket_api}/live"
    assert configuration["Environment"]["Variables"]["BAROMETER_SOCKET_ENDPOINT"] == expected


async def test_a_deployment_that_changes_nothing_is_left_alone(place: Place) -> None:
    first = deploy(place)
    second = deploy(place)

    assert not second.changed
    assert second.outputs == first.outputs


async def test_a_changed_parameter_reaches_the_functions_and_no_address_changes(place: Place) -> None:
    first = deploy(place)
    second = deploy(place, RetentionDays="3")

    assert second.changed
    assert second.outputs == first.outputs
    configuration = client(place, "lambda").get_function(FunctionName="barometer-aggregate")["Configuration"]
    assert configuration["Environment"]["Variables"]["BAROMETER_RETENTION_DAYS"] == "3"


async def test_what_was_deployed_outlives_a_stop_of_the_emulator(tmp_path: Path) -> None:
    place = new_place(tmp_path)
    running = await start_cloud(place)
    try:
        first = deploy(place)
    finally:
        await running.stop()
    running = await start_cloud(place)
    try:
        second = deploy(place)
    finally:
        await running.stop()

    assert not second.changed
    assert second.outputs == first.outputs


async def test_after_a_kill_of_the_emulator_the_same_addresses_come_back(tmp_path: Path) -> None:
    place = new_place(tmp_path)
    running = await start_cloud(place)
    first = deploy(place)
    running.kill()
    await running.wait()
    running = await start_cloud(place)
    try:
        second = deploy(place)
    finally:
        await running.stop()

    assert second.changed
    assert second.outputs == first.outputs


async def test_a_first_deployment_that_fails_names_the_resource_and_is_no_obstacle(tmp_path: Path) -> None:
    def break_it(resources: dict[str, Any]) -> None:
        resources["PipesParameter"]["Properties"]["Type"] = "Strung"

    place = new_place(tmp_path)
    running = await start_cloud(place)
    try:
        with pytest.raises(BarometerError, match=r"PipesParameter \(AWS::SSM::Parameter\): .*Strung"):
            deploy(place, changed(break_it))

        assert deploy(place).changed
    finally:
        await running.stop()


async def test_an_update_that_fails_leaves_what_was_there(place: Place) -> None:
    first = deploy(place)

    def break_it(resources: dict[str, Any]) -> None:
        resources["AlertFunction"]["Properties"]["Events"]["Clock"]["Properties"]["Schedule"] = "rate(soon)"

    with pytest.raises(BarometerError, match="AlertFunctionClock"):
        deploy(place, changed(break_it))

    assert deploy(place).outputs == first.outputs
    rules = client(place, "events").list_rules()["Rules"]
    assert [rule["ScheduleExpression"] for rule in rules] == ["rate(1 minute)"]


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"Retention": "3"}, "template.yaml has no parameter Retention"),
        ({"RetentionDays": "0"}, "RetentionDays"),
        ({"PublicOrigin": "nowhere"}, "PublicOrigin"),
    ],
)
async def test_a_parameter_that_cannot_be_is_named(place: Place, more: Parameters, sentence: str) -> None:
    with pytest.raises(BarometerError, match=sentence):
        deploy(place, **more)


async def test_an_emulator_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    place = new_place(tmp_path)

    with pytest.raises(BarometerError, match=r"could not deploy template\.yaml: Could not connect"):
        deploy(place)


async def test_a_request_reaches_the_function_that_the_route_names(place: Place) -> None:
    """With nobody behind the function: what matters is whom the emulator asks."""
    deployed = deploy(place)

    url = f"{place.cloud_url}/_aws/execute-api/{deployed.outputs['HttpApiId']}/api/health"
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        body = await response.text()

    assert f"{place.runner_url}/proxy/barometer-api" in body

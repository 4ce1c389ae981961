"""docker-compose.yml agrees with what it starts: the template's functions, the settings, and what may do what."""

import json
import re
from typing import Any

import pytest
import yaml

from barometer.settings import Settings, variable_of
from infra.containers.secrets import SecretsSettings
from infra.feeds.settings import FeedSettings
from infra.local.names import STEPS
from infra.local.template import TEMPLATE, read_template
from infra.localstack.deploy import SERVICES as SERVICES_OF_LOCALSTACK

ROOT = TEMPLATE.parent
TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OTHERS = {"postgres", "valkey", "localstack"}
OURS = {name: service for name, service in SERVICES.items() if name not in OTHERS and name not in STEPS}
# Of `docker compose` itself, and what `make localstack-deploy` says.
FOREIGN = {"COMPOSE_PROJECT_NAME", "BAROMETER_HTTP_API", "BAROMETER_SOCKET_API"}


def variables() -> set[str]:
    """What somebody may set: names that are interpolated, and those that are handed on as they are."""
    interpolated = set(re.findall(r"(?<!\$)\$\{([A-Z_]+)", TEXT))
    handed_on = {
        name
        for service in SERVICES.values()
        for name, value in (service.get("environment") or {}).items()
        if value is None
    }
    return (interpolated | handed_on) - FOREIGN


def explained() -> set[str]:
    return set(re.findall(r"^#?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))


def test_the_example_explains_every_variable_and_no_other() -> None:
    assert variables() - explained() == set()
    assert explained() - variables() == set()


def test_what_the_example_calls_a_default_is_the_code_s() -> None:
    given = dict(re.findall(r"^#([A-Z_]+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE))
    for model in (FeedSettings, SecretsSettings):
        for name, field in model.model_fields.items():
            variable = variable_of(model, name)
            if given.get(variable):
                default = getattr(field.default, "get_secret_value", lambda value=field.default: value)()
                assert type(default)(given[variable]) == default, variable


def test_every_setting_of_the_functions_reaches_the_container_that_deploys_them() -> None:
    environment = SERVICES["cloud"]["environment"]
    own = {
        "BAROMETER_DATABASE_URL", "BAROMETER_REDIS_URL",  # secrets
        "BAROMETER_PIPES_PARAMETER", "BAROMETER_SOCKET_ENDPOINT", "BAROMETER_INFER_FUNCTION",  # the template's
            "BAROMETER_REDIS_SECRET", "LLM_API_KEY_SECRET",  # AWS's: here a secret is a file
    }  # fmt: skip

    settable = {variable_of(Settings, name) for name in Settings.model_fields}
    assert settable - own <= set(environment)


def test_every_function_of_the_template_has_its_image_built_here() -> None:
    resources = json.loads(read_template().body)["Resources"].values()
    functions = [body for body in resources if body["Type"] == "AWS::Serverless::Function"]

    assert {body["Properties"]["ImageUri"] for body in functions} == {SERVICES[step]["image"] for step in STEPS}
    for step in STEPS:
        service = SERVICES[step]
        assert service["scale"] == 0
        assert service["build"]["dockerfile"] == "functions/Dockerfile"
        assert re.sub(r"\$\{.*:-(.*)\}", r"\1", service["build"]["target"]) == step


def test_the_front_door_knows_the_ids_that_the_template_gives_the_apis() -> None:
    resources = json.loads(read_template().body)["Resources"]
    ids = {name: json.dumps(resources[name]["Properties"]["Tags"]) for name in ("HttpApi", "SocketApi")}

    for door in ("front-door", "localstack-front-door"):
        environment = SERVICES[door]["environment"]
        assert environment["BAROMETER_HTTP_API"].removeprefix("${BAROMETER_HTTP_API:-").rstrip("}") in ids["HttpApi"]
        assert (
            environment["BAROMETER_SOCKET_API"].removeprefix("${BAROMETER_SOCKET_API:-").rstrip("}") in ids["SocketApi"]
        )


@pytest.mark.parametrize("api", ["HttpApi", "SocketApi"])
def test_both_emulators_are_told_an_api_s_id_as_each_asks_for_it(api: str) -> None:
    _, tags, _ = json.loads(read_template().body)["Resources"][api]["Properties"]["Tags"]["Fn::If"]

    assert set(tags) == {"ms-custom-id", "_custom_id_"}
    assert len(set(tags.values())) == 1


def test_what_is_ours_may_do_nothing_but_its_work() -> None:
    for name, service in OURS.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert "privileged" not in service, name
        assert (name == "runner") == ("user" in service), "only the runner is not who its image says"


def test_only_what_starts_functions_has_the_engine_and_only_the_front_door_can_be_reached() -> None:
    sockets = [name for name, service in SERVICES.items() if "docker.sock" in str(service.get("volumes"))]
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}

    assert sockets == ["runner", "localstack"]
    assert list(published) == ["front-door", "localstack", "localstack-front-door"]
    for door in ("front-door", "localstack-front-door"):
        assert all(port.startswith("${BAROMETER_BIND:-127.0.0.1}:") for port in published[door])
    assert all(port.startswith("127.0.0.1:") for port in published["localstack"])
    for name in sockets:
        assert "/secrets" not in str(SERVICES[name].get("volumes"))


def test_nothing_of_localstack_starts_or_is_asked_for_unless_it_is_named() -> None:
    own = {name: service for name, service in SERVICES.items() if name.startswith("localstack")}

    assert set(own) == {"localstack-token", "localstack", *SERVICES_OF_LOCALSTACK}
    assert {name for name, service in SERVICES.items() if service.get("profiles") == ["localstack"]} == set(own)
    assert [
        one for name, one in SERVICES.items() if name not in own and "localstack" in str(one.get("depends_on"))
    ] == []
    # Compose asks for a variable of a service that it does not start, too.
    assert re.findall(r"(?<!\$)\$\{[A-Z_]+:?\?", TEXT) == []


def test_no_password_stands_in_the_file() -> None:
    assert re.findall(r"(?i)password[\"']?[ ]*[:=][ ]*[\"']?[a-z0-9]+", TEXT) == []


def test_everything_that_runs_starts_again_when_it_ends() -> None:
    for name, service in SERVICES.items():
        if name in STEPS or name in {"localstack", "localstack-token"} or service.get("profiles") == ["tools"]:
            continue
        once = name in {"secrets", "migrations", "ready"}
        assert service["restart"] == ("on-failure:3" if once else "unless-stopped"), name

"""Barometer deployed to a LocalStack in a container: stores, images, registry, stack, and what stands before it.

Written to LocalStack's documents and never run for want of a licence; ``docs/localstack.md`` says which document each
step follows, and what is likeliest to differ. Each step may be done again: what is there already stays or is replaced.
"""

import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from barometer.errors import BarometerError
from infra.local.names import CREDENTIALS, REGION, STACK, STEPS
from infra.local.report import sign_in
from infra.localstack.commands import Commands

# As containers reach it; `localstack` is its service in docker-compose.yml.
INSIDE: Final = "http://localstack:4566"
SERVICES: Final = ("localstack-poller", "localstack-feed", "localstack-front-door")
BUILT: Final = ".aws-sam/build/template.yaml"
_CONFIG: Final = Config(connect_timeout=2, read_timeout=60, retries={"total_max_attempts": 3}, proxies={})
_WAIT_SECONDS: Final = "300"
# What else this machine is called in the address of a repository.
_LOCAL_NAMES: Final = ("localhost.localstack.cloud", "127.0.0.1")


def deploy(commands: Commands) -> None:
    """Everything, from nothing to a first post that was seen; tells the address at the end.

    Raises:
        BarometerError: one step could not be done; those before it stay done.
    """
    commands.start()
    if commands.read("docker", "compose", "ps", "--quiet", "runner", "front-door").strip():
        raise BarometerError("the containers of `docker compose up` run, and both want its ports: docker compose down")
    commands.compose("run", "--rm", "-T", "--no-deps", "localstack-token")
    # Those of an earlier deployment: a LocalStack that is started anew has nothing for them.
    commands.compose("rm", "--stop", "--force", *SERVICES)
    commands.compose("build", "cloud", *SERVICES)
    commands.compose("up", "--detach", "--wait", "--wait-timeout", _WAIT_SECONDS, "localstack")
    commands.sam_cli("build", "--template-file", "template.yaml")
    given = _parameters(commands)
    repositories = {f"{step.capitalize()}Function": _repository(commands, step) for step in STEPS}
    _deploy(commands, repositories, given)
    commands.compose("up", "--detach", "--wait", "--wait-timeout", _WAIT_SECONDS, *SERVICES, **_ids(commands))
    key = commands.read(
        *("docker", "compose", "run", "--rm", "-T", "--no-deps", "--entrypoint", "cat", "barometer"),
        "/secrets/admin.key",
    ).strip()
    origin = given.get("PublicOrigin", "http://127.0.0.1:8000")
    commands.run(
        *(sys.executable, "-m", "pytest", "-q", "tests/containers/test_first_post.py"),
        BAROMETER_SMOKE_URL=origin,
        BAROMETER_SMOKE_KEY=key,
    )
    if not commands.plan:
        commands.tell(f"\nBarometer runs on LocalStack; sign in at\n\n  {sign_in(origin, key)}\n")


def _parameters(commands: Commands) -> Mapping[str, str]:
    """The template's, as the container has them that deploys it elsewhere: by the same settings and secrets."""
    told = commands.read(
        *("docker", "compose", "run", "--rm", "-T", "--no-deps", "-e", f"BAROMETER_CLOUD_ENDPOINT={INSIDE}", "cloud"),
        *("python", "-m", "infra.containers.parameters"),
    )
    parameters: dict[str, str] = json.loads(told or "{}")
    return parameters


def _repository(commands: Commands, step: str) -> str:
    """The address of a function's repository, which is made if it is not there."""
    name = f"{STACK}-{step}"
    if commands.plan:
        commands.tell(f"aws ecr create-repository --repository-name {name}")
        return f"localhost:4510/{name}"
    ecr = _session().client("ecr", endpoint_url=commands.endpoint, config=_CONFIG)
    try:
        try:
            uri: str = ecr.create_repository(repositoryName=name)["repository"]["repositoryUri"]
        except ecr.exceptions.RepositoryAlreadyExistsException:
            uri = ecr.describe_repositories(repositoryNames=[name])["repositories"][0]["repositoryUri"]
    except (BotoCoreError, ClientError) as error:
        raise BarometerError(f"could not make the repository {name}: {error}") from error
    return local_registry(uri)


def local_registry(uri: str) -> str:
    """A repository's address as SAM takes it: only ``localhost``, beside AWS's own.

    Raises:
        BarometerError: it lies under a name that SAM refuses.
    """
    host, _, rest = uri.partition("/")
    name, _, port = host.partition(":")
    if name not in {"localhost", *_LOCAL_NAMES}:
        raise BarometerError(
            f"SAM does not push to {host}; LocalStack gives that name to a repository unless it runs with "
            "ECR_ENDPOINT_STRATEGY=off, as docker-compose.yml has it"
        )
    return f"localhost:{port}/{rest}" if port else f"localhost/{rest}"


def _deploy(commands: Commands, repositories: Mapping[str, str], parameters: Mapping[str, str]) -> None:
    pairs = [word for each in repositories.items() for word in ("--image-repositories", "=".join(each))]
    # A file, since the words of a command can be read by everybody on this machine, and these hold passwords.
    with tempfile.TemporaryDirectory() as folder:
        # SAM reads YAML, which JSON is.
        file = Path("parameters.yaml") if commands.plan else Path(folder, "parameters.yaml")
        if not commands.plan:
            file.touch(mode=0o600)
            file.write_text(json.dumps(dict(parameters)), encoding="utf-8")
        commands.sam_cli(
            *("deploy", "--template-file", BUILT, "--stack-name", STACK, "--region", REGION),
            *("--capabilities", "CAPABILITY_IAM", "--capabilities", "CAPABILITY_AUTO_EXPAND"),
            *("--no-confirm-changeset", "--no-fail-on-empty-changeset", "--no-progressbar"),
            *pairs,
            *("--parameter-overrides", f"file://{file}"),
        )


def _ids(commands: Commands) -> Mapping[str, str]:
    """The APIs' ids, which the template asks for and LocalStack may give otherwise, as the front door is told them."""
    if commands.plan:
        return {}
    formation = _session().client("cloudformation", endpoint_url=commands.endpoint, config=_CONFIG)
    try:
        stack = formation.describe_stacks(StackName=STACK)["Stacks"][0]
    except (BotoCoreError, ClientError) as error:
        raise BarometerError(f"could not ask for the stack {STACK}: {error}") from error
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
    return {"BAROMETER_HTTP_API": outputs["HttpApiId"], "BAROMETER_SOCKET_API": outputs["SocketApiId"]}


def _session() -> boto3.Session:
    return boto3.Session(
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        region_name=REGION,
    )

"""``make deploy STAGE=…``: images, stacks, migrations, dashboard, in that order. ``--plan`` only says what it would do.

May be stopped and run again at any point: each step looks at what is there. The database is brought to the new schema
before the new functions come, so a migration must leave the old ones working.
"""

import argparse
import contextlib
import re
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from barometer.errors import BarometerError
from infra.aws.hands import Hands, Plan, Shell
from infra.aws.stacks import NO_ORIGIN, TASKS, Choices, Output, Stack, stacks

_STAGE: Final = re.compile(r"[a-z][a-z0-9]{0,11}")


def deploy(choices: Choices, hands: Hands) -> None:
    """Do it all.

    Raises:
        BarometerError: a step failed; what was done before it stays, and is found by the next try.
    """
    making = _Making(choices, hands)
    whoami = ("aws", "sts", "get-caller-identity", "--query", "Account", "--output", "text")
    account = hands.read(*whoami, known_as="account")
    hands.say(f"{choices.stack_name('*')} in account {account}, version {choices.version}")
    making.stack("base")
    _push_tasks(making)
    hands.say("the functions' images")
    infer = choices.settings.get("app", {}).get("InferImage", "infer")
    hands.run("sam", "build", "--template", "template.yaml", "--parameter-overrides", f"InferImage={infer}")
    making.stack("network")
    making.stack("data")
    _prepare_database(making)
    origin = making.origin()
    making.app(origin)
    making.stack("edge")
    if (known := making.output("edge", "PublicOrigin")) != origin:
        hands.say("again, now that its origin is known")
        making.app(known)
    making.stack("services")
    making.stack("watch")
    _upload_dashboard(making)
    hands.say(f"done: {making.output('edge', 'PublicOrigin')}")
    hands.say(
        "the key to sign in with: aws secretsmanager get-secret-value --query SecretString --output text "
        f"--secret-id barometer/{choices.stage}/admin-key"
    )
    if choices.domain:
        hands.say(f"{choices.domain} must lead to {making.output('edge', 'DistributionDomain')} (CNAME, or an alias)")


class _Making:
    """What was made so far, and how to make the next."""

    def __init__(self, choices: Choices, hands: Hands) -> None:
        self.choices = choices
        self.hands = hands
        self._stacks = stacks(choices)
        self._told: dict[str, Mapping[str, str]] = {}

    def stack(self, name: str) -> None:
        """Make or change a stack of ours."""
        stack = self._stacks[name]
        self.hands.say(f"stack {self.choices.stack_name(name)}")
        self.hands.run(
            "aws", "cloudformation", "deploy", "--stack-name", self.choices.stack_name(name),
            "--template-file", str(stack.template), "--capabilities", "CAPABILITY_IAM", "--no-fail-on-empty-changeset",
            *self._tags(), "--parameter-overrides", *self._parameters(stack),
        )  # fmt: skip
        self._told.pop(name, None)

    def app(self, origin: str) -> None:
        """Make or change the application: ``template.yaml``, by SAM, which also pushes the functions' images."""
        self.hands.say(f"stack {self.choices.stack_name('app')}")
        self.hands.run(
            "sam", "deploy", "--template", ".aws-sam/build/template.yaml",
            "--stack-name", self.choices.stack_name("app"),
            "--image-repository", self.output("base", "FunctionsRepositoryUri"), "--resolve-s3",
            "--capabilities", "CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND",
            "--no-confirm-changeset", "--no-fail-on-empty-changeset", *self._tags(),
            "--parameter-overrides", *self._parameters(self._stacks["app"]), f"PublicOrigin={origin}",
        )  # fmt: skip
        self._told.pop("app", None)

    def told(self, name: str) -> Mapping[str, str] | None:
        """What a stack tells; ``None`` before it is made."""
        if name not in self._told:
            found = self.hands.outputs(self.choices.stack_name(name), name)
            if found is None:
                return None
            self._told[name] = found
        return self._told[name]

    def origin(self) -> str:
        """What browsers call it, as far as that is known before the edge is made."""
        if self.choices.domain:
            return f"https://{self.choices.domain}"
        told = self.told("edge")
        return NO_ORIGIN if told is None else told.get("PublicOrigin", NO_ORIGIN)

    def output(self, name: str, key: str) -> str:
        """One thing that a stack tells.

        Raises:
            BarometerError: it is not made, or does not tell that.
        """
        told = self.told(name)
        if told is not None:
            with contextlib.suppress(KeyError):
                return told[key]
        raise BarometerError(f"the stack {self.choices.stack_name(name)} does not tell its {key}")

    def _parameters(self, stack: Stack) -> list[str]:
        values = {
            key: self.output(value.stack, value.name) if isinstance(value, Output) else value
            for key, value in stack.parameters.items()
        }
        return [f"{key}={value}" for key, value in values.items()]

    def _tags(self) -> list[str]:
        return ["--tags", "project=barometer", f"stage={self.choices.stage}"]


def _push_tasks(making: _Making) -> None:
    """Build the images of the tasks and push them, each under a tag that was never used."""
    making.hands.say("the tasks' images")
    repository = making.output("base", "TasksRepositoryUri")
    for target in TASKS:
        tag = f"{repository}:{target}-{making.choices.version}"
        making.hands.run(
            "docker", "build", "--platform", "linux/amd64", "--file", "infra/Dockerfile", "--target", target,
            "--tag", tag, ".",
        )  # fmt: skip
    making.hands.run(
        "docker", "login", "--username", "AWS", "--password-stdin", repository.partition("/")[0],
        input_of=["aws", "ecr", "get-login-password"],
    )  # fmt: skip
    for target in TASKS:
        making.hands.run("docker", "push", f"{repository}:{target}-{making.choices.version}")


def _prepare_database(making: _Making) -> None:
    """The user that all log in as, and, as that one, the schema."""
    hands = making.hands
    hands.say("the user of the database")
    hands.run(
        "aws", "rds-data", "execute-statement", "--resource-arn", making.output("data", "DatabaseArn"),
        "--secret-arn", making.output("data", "DatabaseMasterSecretArn"), "--database", "barometer",
        "--sql", "file://infra/aws/role.sql",
    )  # fmt: skip
    making.stack("jobs")
    hands.say("migrations")
    cluster = making.output("jobs", "ClusterName")
    subnets, group = making.output("network", "PrivateSubnetIds"), making.output("network", "WorkloadGroupId")
    task = hands.read(
        "aws", "ecs", "run-task", "--cluster", cluster, "--launch-type", "FARGATE",
        "--task-definition", making.output("jobs", "MigrationsArn"), "--network-configuration",
        f"awsvpcConfiguration={{subnets=[{subnets}],securityGroups=[{group}],assignPublicIp=DISABLED}}",
        "--query", "tasks[0].taskArn", "--output", "text", known_as="task",
    )  # fmt: skip
    hands.run("aws", "ecs", "wait", "tasks-stopped", "--cluster", cluster, "--tasks", task)
    code = hands.read(
        "aws", "ecs", "describe-tasks", "--cluster", cluster, "--tasks", task,
        "--query", "tasks[0].containers[0].exitCode", "--output", "text", known_as="exit code",
    )  # fmt: skip
    if code not in {"0", "<exit code>"}:
        raise BarometerError(
            f"the migrations ended with {code}: aws logs tail /barometer/{making.choices.stage}/migrations tells why"
        )


def _upload_dashboard(making: _Making) -> None:
    """What has its content's hash in its name first, so that no page asks for what is not there yet."""
    making.hands.say("the dashboard")
    bucket = f"s3://{making.output('edge', 'DashboardBucket')}"
    making.hands.run(
        "aws", "s3", "sync", "frontend/dist/assets", f"{bucket}/assets",
        "--cache-control", "public, max-age=31536000, immutable",
    )  # fmt: skip
    making.hands.run(
        "aws", "s3", "sync", "frontend/dist", bucket, "--exclude", "assets/*", "--exclude", ".*",
        "--cache-control", "no-cache", "--delete",
    )  # fmt: skip
    making.hands.run(
        "aws", "cloudfront", "create-invalidation", "--distribution-id", making.output("edge", "DistributionId"),
        "--paths", "/*",
    )  # fmt: skip


def stage(text: str) -> str:
    """A stage's name, as the templates take it."""
    if not _STAGE.fullmatch(text):
        raise argparse.ArgumentTypeError("a stage is up to 12 small letters and digits, a letter first")
    return text


def _setting(text: str) -> tuple[str, str, str]:
    match = re.fullmatch(r"([a-z]+)\.(\w+)=(.*)", text)
    if match is None:
        raise argparse.ArgumentTypeError("a setting is STACK.PARAMETER=VALUE, such as data.MostCapacity=16")
    return match[1], match[2], match[3]


def choices_of(arguments: Sequence[str], version: str) -> tuple[Choices, bool]:
    """What the command line asks for, and whether it is only to be planned."""
    parser = argparse.ArgumentParser(prog="make deploy", description="Deploy Barometer to AWS.")
    parser.add_argument("--stage", type=stage, required=True)
    parser.add_argument(
        "--feed", choices=["none", "simulate"], default="", help="as before, if not said; none at first"
    )
    parser.add_argument("--domain", default="", help="of your own; as before if not said")
    parser.add_argument("--certificate", default="", help="its certificate's ARN in us-east-1")
    parser.add_argument("--set", type=_setting, action="append", default=[], metavar="STACK.PARAMETER=VALUE")
    parser.add_argument("--plan", action="store_true", help="print every command and run none")
    asked = parser.parse_args(arguments)
    if bool(asked.domain) != bool(asked.certificate):
        parser.error("a domain needs its certificate, and a certificate its domain")
    settings: dict[str, dict[str, str]] = {}
    for stack, name, value in asked.set:
        settings.setdefault(stack, {})[name] = value
    choices = Choices(asked.stage, version, asked.feed, asked.domain, asked.certificate, settings)
    if unknown := sorted(settings.keys() - stacks(choices).keys()):
        parser.error(f"there is no stack {unknown[0]}")
    return choices, asked.plan


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit 0 when it is deployed, 1 with one sentence otherwise."""
    arguments = sys.argv[1:] if arguments is None else arguments
    hands: Hands = Plan() if "--plan" in arguments else Shell()
    try:
        if isinstance(hands, Plan):
            version = "VERSION"
        else:
            commit = hands.read("git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*", known_as="")
            version = f"{datetime.now(UTC):%Y%m%d%H%M%S}-{commit}"
        choices, _ = choices_of(arguments, version)
        deploy(choices, hands)
    except BarometerError as error:
        sys.stderr.write(f"deploy: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

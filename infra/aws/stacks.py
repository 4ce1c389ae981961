"""The stacks of a deployment on AWS: in which order they are made, and what each is told of those before it.

A value that another stack knows is handed on here, by a parameter, and not by an export, which would tie the two
together for as long as both live.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from infra.local.program import REPOSITORY

FOLDER: Final = Path("infra/aws")
# Of another deployment's first pass: no browser has it, so the socket and the API answer to none.
NO_ORIGIN: Final = "https://not-known-yet.invalid"
TASKS: Final = ("poller", "feeds", "cloud")


@dataclass(frozen=True, slots=True)
class Output:
    """What a stack that was made earlier tells."""

    stack: str
    name: str


@dataclass(frozen=True, slots=True)
class Stack:
    """One stack.

    Args:
        name: ``barometer-STAGE-NAME`` without the beginning.
        template: path from the repository's root.
        parameters: what it is told; what is not named has its default.
    """

    name: str
    template: Path
    parameters: Mapping[str, str | Output]


@dataclass(frozen=True, slots=True)
class Choices:
    """What a deployment is asked for.

    Args:
        stage: tells it from another in the same account.
        version: end of the images' tags.
        feed: ``none`` or ``simulate``; empty for what it was before.
        domain: a domain of one's own; empty for what it was before, CloudFront's at first.
        certificate: its certificate's ARN in us-east-1.
        settings: parameters beyond these, of any stack: ``{"data": {"MostCapacity": "16"}}``.
    """

    stage: str
    version: str
    feed: str = ""
    domain: str = ""
    certificate: str = ""
    settings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def stack_name(self, name: str) -> str:
        """The whole name of a stack."""
        return f"barometer-{self.stage}-{name}"


def stacks(choices: Choices) -> dict[str, Stack]:
    """Every stack by its name, in the order of making."""
    app = choices.stack_name("app")
    told: dict[str, dict[str, str | Output]] = {
        "base": {},
        "network": {},
        "data": {
            "PrivateSubnetIds": Output("network", "PrivateSubnetIds"),
            "ProxyGroupId": Output("network", "ProxyGroupId"),
            "DatabaseGroupId": Output("network", "DatabaseGroupId"),
            "ValkeyGroupId": Output("network", "ValkeyGroupId"),
            "AlarmTopicArn": Output("base", "AlarmTopicArn"),
        },
        "jobs": {
            "TasksRepositoryUri": Output("base", "TasksRepositoryUri"),
            "TasksRepositoryArn": Output("base", "TasksRepositoryArn"),
            "Version": choices.version,
            "DatabaseUrl": Output("data", "DatabaseUrl"),
            "DatabaseUserArn": Output("data", "DatabaseUserArn"),
            "AdminKeyArn": Output("data", "AdminKeyArn"),
        },
        "app": {
            "DatabaseUrl": Output("data", "DatabaseUrl"),
            "DatabaseUserArn": Output("data", "DatabaseUserArn"),
            "DatabaseRowsUrl": Output("data", "DatabaseRowsUrl"),
            "DatabaseRowsUserArn": Output("data", "DatabaseRowsUserArn"),
            "RedisUrl": Output("data", "RedisUrl"),
            "RedisSecret": Output("data", "RedisSecretArn"),
            "SubnetIds": Output("network", "PrivateSubnetIds"),
            "SecurityGroupIds": Output("network", "WorkloadGroupId"),
            "AlarmTopicArn": Output("base", "AlarmTopicArn"),
            # And PublicOrigin, which the edge knows: see infra.aws.deploy.
        },
        "edge": {
            "HttpApiId": Output("app", "HttpApiId"),
            "SocketApiId": Output("app", "SocketApiId"),
        },
        "services": {
            "PrivateSubnetIds": Output("network", "PrivateSubnetIds"),
            "WorkloadGroupId": Output("network", "WorkloadGroupId"),
            "ClusterName": Output("jobs", "ClusterName"),
            "ExecutionRoleArn": Output("jobs", "ExecutionRoleArn"),
            "TasksRepositoryUri": Output("base", "TasksRepositoryUri"),
            "Version": choices.version,
            "AppStack": app,
            "RedisUrl": Output("data", "RedisUrl"),
            "RedisSecretArn": Output("data", "RedisSecretArn"),
            "AlarmTopicArn": Output("base", "AlarmTopicArn"),
        },
        "watch": {
            "AppStack": app,
            "SocketApiId": Output("app", "SocketApiId"),
            "AlarmTopicArn": Output("base", "AlarmTopicArn"),
        },
    }
    if choices.feed:
        told["jobs"]["Feed"] = told["services"]["Feed"] = choices.feed
    if choices.domain:
        told["edge"] |= {"DomainName": choices.domain, "CertificateArn": choices.certificate}
    # What the application and its tasks must agree on: a partition that no poller reads would keep its posts for ever.
    app_settings = choices.settings.get("app", {})
    told["services"] |= {name: app_settings[name] for name in ("Partitions", "RetentionDays") if name in app_settings}
    return {
        name: Stack(
            name,
            Path("template.yaml") if name == "app" else FOLDER / f"{name}.yaml",
            {**({} if name == "app" else {"Stage": choices.stage}), **parameters, **choices.settings.get(name, {})},
        )
        for name, parameters in told.items()
    }


def path_of(stack: Stack) -> Path:
    """The template's file."""
    return REPOSITORY / stack.template

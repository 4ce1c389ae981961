"""Deploys a template through CloudFormation, and sets by hand what the emulator leaves out.

Promises: what was deployed unchanged is left alone; a deployment that fails is one sentence with the resource at fault
and the reason, and is no obstacle to the next one.
"""

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, WaiterError

from barometer.errors import BarometerError
from infra.local.names import CREDENTIALS, REGION, STACK
from infra.local.template import Template

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import StackEventTypeDef, StackTypeDef
    from mypy_boto3_lambda import LambdaClient

_FINGERPRINT: Final = "barometer-fingerprint"
_DEPLOYED: Final = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE"})
# What a first deployment that failed, or was interrupted, leaves: only its deletion makes place for another.
_UNUSABLE: Final = frozenset({
    "REVIEW_IN_PROGRESS", "CREATE_IN_PROGRESS", "CREATE_FAILED", "ROLLBACK_IN_PROGRESS", "ROLLBACK_COMPLETE",
    "ROLLBACK_FAILED", "DELETE_IN_PROGRESS", "DELETE_FAILED", "UPDATE_ROLLBACK_FAILED",
})  # fmt: skip
_CONFIG: Final = Config(connect_timeout=2, read_timeout=30, retries={"total_max_attempts": 3}, proxies={})
_SECONDS: Final = 90
_POLL_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True)
class Deployed:
    """A stack as it stands.

    Args:
        changed: whether this deployment changed it.
        outputs: its outputs.
    """

    changed: bool
    outputs: Mapping[str, str]


class Deployer:
    """Deploys one stack to an emulated AWS.

    Args:
        endpoint: URL of every API of it.
    """

    def __init__(self, endpoint: str) -> None:
        session = boto3.Session(
            aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
            region_name=REGION,
        )
        self._formation: CloudFormationClient = session.client("cloudformation", endpoint_url=endpoint, config=_CONFIG)
        self._lambda: LambdaClient = session.client("lambda", endpoint_url=endpoint, config=_CONFIG)

    def answers(self) -> bool:
        """Whether there is a CloudFormation to deploy to, yet."""
        try:
            self._stack()
        except (BotoCoreError, ClientError):
            return False
        return True

    def deploy(self, template: Template, parameters: Mapping[str, str]) -> Deployed:
        """Bring the stack to ``template`` with ``parameters``.

        Raises:
            BarometerError: it could not be; the stack is then as it was, or gone.
        """
        if unknown := sorted(parameters.keys() - template.parameters):
            raise BarometerError(f"template.yaml has no parameter {unknown[0]}")
        try:
            return self._deploy(template, parameters)
        except (BotoCoreError, ClientError) as error:
            raise BarometerError(f"could not deploy template.yaml: {_reason(error)}") from error

    def _deploy(self, template: Template, parameters: Mapping[str, str]) -> Deployed:
        fingerprint = template.fingerprint(parameters)
        stack = self._stack()
        if stack and stack["StackStatus"] in _UNUSABLE:
            self._delete()
            stack = None
        changed = not (stack and stack["StackStatus"] in _DEPLOYED and _fingerprint_of(stack) == fingerprint)
        if changed:
            stack = self._change(template, parameters, fingerprint, create=stack is None)
            self._reserve_concurrency(template)
        outputs = {output["OutputKey"]: output["OutputValue"] for output in (stack.get("Outputs", []) if stack else [])}
        return Deployed(changed, outputs)

    def _change(
        self, template: Template, parameters: Mapping[str, str], fingerprint: str, *, create: bool
    ) -> "StackTypeDef":
        change = self._formation.create_change_set(
            StackName=STACK,
            ChangeSetName=f"change-{time.time_ns():x}",
            ChangeSetType="CREATE" if create else "UPDATE",
            TemplateBody=template.body,
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
            Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
            Tags=[{"Key": _FINGERPRINT, "Value": fingerprint}],
        )["Id"]
        try:
            self._formation.get_waiter("change_set_create_complete").wait(
                ChangeSetName=change, StackName=STACK, WaiterConfig={"Delay": 1, "MaxAttempts": _SECONDS}
            )
        except WaiterError as error:
            reason = error.last_response.get("StatusReason") or str(error)
            self._formation.delete_change_set(ChangeSetName=change, StackName=STACK)
            if create:
                self._delete()
            elif "didn't contain changes" in reason and (stack := self._stack()):
                return stack
            raise BarometerError(f"could not deploy template.yaml: {reason}") from None
        started = time.time()
        self._formation.execute_change_set(ChangeSetName=change, StackName=STACK)
        stack = self._settled()
        if stack["StackStatus"] not in _DEPLOYED:
            raise BarometerError(f"could not deploy template.yaml: {self._fault(stack, started)}")
        return stack

    def _stack(self) -> "StackTypeDef | None":
        try:
            return self._formation.describe_stacks(StackName=STACK)["Stacks"][0]
        except ClientError as error:
            if "does not exist" in str(error):
                return None
            raise

    def _settled(self) -> "StackTypeDef":
        """The stack, once it changes no more; boto3's waiters look every second at best, which is most of a start."""
        deadline = time.monotonic() + _SECONDS
        while time.monotonic() < deadline:
            stack = self._stack()
            if stack is None:
                raise BarometerError("could not deploy template.yaml: its stack disappeared")
            if not stack["StackStatus"].endswith("_IN_PROGRESS"):
                return stack
            time.sleep(_POLL_SECONDS)
        raise BarometerError(f"could not deploy template.yaml: not done after {_SECONDS} s")

    def _delete(self) -> None:
        self._formation.delete_stack(StackName=STACK)
        self._formation.get_waiter("stack_delete_complete").wait(
            StackName=STACK, WaiterConfig={"Delay": 1, "MaxAttempts": _SECONDS}
        )

    def _fault(self, stack: "StackTypeDef", since: float) -> str:
        """The first thing that went wrong; whatever failed after it failed because of it."""
        events = self._formation.describe_stack_events(StackName=stack["StackId"])["StackEvents"]
        faults = [
            event for event in reversed(events) if _is_fault(event) and event["Timestamp"].timestamp() >= since - 1
        ]
        if not faults:
            return stack.get("StackStatusReason") or stack["StackStatus"]
        fault = faults[0]
        return f"{fault.get('LogicalResourceId')} ({fault.get('ResourceType')}): {fault.get('ResourceStatusReason')}"

    def _reserve_concurrency(self, template: Template) -> None:
        """Ministack 1.5 drops ``ReservedConcurrentExecutions`` when a stack makes a function."""
        for logical_id, reserved in template.concurrency.items():
            resource = self._formation.describe_stack_resource(StackName=STACK, LogicalResourceId=logical_id)
            self._lambda.put_function_concurrency(
                FunctionName=resource["StackResourceDetail"].get("PhysicalResourceId", logical_id),
                ReservedConcurrentExecutions=reserved,
            )


def _fingerprint_of(stack: "StackTypeDef") -> str | None:
    return next((tag["Value"] for tag in stack.get("Tags", []) if tag["Key"] == _FINGERPRINT), None)


def _is_fault(event: "StackEventTypeDef") -> bool:
    return (
        event.get("ResourceStatus", "").endswith("_FAILED")
        and event.get("ResourceType") != "AWS::CloudFormation::Stack"
        and "cancelled" not in event.get("ResourceStatusReason", "").lower()
    )


def _reason(error: BotoCoreError | ClientError) -> str:
    with suppress(KeyError, AttributeError):
        return str(error.response["Error"]["Message"])  # type: ignore[union-attr]  # (a BotoCoreError has none)
    return str(error)

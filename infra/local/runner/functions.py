"""What a function is: its settings, as the deployed stack has them, and where they are read."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from infra.local.runner.errors import InvalidParameterError, UnavailableError, UnknownFunctionError

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_lambda.type_defs import FunctionConfigurationTypeDef

LATEST = "$LATEST"
# Name, partial ARN or ARN, each with or without a qualifier: the pattern of FunctionName in the Lambda API Reference.
_REFERENCE = re.compile(
    r"(?:arn:aws[a-z-]*:lambda:)?(?:[a-z]{2}(?:-[a-z]+)+-\d:)?(?:\d{12}:)?(?:function:)?"
    r"(?P<name>[A-Za-z0-9_.-]{1,64})(?::(?P<qualifier>\$LATEST|[A-Za-z0-9_-]+))?"
)
# What Lambda does with asynchronous requests of a function that does not say otherwise.
_RETRIES, _EVENT_AGE = 2, 6 * 3600
# ministack's own switch, put among a function's variables; the function must not see it.
_EMULATOR_VARIABLES = frozenset({"MINISTACK_LAMBDA_PROXY_URL"})


@dataclass(frozen=True, slots=True)
class Function:
    """A function's settings. Two that are equal may share environments.

    Args:
        name: FunctionName.
        arn: its ARN, without a qualifier.
        handler: dotted path, ``functions.ingest.app.handler``.
        timeout: seconds one request may take.
        memory: MB that an environment may use.
        concurrency: ReservedConcurrentExecutions; ``None`` reserves none, 0 refuses every request.
        variables: the function's own environment variables.
        image: ImageUri, for a launcher that starts containers; ``""`` if it has none.
        image_id: of the build that ``image`` names now, where the launcher can tell; a new build is a new function.
        retries: how often an asynchronous request that failed is tried again.
        event_age: seconds after which an asynchronous request is given up.
    """

    name: str
    arn: str
    handler: str
    timeout: int = 3
    memory: int = 128
    concurrency: int | None = None
    variables: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    image: str = ""
    image_id: str = ""
    retries: int = _RETRIES
    event_age: int = _EVENT_AGE


class FunctionSource(Protocol):
    """Where functions are declared."""

    async def find(self, name: str) -> Function:
        """The settings of the function with this name, as they are now.

        Raises:
            UnknownFunctionError: there is none.
            UnavailableError: nobody could tell.
        """
        ...


def function_name(reference: str, qualifier: str = "") -> str:
    """The name in a FunctionName parameter: a name, a partial ARN or an ARN, perhaps with a qualifier.

    Raises:
        UnknownFunctionError: a version or alias is asked for; a deployed image has only ``$LATEST`` here.
        InvalidParameterError: it is none of them.
    """
    match = _REFERENCE.fullmatch(reference)
    if match is None:
        raise InvalidParameterError(f"{reference!r} is not a function's name or ARN")
    if (match["qualifier"] or qualifier or LATEST) != LATEST:
        raise UnknownFunctionError(f"{match['name']}:{match['qualifier'] or qualifier}")
    return match["name"]


class DeployedFunctions:
    """Functions as the Lambda API of the emulated AWS has them.

    Args:
        endpoint: URL of that API.
        region: region of the stack.
    """

    def __init__(self, endpoint: str, region: str) -> None:
        self._client: LambdaClient = boto3.client(
            "lambda",
            endpoint_url=endpoint,
            region_name=region,
            # An emulator checks no signature; real credentials have no business here.
            aws_access_key_id="test",
            aws_secret_access_key="test",  # noqa: S106 (says so itself)
            config=Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 2}, proxies={}),
        )

    async def find(self, name: str) -> Function:
        """See ``FunctionSource.find``."""
        return await asyncio.to_thread(self._find, name)

    def _find(self, name: str) -> Function:
        try:
            answer = self._client.get_function(FunctionName=name)
            retries, event_age = self._event_limits(name)
        except self._client.exceptions.ResourceNotFoundException:
            raise UnknownFunctionError(name) from None
        except (ClientError, BotoCoreError) as error:
            raise UnavailableError(f"cannot read the settings of {name}: {error}") from error
        settings = answer["Configuration"]
        return Function(
            name=settings["FunctionName"],
            arn=settings["FunctionArn"],
            handler=_handler(settings),
            timeout=settings.get("Timeout", 3),
            memory=settings.get("MemorySize", 128),
            concurrency=answer.get("Concurrency", {}).get("ReservedConcurrentExecutions"),
            variables={
                name: value
                for name, value in settings.get("Environment", {}).get("Variables", {}).items()
                if name not in _EMULATOR_VARIABLES
            },
            image=answer["Code"].get("ImageUri", ""),
            retries=retries,
            event_age=event_age,
        )

    def _event_limits(self, name: str) -> tuple[int, int]:
        try:
            limits = self._client.get_function_event_invoke_config(FunctionName=name)
        except self._client.exceptions.ResourceNotFoundException:
            return _RETRIES, _EVENT_AGE
        return limits.get("MaximumRetryAttempts", _RETRIES), limits.get("MaximumEventAgeInSeconds", _EVENT_AGE)


def _handler(settings: "FunctionConfigurationTypeDef") -> str:
    """An image's command, of which the handler is the last word; a zip's Handler."""
    command = settings.get("ImageConfigResponse", {}).get("ImageConfig", {}).get("Command", [])
    handler = command[-1] if command else settings.get("Handler", "")
    if not handler:
        raise UnavailableError(f"{settings['FunctionName']} declares no handler (ImageConfig.Command)")
    return handler

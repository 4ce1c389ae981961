"""The door to open sockets: API Gateway's management API, through which a function speaks to a browser.

Every call has a timeout and none is repeated: a frame that is late or twice is worth less than the next one, and a
client that misses a number asks REST (promise 5).
"""

from functools import cache
from typing import TYPE_CHECKING, Literal

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from barometer.errors import SettingsError
from barometer.observability import logger

if TYPE_CHECKING:
    from mypy_boto3_apigatewaymanagementapi import ApiGatewayManagementApiClient

# API Gateway refuses more than 128 KB a message.
MAX_FRAME_BYTES = 120_000
CONCURRENCY = 8
_CONFIG = Config(
    connect_timeout=2,
    read_timeout=3,
    retries={"mode": "standard", "total_max_attempts": 1},
    max_pool_connections=CONCURRENCY,
    tcp_keepalive=True,
    parameter_validation=False,
)

Outcome = Literal["sent", "gone", "lost"]


class Sockets:
    """Sends to sockets of one WebSocket API and closes them. Safe to share between threads.

    Args:
        endpoint: the API's management endpoint, as ``BAROMETER_SOCKET_ENDPOINT`` gives it.
    """

    def __init__(self, endpoint: str) -> None:
        if not endpoint:
            raise SettingsError("BAROMETER_SOCKET_ENDPOINT is not set: there is no way to reach a socket")
        self._client: ApiGatewayManagementApiClient = boto3.client(
            "apigatewaymanagementapi", endpoint_url=endpoint, config=_CONFIG
        )

    def send(self, connection_id: str, frame: bytes) -> Outcome:
        """Send one frame: ``sent``; ``gone`` when the socket is closed; ``lost`` when it is open, for all we know."""
        try:
            self._client.post_to_connection(ConnectionId=connection_id, Data=frame)
        except ClientError as error:
            if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") == 410:
                return "gone"
            logger.warning("frame lost", extra={"connection": connection_id, "error": str(error)})
            return "lost"
        except BotoCoreError as error:
            logger.warning("frame lost", extra={"connection": connection_id, "error": str(error)})
            return "lost"
        return "sent"

    def close(self, connection_id: str) -> None:
        """Close a socket, if it is open and can be reached."""
        try:
            self._client.delete_connection(ConnectionId=connection_id)
        except (ClientError, BotoCoreError) as error:
            logger.info("socket not closed", extra={"connection": connection_id, "error": str(error)})


@cache
def sockets(endpoint: str) -> Sockets:
    """The process's door to the sockets of one API."""
    return Sockets(endpoint)

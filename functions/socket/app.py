"""The WebSocket API's handler: may it open, it opened, it closed, it said something.

API Gateway cannot send to a socket inside ``$connect``, so ``hello`` answers the first subscription. Every answer is
sent, not returned: a returned body reaches a client only where the route has a response, which emulators ignore.
"""

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from barometer.observability import logger
from barometer.settings import settings
from barometer.stores import connections, redis
from barometer.stores.connections import Subscription
from barometer.stores.sockets import sockets
from functions.socket import messages
from functions.socket.authorizer import authorize

if TYPE_CHECKING:
    from barometer.stores.redis import Client

OK = {"statusCode": 200}
# At cold start: a wrong variable ends the process with its name.
settings()


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001 (Lambda's signature)
    """Serve one event of a socket's life."""
    if event.get("type") == "REQUEST":
        return authorize(event, settings())
    client = redis.connect(settings().redis_url.get_secret_value())
    request = event["requestContext"]
    connection_id = request["connectionId"]
    match request["eventType"]:
        case "CONNECT":
            connections.record(client, connection_id, request["authorizer"]["key_id"])
        case "DISCONNECT":
            connections.forget(client, connection_id)
        case _:
            _answer(client, connection_id, event.get("body") or "")
    return OK


def _answer(client: "Client", connection_id: str, text: str) -> None:
    door = sockets(settings().socket_endpoint)
    try:
        message = messages.read(text)
    except messages.BadMessageError as error:
        door.send(connection_id, error.frame)
        return
    if isinstance(message, messages.Subscribe):
        wanted = Subscription(frozenset(message.topics), message.posts)
        seq = connections.hear(client, connection_id, wanted)
        frame = b"" if seq is None else messages.hello(seq, message.since_seq)
    else:
        seq = connections.hear(client, connection_id)
        frame = b"" if seq is None else messages.pong(seq)
    if seq is None:
        # Its key was revoked, or Redis forgot it: only $connect checks who it is, so it has to come in again.
        door.send(connection_id, messages.problem(HTTPStatus.GONE, "this connection is over: connect again"))
        door.close(connection_id)
    else:
        door.send(connection_id, frame)

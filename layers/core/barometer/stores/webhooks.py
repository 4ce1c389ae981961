"""The door to other people's webhooks: one POST, never longer than its timeouts, never followed elsewhere."""

from typing import Any, Final

import orjson
import urllib3

# A receiver acknowledges and works later; one that needs longer than this is sent to again.
TIMEOUT: Final = urllib3.Timeout(connect=2.0, read=4.0)
_HEADERS: Final = {"Content-Type": "application/json", "User-Agent": "barometer"}

# No retries (the outbox makes them) and no redirects (they could lead anywhere).
_http: Final = urllib3.PoolManager(num_pools=16, maxsize=2, retries=False, timeout=TIMEOUT)


def send(url: str, body: dict[str, Any], notification_id: int) -> str | None:
    """POST ``body`` as JSON; give what went wrong, or ``None`` if the receiver took it (2xx).

    ``Barometer-Notification`` tells a receiver that it has seen this one: what is sent at least once may come twice.
    """
    headers = {**_HEADERS, "Barometer-Notification": str(notification_id)}
    try:
        # The answer's body is of no interest, and may have no end.
        answer = _http.request("POST", url, body=orjson.dumps(body), headers=headers, preload_content=False)
    except (urllib3.exceptions.HTTPError, ValueError) as error:
        return f"{type(error).__name__}: {error}"
    answer.close()
    return None if 200 <= answer.status < 300 else f"answered {answer.status}"

"""Reading a body that may be too long."""

from aiohttp import web

# A client that is refused while it still sends may see a broken pipe and not the refusal. So what is too long is read
# and thrown away, to this many bytes; who sends more gets the broken pipe.
_PATIENCE = 64 * 1024 * 1024


async def read_at_most(request: web.BaseRequest, limit: int) -> bytes | None:
    """The body, or ``None`` if it is longer than ``limit`` bytes."""
    body = bytearray()
    seen = 0
    async for chunk in request.content.iter_any():
        seen += len(chunk)
        if seen <= limit:
            body += chunk
        elif seen > _PATIENCE:
            break
    return bytes(body) if seen <= limit else None

"""Which headers pass a proxy, and which it sets itself."""

from aiohttp import web
from multidict import CIMultiDict, CIMultiDictProxy

# RFC 9110, 7.6.1: these speak to the next hop only.
_HOP_BY_HOP = frozenset(
    {
        "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer",
        "transfer-encoding", "upgrade",
    }
)  # fmt: skip
# Nobody before this door is trusted to say who the client is.
_FORWARDED = frozenset({"forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip"})
# Each connection has its own; the client was told to go on before we were called.
_OURS = frozenset({"host", "content-length", "expect"})
# A new handshake is made with the next hop; its key, version and extensions are that one's.
_HANDSHAKE = frozenset({"sec-websocket-key", "sec-websocket-version", "sec-websocket-extensions"})

# What a page of ours may do: load from this origin, talk to this origin, be framed by nobody.
_DASHBOARD_POLICY = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
_DATA_POLICY = "default-src 'none'; frame-ancestors 'none'"


def to_upstream(request: web.Request) -> CIMultiDict[str]:
    """The client's headers, for the API behind; who the client is, is said anew."""
    headers = _end_to_end(request.headers, _FORWARDED | _HANDSHAKE | _OURS)
    headers["X-Forwarded-For"] = request.remote or ""
    headers["X-Forwarded-Host"] = request.host
    headers["X-Forwarded-Proto"] = request.scheme
    return headers


def to_client(headers: "CIMultiDictProxy[str]") -> CIMultiDict[str]:
    """The API's headers, for the client; several of one name, as Set-Cookie, stay several."""
    return _end_to_end(headers, frozenset())


def _end_to_end(headers: "CIMultiDictProxy[str]", without: frozenset[str]) -> CIMultiDict[str]:
    named = {name.strip().lower() for value in headers.getall("Connection", []) for name in value.split(",")}
    dropped = _HOP_BY_HOP | named | without
    return CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in dropped)


async def secure(request: web.Request, response: web.StreamResponse) -> None:
    """Give every response the headers that keep a browser safe, unless it brings its own; an aiohttp signal."""
    headers = response.headers
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Referrer-Policy", "same-origin")
    headers.setdefault("X-Frame-Options", "DENY")
    headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    policy = _DATA_POLICY if request.path.startswith(("/api/", "/socket")) else _DASHBOARD_POLICY
    headers.setdefault("Content-Security-Policy", policy)
    # aiohttp's name and version are nobody's business.
    headers.popall("Server", None)

"""Tells the requests of web pages from those of programs, at ports that are for this machine's programs alone.

Loopback keeps other machines out, but not the pages in this machine's browsers: any page may send requests to
127.0.0.1. A browser names such a page in ``Origin`` or ``Sec-Fetch-Site``, and no program of ours sends either. It
sends neither where the page's own name was made to lead here (DNS rebinding), but then that name is in ``Host``.
"""

from collections.abc import Mapping
from ipaddress import ip_address

_OF_BROWSERS = ("origin", "sec-fetch-site")


def from_a_page(headers: Mapping[str, str]) -> bool:
    """Whether a page may have sent this; names of ``headers`` are in lower case, or their case is no matter."""
    return any(name in headers for name in _OF_BROWSERS) or _may_be_rebound(headers.get("host", ""))


def _may_be_rebound(host: str) -> bool:
    """Whether somebody could own this name: not an address, nor a name without a dot, as ``localhost`` is."""
    name = host.removeprefix("[").partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    if "." not in name:
        return False
    try:
        ip_address(name)
    except ValueError:
        return True
    return False

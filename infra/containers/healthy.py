"""``python -m infra.containers.healthy URL``: exit 0 if the URL answers 200 within its time, else 1 with the reason.

A container's healthcheck; images need not bring curl for it.
"""

import sys
import urllib.request

_SECONDS = 3.0


def main() -> int:
    """Ask once."""
    try:
        # No proxy stands between a container and itself.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(sys.argv[1], timeout=_SECONDS) as answer:
            answer.read()
    except OSError as error:
        sys.stderr.write(f"{sys.argv[1]}: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

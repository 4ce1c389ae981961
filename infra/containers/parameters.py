"""``python -m infra.containers.parameters``: what this container would deploy ``template.yaml`` with, as JSON.

For whoever deploys it to another cloud than the one in this container, by the same settings and secrets. It is printed
with the passwords that it holds.
"""

import json
import sys

from barometer.errors import BarometerError
from barometer.settings import load
from infra.containers.cloud import CloudSettings, given


def main() -> int:
    """Exit 0 with one line, 1 with one sentence if the settings are wrong."""
    try:
        settings = load(CloudSettings)
    except BarometerError as error:
        sys.stderr.write(f"parameters: {error}\n")
        return 1
    sys.stdout.write(f"{json.dumps(dict(given(settings)))}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

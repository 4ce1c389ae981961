"""``python -m infra.localstack [--plan]``: Barometer on LocalStack (docs/localstack.md)."""

import argparse
import os
import shlex
import sys

from barometer.errors import BarometerError
from infra.localstack.commands import Commands
from infra.localstack.deploy import deploy


def main() -> int:
    """Exit 0 when a first post was seen, 1 with one sentence otherwise."""
    parser = argparse.ArgumentParser(prog="python -m infra.localstack", description="Deploy Barometer to LocalStack.")
    parser.add_argument("--plan", action="store_true", help="print the commands and run none")
    parser.add_argument("--endpoint", default="http://localhost:4566", help="LocalStack, as this machine reaches it")
    options = parser.parse_args()
    try:
        deploy(Commands(options.endpoint, shlex.split(os.environ.get("SAM", "sam")), plan=options.plan))
    except BarometerError as error:
        sys.stderr.write(f"localstack: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

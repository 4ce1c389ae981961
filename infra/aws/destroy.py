"""``make destroy STAGE=…``: takes away what ``make deploy`` made, once the stage's name has been typed.

Aurora and Valkey leave a last snapshot each. ``prod`` is refused without ``--even-prod``, and then still stands under
deletion protection, which a person takes off by hand. ``--plan`` only says what it would do.
"""

import argparse
import sys
from collections.abc import Sequence

from barometer.errors import BarometerError
from infra.aws.deploy import stage
from infra.aws.hands import Hands, Plan, Shell
from infra.aws.stacks import Choices, stacks


def destroy(choices: Choices, hands: Hands) -> None:
    """Delete every stack, the last one first.

    Raises:
        BarometerError: a stack cannot be deleted; what was deleted before it is gone.
    """
    for name in reversed(stacks(choices)):
        stack_name = choices.stack_name(name)
        told = hands.outputs(stack_name, name)
        if told is None:
            continue
        hands.say(f"stack {stack_name}")
        if name == "edge":
            hands.run("aws", "s3", "rm", "--recursive", f"s3://{told['DashboardBucket']}")
        hands.run("aws", "cloudformation", "delete-stack", "--stack-name", stack_name)
        hands.run("aws", "cloudformation", "wait", "stack-delete-complete", "--stack-name", stack_name)
    hands.say("gone; each store has left a last snapshot, which costs until it is deleted:")
    hands.say("aws rds describe-db-cluster-snapshots --snapshot-type manual; aws elasticache describe-snapshots")


def _ask(choices: Choices, hands: Hands, *, even_prod: bool) -> None:
    """Say what there is, and have it said that it is meant. Raises ``BarometerError`` if it is not."""
    if choices.stage == "prod" and not even_prod:
        raise BarometerError("prod is not deleted without --even-prod")
    names = [choices.stack_name(name) for name in stacks(choices)]
    found = [name for name in names if hands.outputs(name, name) is not None]
    if not found:
        raise BarometerError(f"there is no {choices.stack_name('*')}")
    sys.stdout.write(f"This deletes {', '.join(found)}, and every post.\nType the stage's name: ")
    sys.stdout.flush()
    if sys.stdin.readline().strip() != choices.stage:
        raise BarometerError("nothing was deleted")


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit 0 when it is gone, 1 with one sentence otherwise."""
    parser = argparse.ArgumentParser(prog="make destroy", description="Delete a deployment of Barometer from AWS.")
    parser.add_argument("--stage", type=stage, required=True)
    parser.add_argument("--even-prod", action="store_true", help="the word without which prod stays")
    parser.add_argument("--plan", action="store_true", help="print every command and run none")
    asked = parser.parse_args(arguments)
    choices, hands = Choices(asked.stage, ""), Plan() if asked.plan else Shell()
    try:
        if not asked.plan:
            _ask(choices, hands, even_prod=asked.even_prod)
        destroy(choices, hands)
    except BarometerError as error:
        sys.stderr.write(f"destroy: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The programs that a deployment is done with: ``aws``, ``sam``, ``docker``, ``git``. Really, or only written down.

What is written down is what would be done, command by command, so that a person can do it too; what only AWS can tell
stands there as ``<network.PrivateSubnetIds>``.
"""

import json
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from typing import Final, Protocol

from barometer.errors import BarometerError
from infra.local.program import REPOSITORY

# For a machine that has no aws or sam of its own.
_PINNED: Final = {"aws": "awscli==1.46.2", "sam": "aws-sam-cli==1.170.0"}
# The longest that anything here takes: a new Aurora, a new distribution.
_SECONDS: Final = 3_600


class Hands(Protocol):
    """Who does it."""

    def say(self, line: str) -> None:
        """A line for the person who waits."""

    def run(self, *command: str, input_of: Sequence[str] = ()) -> None:
        """Run it; with ``input_of``, what that command prints is its input. Raises ``BarometerError`` if it fails."""

    def read(self, *command: str, known_as: str) -> str:
        """Run it and give what it printed; where nothing is run, ``<known_as>``."""

    def outputs(self, stack_name: str, short: str) -> "dict[str, str] | None":
        """What a stack tells; ``None``: there is no such stack yet."""


class Plan:
    """Writes every command down and runs none."""

    def say(self, line: str) -> None:
        """A remark between the commands."""
        sys.stdout.write(f"\n# {line}\n")

    def run(self, *command: str, input_of: Sequence[str] = ()) -> None:
        """Written as a shell would take it."""
        before = f"{shlex.join(input_of)} | " if input_of else ""
        sys.stdout.write(f"{before}{shlex.join(command)}\n")

    def read(self, *command: str, known_as: str) -> str:
        """Written down as well; nobody knows what it would print."""
        self.run(*command)
        return f"<{known_as}>"

    def outputs(self, stack_name: str, short: str) -> "dict[str, str] | None":
        """Every stack is there, and tells everything by its name."""
        _ = stack_name
        return _Told(short)


class _Told(dict[str, str]):
    """Whatever a stack is asked for, by its name."""

    def __init__(self, stack: str) -> None:
        self._stack = stack

    def __missing__(self, name: str) -> str:
        return f"<{self._stack}.{name}>"


class Shell:
    """Runs every command in the repository's root, and shows what it says."""

    def say(self, line: str) -> None:
        """Said at once."""
        sys.stdout.write(f"\n# {line}\n")
        sys.stdout.flush()

    def run(self, *command: str, input_of: Sequence[str] = ()) -> None:
        """Run; what it says is seen."""
        text = self._done(input_of, capture=True) if input_of else None
        self._done(command, text=text)

    def read(self, *command: str, known_as: str) -> str:
        """Run; what it prints is kept."""
        _ = known_as
        return self._done(command, capture=True).strip()

    def outputs(self, stack_name: str, short: str) -> "dict[str, str] | None":
        """As CloudFormation has it now."""
        _ = short
        command = ["aws", "cloudformation", "describe-stacks", "--stack-name", stack_name, "--output", "json"]
        answer = subprocess.run(  # noqa: S603 (our own command)
            _found(command), capture_output=True, text=True, timeout=_SECONDS, check=False, cwd=REPOSITORY
        )
        if answer.returncode != 0:
            if "does not exist" in answer.stderr:
                return None
            raise BarometerError(f"the stack {stack_name} cannot be asked: {answer.stderr.strip()}")
        (stack,) = json.loads(answer.stdout)["Stacks"]
        return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}

    def _done(self, command: Sequence[str], *, text: str | None = None, capture: bool = False) -> str:
        try:
            answer = subprocess.run(  # noqa: S603 (our own commands)
                _found(command),
                input=text,
                stdout=subprocess.PIPE if capture else None,
                text=True,
                timeout=_SECONDS,
                check=False,
                cwd=REPOSITORY,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise BarometerError(f"{command[0]} cannot be run: {error}") from error
        if answer.returncode != 0:
            raise BarometerError(f"{' '.join(command[:3])} ended with {answer.returncode}")
        return answer.stdout or ""


def _found(command: Sequence[str]) -> list[str]:
    """The command, with the program as this machine has it."""
    program, *rest = command
    if program in _PINNED and shutil.which(program) is None:
        return [sys.executable, "-m", "uv", "tool", "run", "--quiet", "--from", _PINNED[program], program, *rest]
    return list(command)

"""Other programs, one after the other: run, or with a plan only told.

Promises: a command that is not there, fails, or does not end in its time is one sentence that names it, after what it
said itself. Nothing is run for a plan.
"""

import os
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from barometer.errors import BarometerError
from infra.local.names import CREDENTIALS, REGION
from infra.local.program import REPOSITORY

# A profile or a session of somebody's own would lead a deployment to AWS itself.
_FOREIGN: Final = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN")
_BUILD_SECONDS: Final = 1800.0
_SECONDS: Final = 600.0


@dataclass(frozen=True)
class Commands:
    """Runs commands in the repository's root.

    Args:
        endpoint: the emulated AWS, as this machine reaches it.
        sam: how SAM is called here.
        plan: tell, do not do.
    """

    endpoint: str
    sam: Sequence[str]
    plan: bool = False

    @property
    def aws(self) -> Mapping[str, str]:
        """What leads every command to the emulated AWS."""
        own = {"AWS_ENDPOINT_URL": self.endpoint, "AWS_DEFAULT_REGION": REGION, "SAM_CLI_TELEMETRY": "0"}
        return {**CREDENTIALS, **own}

    def start(self) -> None:
        """Begin a plan with what each of its commands is given."""
        if self.plan:
            self.tell(f"unset {' '.join(_FOREIGN)}")
            self.tell(f"export {' '.join(f'{name}={value}' for name, value in self.aws.items())}")

    def run(self, *words: str, seconds: float = _SECONDS, **variables: str) -> None:
        """One command to its end, its output shown.

        Raises:
            BarometerError: it is not there, failed, or took longer than ``seconds``.
        """
        self._do(words, variables, seconds, read=False)

    def read(self, *words: str, seconds: float = _SECONDS) -> str:
        """One command to its end; what it wrote to its standard output, which is ``""`` for a plan.

        Raises:
            BarometerError: as ``run``.
        """
        return self._do(words, {}, seconds, read=True)

    def compose(self, *words: str, **variables: str) -> None:
        """One ``docker compose`` command, with the services of LocalStack among those it knows."""
        self.run("docker", "compose", "--profile", "localstack", *words, seconds=_BUILD_SECONDS, **variables)

    def sam_cli(self, *words: str) -> None:
        """One ``sam`` command."""
        self.run(*self.sam, *words, seconds=_BUILD_SECONDS)

    def tell(self, line: str) -> None:
        """A line for the person who waits."""
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()

    def _do(self, words: Sequence[str], variables: Mapping[str, str], seconds: float, *, read: bool) -> str:
        # What is told may be kept, so no key is.
        shown = [f"{name}={'…' if name.endswith('_KEY') else shlex.quote(value)}" for name, value in variables.items()]
        told = " ".join([*shown, shlex.join(words)])
        self.tell(told if self.plan else f"$ {told}")
        if self.plan:
            return ""
        kept = {name: value for name, value in os.environ.items() if name not in _FOREIGN}
        try:
            done = subprocess.run(  # noqa: S603 (the words are ours)
                list(words), cwd=REPOSITORY, env={**kept, **self.aws, **variables}, timeout=seconds, check=False,
                text=True, stdout=subprocess.PIPE if read else None,
            )  # fmt: skip
        except FileNotFoundError:
            raise BarometerError(f"there is no command {words[0]} on this machine") from None
        except subprocess.TimeoutExpired:
            raise BarometerError(f"{told}: not done after {seconds:.0f} s") from None
        if done.returncode:
            raise BarometerError(f"{told}: exit {done.returncode}")
        return done.stdout or ""

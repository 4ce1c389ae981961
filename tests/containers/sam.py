"""AWS's own command line for this template: `sam build`, `sam local invoke` and `sam local start-lambda`.

It calls a stack that is not deployed ``local``; a file of parameters may give it the name that the deployment has, and
then functions and pipes are called alike there. Its images are named after the functions' logical ids, whoever builds
them.
"""

import contextlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.local.names import REGION, STACK
from infra.local.programs import any_free_port
from tests.containers.compose import BUILD_SECONDS, ROOT, docker
from tests.containers.stores import Stores
from tests.integration.emulator import wait_for as wait_for_url

VERSION = re.findall(r"aws-sam-cli==(\S+)", (ROOT / "Makefile").read_text())[0]
SAM = [Path(sys.executable).with_name("uv"), "tool", "run", "--quiet", "--from", f"aws-sam-cli=={VERSION}", "sam"]
INVOKE_SECONDS = 120


@dataclass(frozen=True)
class Invocation:
    """What `sam local invoke` gave: the function's answer, and its log with Lambda's lines."""

    answer: Any
    log: str

    @property
    def report(self) -> str:
        """Lambda's last line of a call; ``""`` if the function did not get so far."""
        lines = [line for line in self.log.splitlines() if line.startswith("REPORT")]
        return lines[-1].replace("\t", "  ") if lines else ""


@dataclass(frozen=True)
class Sam:
    """A template that was built."""

    folder: Path
    stores: Stores

    def _parameters(self) -> list[str]:
        file = self.folder / "parameters.yaml"
        file.write_text(json.dumps({"AWS::StackName": STACK, **self.stores.inside}))  # JSON is YAML
        return ["--parameter-overrides", f"file://{file}"]

    def validate(self) -> str:
        return _sam("validate", "--lint", "--region", REGION, "--template", str(ROOT / "template.yaml")).stdout

    def build(self) -> None:
        template = str(ROOT / "template.yaml")
        _sam("build", "--template", template, "--build-dir", str(self.folder / "build"), *self._parameters(),
             seconds=BUILD_SECONDS)  # fmt: skip

    def _local(self) -> list[str]:
        return ["--template", str(self.folder / "build" / "template.yaml"), "--region", REGION,
                "--docker-network", self.stores.network, *self._parameters()]  # fmt: skip

    def invoke(self, function: str, event: str) -> Invocation:
        """One function with ``tests/events/<event>.json``, in a container of its own."""
        file = ROOT / "tests" / "events" / f"{event}.json"
        done = _sam("local", "invoke", function, "--event", str(file), *self._local())
        return Invocation(json.loads(done.stdout), done.stderr)

    @contextlib.contextmanager
    def start_lambda(self) -> Iterator[str]:
        """The endpoint of a Lambda API that runs each function in a container, kept warm from its first call."""
        port = any_free_port()
        command = [*SAM, "local", "start-lambda", "--port", str(port), "--warm-containers", "LAZY", *self._local()]
        with (self.folder / "start-lambda.log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=_environment())
        try:
            wait_for_url(f"http://127.0.0.1:{port}", process, INVOKE_SECONDS)
            yield f"http://127.0.0.1:{port}"
        finally:
            # Then it stops its containers; should it not, they go with the network.
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)


@contextlib.contextmanager
def built(folder: Path, stores: Stores) -> Iterator[Sam]:
    """The template, built; of its images only those are left that were there before."""
    before = _images()
    sam = Sam(folder, stores)
    try:
        sam.build()
        yield sam
    finally:
        for image in sorted(_images() - before):
            docker("image", "rm", "--force", image)


def _images() -> set[str]:
    """Those that SAM makes: ``ingestfunction:ingest``, and with its emulator ``ingestfunction:rapid-x86_64``."""
    names = docker("image", "ls", "--format", "{{.Repository}}:{{.Tag}}").split()
    return {name for name in names if re.match(r"[a-z]+function:", name)}


def _environment() -> dict[str, str]:
    return {**os.environ, "SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": REGION}


def _sam(*arguments: str, seconds: float = INVOKE_SECONDS) -> "subprocess.CompletedProcess[str]":
    done = subprocess.run(
        [*SAM, *arguments], env=_environment(), cwd=ROOT, capture_output=True, text=True, timeout=seconds, check=False
    )
    assert done.returncode == 0, f"sam {' '.join(arguments[:3])}: {(done.stdout + done.stderr)[-3000:]}"
    return done

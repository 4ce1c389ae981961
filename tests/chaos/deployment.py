"""The deployment of a run: ``template.yaml`` with three handlers that mind poison, and retries that end soon.

Everything else is what is deployed anywhere, so what the oracle proves, it proves of that.
"""

import json
from pathlib import Path
from typing import Any

from samtranslator.yaml_helper import yaml_parse

from tests.chaos.plan import STEPS
from tests.chaos.poison import RETRY_ATTEMPTS

TEMPLATE = Path(__file__).parents[2] / "template.yaml"
# A poison that hangs costs this each time; a sound batch takes far less, also on a machine that is far too busy.
TIMEOUT = 7
# Small batches, so that finding a poison among its neighbours takes few halvings.
BATCH_SIZE = 50


def write_template(path: Path) -> None:
    """Write the run's template to ``path`` (JSON, which is YAML)."""
    document: dict[str, Any] = yaml_parse(TEMPLATE.read_text(encoding="utf-8"))
    resources = document["Resources"]
    for step in STEPS:
        properties = resources[f"{step.capitalize()}Function"]["Properties"]
        properties["ImageConfig"] = {"Command": [f"tests.chaos.poisoned.{step}.handler"]}
        properties["Timeout"] = TIMEOUT
    value = resources["PipesParameter"]["Properties"]["Value"]
    pipes = json.loads(value["Fn::Sub"])
    for pipe in pipes["Pipes"]:
        if pipe["Name"] in STEPS:
            pipe |= {"BatchSize": BATCH_SIZE, "MaximumRetryAttempts": RETRY_ATTEMPTS}
    # An SSM parameter holds 4 KB.
    value["Fn::Sub"] = json.dumps(pipes, separators=(",", ":"))
    path.write_text(json.dumps(document), encoding="utf-8")

"""``template.yaml`` as a deployer needs it: read, given its images' names, and asked what its functions reserve."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from samtranslator.yaml_helper import yaml_parse

from barometer.errors import BarometerError
from infra.local.program import REPOSITORY

TEMPLATE = REPOSITORY / "template.yaml"
_FUNCTION = "AWS::Serverless::Function"


@dataclass(frozen=True, slots=True)
class Template:
    """A template that is ready to be deployed.

    Args:
        body: JSON, as CloudFormation takes it.
        parameters: names of its parameters.
        concurrency: reserved concurrency by a function's logical id, of those that reserve any.
    """

    body: str
    parameters: frozenset[str]
    concurrency: Mapping[str, int]

    def fingerprint(self, parameters: Mapping[str, str]) -> str:
        """Tells this deployment from any other of another template or other parameters."""
        return hashlib.sha256(json.dumps([self.body, dict(parameters)], sort_keys=True).encode()).hexdigest()


def read_template(path: Path = TEMPLATE) -> Template:
    """Read a SAM template; each function's image gets the name that ``sam build`` would give it.

    Raises:
        BarometerError: it cannot be read or is no template; with the place, where that is known.
    """
    try:
        document = yaml_parse(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BarometerError(f"cannot read {path}: {error.strerror}") from None
    except yaml.YAMLError as error:
        mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None) or str(error)
        place = f", line {mark.line + 1}" if mark else ""
        raise BarometerError(f"{path.name}{place}: {problem}") from None
    if not isinstance(document, dict) or not isinstance(document.get("Resources"), dict):
        raise BarometerError(f"{path.name} is no template: it has no Resources")
    concurrency: dict[str, int] = {}
    for logical_id, resource in document["Resources"].items():
        if not isinstance(resource, dict) or resource.get("Type") != _FUNCTION:
            continue
        properties = resource.setdefault("Properties", {})
        properties.setdefault("ImageUri", _image(path, logical_id, resource))
        reserved = properties.get("ReservedConcurrentExecutions")
        if isinstance(reserved, int):
            concurrency[logical_id] = reserved
    return Template(json.dumps(document), frozenset(document.get("Parameters") or {}), concurrency)


def _image(path: Path, logical_id: str, resource: dict[str, Any]) -> str:
    metadata = resource.get("Metadata") or {}
    if "DockerTag" not in metadata:
        raise BarometerError(f"{path.name}: function {logical_id} has no Metadata.DockerTag to name its image")
    return f"barometer:{metadata['DockerTag']}"

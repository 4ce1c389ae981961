"""The linear model: fitted here on a few texts, saved, read again and asked."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.analyzers.heads import LABELS, scores_of
from barometer.analyzers.linear import LinearAnalyzer, LinearModel, terms
from barometer.errors import MissingError
from barometer.scores import EMOTIONS, SCALE, SENTIMENTS, Distribution

GLAD, SAD = ["I love this tram", "what a lovely day", "love it"], ["I hate this tram", "what an awful day", "hate it"]


@pytest.fixture(scope="session")
def artefact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that least squares fitted to six texts."""
    texts = GLAD + SAD
    vocabulary = sorted({term for text in texts for term in terms(text)})
    there = np.array([[term in terms(text) for term in vocabulary] for text in texts], dtype=float)
    idf = np.log((1 + len(texts)) / (1 + there.sum(0))) + 1
    tfidf = there * idf / np.linalg.norm(there * idf, axis=1, keepdims=True)
    wanted = np.zeros((len(texts), LABELS))
    for row in range(len(texts)):
        glad = row < len(GLAD)
        wanted[row, 0 if glad else 2] = 4
        wanted[row, 3 + EMOTIONS.index("joy" if glad else "anger")] = 4
    weights, *_ = np.linalg.lstsq(tfidf, wanted, rcond=None)
    path = tmp_path_factory.mktemp("model") / "linear.npz"
    LinearModel(vocabulary, idf, weights, np.zeros(LABELS), "linear-test").save(path)
    return path


def test_terms_are_words_signs_and_pairs_of_neighbours_as_training_prepared_them():
    assert terms("@Ann Don't go!") == ["@", "user", "don't", "go", "!", "@ user", "user don't", "don't go", "go !"]


def test_a_text_is_scored_with_both_heads_by_what_its_words_were_fitted_to(artefact: Path):
    glad, sad = LinearAnalyzer(artefact).analyze(["We LOVE it", "such an awful tram, hate it"])
    assert glad.sentiment is not None and sad.sentiment is not None and glad.emotion is not None  # noqa: PT018
    assert (glad.sentiment.label, glad.emotion.label, glad.model) == ("positive", "joy", "linear-test")
    assert sad.sentiment.label == "negative"
    assert sum(glad.sentiment.shares) == sum(glad.emotion.shares) == SCALE


def test_the_logits_are_those_of_tfidf_times_weights():
    model = LinearModel(
        ["good", "bad", "good bad"], np.array([1.0, 2.0, 3.0]), np.arange(30.0).reshape(3, 10), np.ones(10), "m"
    )
    told = model.logits(["good bad", "bad bad other"])
    both = np.array([1.0, 2.0, 3.0]) / np.sqrt(14)
    assert told[0] == pytest.approx(both @ np.arange(30.0).reshape(3, 10) + 1)
    assert told[1] == pytest.approx(np.arange(10.0, 20.0) + 1)


def test_a_text_scores_the_same_alone_and_among_others_that_have_no_known_word(artefact: Path):
    analyzer = LinearAnalyzer(artefact)
    texts = ["zzz", "", "I love this tram", "qqq", "hate it", "", "I love this tram"] * 100
    alone = {text: analyzer.analyze([text])[0] for text in set(texts)}
    assert analyzer.analyze(texts) == [alone[text] for text in texts]
    assert analyzer.analyze([]) == []


def test_a_calibrated_model_has_the_lifted_and_cooled_logits(artefact: Path):
    model = LinearModel.load(artefact)
    bias, temperature = np.linspace(-1, 1, LABELS), np.linspace(0.5, 2, LABELS)
    assert model.calibrated(bias, temperature).logits(GLAD) == pytest.approx(
        (model.logits(GLAD) + bias) / temperature, rel=1e-4
    )


def test_eight_bits_a_weight_change_no_logit_by_a_hundredth_of_the_largest(tmp_path: Path):
    numbers = np.random.default_rng(7)
    weights = numbers.normal(size=(500, LABELS)) * numbers.lognormal(size=(500, 1))
    words = [f"w{number}" for number in range(500)]
    exact = LinearModel(words, numbers.uniform(1, 9, 500), weights, np.zeros(LABELS), "m")
    exact.save(tmp_path / "m.npz")
    texts = [" ".join(numbers.choice(words, 12)) for _ in range(200)]
    off = np.abs(LinearModel.load(tmp_path / "m.npz").logits(texts) - exact.logits(texts))
    assert off.max() < 0.01 * np.abs(exact.logits(texts)).max()


def test_the_same_model_is_the_same_file_and_the_same_scores_whatever_the_seed_of_hashes(
    artefact: Path, tmp_path: Path
):
    LinearModel.load(artefact).save(tmp_path / "once.npz")
    LinearModel.load(artefact).save(tmp_path / "again.npz")
    assert (tmp_path / "once.npz").read_bytes() == (tmp_path / "again.npz").read_bytes()
    ask = (
        "import sys; from pathlib import Path; from barometer.analyzers.linear import LinearModel;"
        "print(LinearModel.load(Path(sys.argv[1])).logits(['I love this awful tram, love it']).tobytes().hex())"
    )
    told = {
        subprocess.check_output([sys.executable, "-c", ask, artefact], env={**os.environ, "PYTHONHASHSEED": seed})
        for seed in ("1", "2")
    }
    assert len(told) == 1


def test_a_file_that_is_missing_or_is_none_of_ours_is_named(tmp_path: Path):
    with pytest.raises(MissingError, match=r"not here: no linear\.npz"):
        LinearAnalyzer(tmp_path / "linear.npz")
    (tmp_path / "linear.npz").write_bytes(b"not a model")
    with pytest.raises(MissingError, match=r"cannot be read: linear\.npz"):
        LinearAnalyzer(tmp_path / "linear.npz")
    np.savez(tmp_path / "linear.npz", other=np.zeros(3))
    with pytest.raises(MissingError, match=r"cannot be read: linear\.npz"):
        LinearAnalyzer(tmp_path / "linear.npz")


def test_parts_that_do_not_fit_each_other_are_refused():
    with pytest.raises(ValueError, match="2 terms do not go with"):
        LinearModel(["a", "b"], np.ones(3), np.ones((2, LABELS)), np.ones(LABELS), "m")


@given(st.lists(st.lists(st.floats(-30, 30, width=32), min_size=LABELS, max_size=LABELS), min_size=1, max_size=8))
def test_a_batch_of_logits_is_rounded_as_one_distribution_is(rows: list[list[float]]):
    logits = np.array(rows, np.float32)
    for row, score in zip(logits, scores_of(logits, "m"), strict=True):
        for labels, head, told in ((SENTIMENTS, row[:3], score.sentiment), (EMOTIONS, row[3:], score.emotion)):
            powers = np.exp((head - head.max()).astype(np.float64))
            assert told == Distribution.of(labels, (powers / powers.sum()).tolist())

"""The encoder as it is shipped, on a small artefact with weights that are drawn, not learned."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("onnx", reason="a model is made with onnx, of the extra that training needs")

from barometer import analyzers
from barometer.analyzers import analyzer
from barometer.analyzers.encoder import EncoderAnalyzer, share_of_processors
from barometer.errors import MissingError
from barometer.scores import SCALE, SENTIMENTS
from training.graph import graph_of

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "good", "bad", "phone", "##s", "user", "@", "http", "a", "b", "c"]
UNITS, INNER, MAX_TOKENS = 16, 32, 24


def _weights() -> dict[str, np.ndarray]:
    random = np.random.default_rng(5)

    def drawn(*shape: int, around: float = 0.0) -> np.ndarray:
        return (around + random.normal(0, 0.4, shape)).astype(np.float32)

    weights = {"words.weight": drawn(len(WORDS), UNITS), "positions.weight": drawn(MAX_TOKENS, UNITS)}
    sizes = {"query": (UNITS, UNITS), "key": (UNITS, UNITS), "value": (UNITS, UNITS), "out": (UNITS, UNITS)}
    sizes |= {"up": (INNER, UNITS), "down": (UNITS, INNER)}
    norms = ["norm"]
    for depth in range(2):
        norms += [f"layers.{depth}.out_norm", f"layers.{depth}.down_norm"]
        for name, size in sizes.items():
            weights[f"layers.{depth}.{name}.weight"] = drawn(*size)
            weights[f"layers.{depth}.{name}.bias"] = drawn(size[0])
    for name in norms:
        weights[f"{name}.weight"], weights[f"{name}.bias"] = drawn(UNITS, around=1.0), drawn(UNITS)
    return weights | {"head.weight": drawn(10, UNITS), "head.bias": drawn(10)}


def _tokenizer() -> str:
    special = [{"id": at, "special": True, "content": WORDS[at]} for at in range(4)]
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    ends = [{"SpecialToken": {"id": word, "type_id": 0}} for word in ("[CLS]", "[SEP]")]
    middle = {"Sequence": {"id": "A", "type_id": 0}}
    return json.dumps(
        {
            "version": "1.0",
            "added_tokens": [token | flags for token in special],
            "normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True}
            | {"strip_accents": None, "lowercase": True},
            "pre_tokenizer": {"type": "BertPreTokenizer"},
            "post_processor": {
                "type": "TemplateProcessing",
                "single": [ends[0], middle, ends[1]],
                "pair": [ends[0], middle, ends[1]],
                "special_tokens": {
                    word: {"id": word, "ids": [at], "tokens": [word]} for at, word in enumerate(WORDS) if at in (2, 3)
                },
            },
            "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##"}
            | {"max_input_chars_per_word": 100, "vocab": {word: at for at, word in enumerate(WORDS)}},
        }
    )


def _write(folder: Path, **changed: object) -> Path:
    folder.mkdir(exist_ok=True)
    shape = SimpleNamespace(layers=2, pooled=True, units=UNITS, heads=4)
    ranges = {f"layers.{depth}.{name}": (-8.0, 8.0) for depth in range(2) for name in ("key", "out", "up", "down")}
    files = {
        "model.onnx": graph_of(_weights(), shape, ranges).SerializeToString(),
        "tokenizer.json": _tokenizer().encode(),
    }
    for file, content in files.items():
        (folder / file).write_bytes(content)
    description = {
        "name": "small-1",
        "languages": ["en"],
        "max_tokens": MAX_TOKENS,
        "sentiment": {"temperature": 1.0, "bias": [0.0] * 3},
        "emotion": {"temperature": 1.0, "bias": [0.0] * 7},
        "files": {file: hashlib.sha256(content).hexdigest() for file, content in files.items()},
    }
    (folder / "model.json").write_text(json.dumps(description | changed))
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return _write(tmp_path / "model")


def _many() -> list[str]:
    random = np.random.default_rng(9)
    return [" ".join(random.choice(["good", "bad", "phones", "a", "b", "c"], length)) for length in range(90)]


def test_a_text_scores_the_same_alone_and_among_others_in_any_order(folder: Path):
    model, texts = EncoderAnalyzer(folder, threads=1), _many()
    together = model.analyze(texts)
    backwards = model.analyze(texts[::-1])[::-1]
    alone = [model.analyze([text])[0] for text in texts]
    assert len({score.sentiment.shares for score in together}) > 30
    for score, other, single in zip(together, backwards, alone, strict=True):
        assert np.abs(np.subtract(score.sentiment.shares, other.sentiment.shares)).max() <= 5
        assert np.abs(np.subtract(score.sentiment.shares, single.sentiment.shares)).max() <= 5


def test_threads_change_no_score(folder: Path):
    one, four = (EncoderAnalyzer(folder, threads=threads).logits(_many()) for threads in (1, 4))
    np.testing.assert_allclose(one, four, atol=2e-3)


def test_every_text_gets_both_heads_of_which_each_sums_to_one(folder: Path):
    model = EncoderAnalyzer(folder)
    for score in model.analyze(["good phone", "", "\u4e2d\u6587", "\U0001f600" * 50]):
        assert score.model == model.name == "small-1"
        assert sum(score.sentiment.shares) == sum(score.emotion.shares) == SCALE
    assert model.languages == {"en"}
    assert model.analyze([]) == []


def test_a_long_text_is_read_as_far_as_the_model_reads(folder: Path):
    model = EncoderAnalyzer(folder)
    long, longer = ("good " * (MAX_TOKENS - 2), "good " * (MAX_TOKENS - 2) + "bad " * 3_000)
    assert model.analyze([long]) == model.analyze([longer])


def test_texts_are_prepared_as_in_training(folder: Path):
    model = EncoderAnalyzer(folder)
    assert model.analyze(["@anna @ben good https://example.org/x"]) == model.analyze(["@user good http"])


def test_the_calibration_is_in_the_scores(tmp_path: Path):
    plain = EncoderAnalyzer(_write(tmp_path / "plain"))
    lifted = EncoderAnalyzer(_write(tmp_path / "lifted", sentiment={"temperature": 2.0, "bias": [0.5, 0.0, -1.0]}))
    logits = (plain.logits(["good phone"])[0, :3] + [0.5, 0.0, -1.0]) / 2.0
    shares = np.exp(logits) / np.exp(logits).sum() * SCALE
    (score,) = lifted.analyze(["good phone"])
    np.testing.assert_allclose(score.sentiment.shares, shares, atol=1.0)
    assert score.sentiment.label == SENTIMENTS[int(shares.argmax())]
    assert score.emotion == plain.analyze(["good phone"])[0].emotion


@pytest.mark.parametrize("file", ["model.json", "model.onnx", "tokenizer.json"])
def test_a_file_that_is_missing_is_named(folder: Path, file: str):
    (folder / file).unlink()
    with pytest.raises(MissingError, match=f"not here: no model/{file}"):
        EncoderAnalyzer(folder)


@pytest.mark.parametrize("file", ["model.onnx", "tokenizer.json"])
def test_a_file_that_was_cut_short_is_named(folder: Path, file: str):
    (folder / file).write_bytes((folder / file).read_bytes()[:-1])
    with pytest.raises(MissingError, match=f"{file} has not the sha256 that model.json names"):
        EncoderAnalyzer(folder)


@pytest.mark.parametrize("file", ["model.onnx", "tokenizer.json"])
def test_a_file_that_is_none_of_ours_is_refused(folder: Path, file: str):
    (folder / file).write_bytes(b"{}")
    description = json.loads((folder / "model.json").read_text())
    description["files"][file] = hashlib.sha256(b"{}").hexdigest()
    (folder / "model.json").write_text(json.dumps(description))
    with pytest.raises(MissingError, match="the model of model/ cannot be loaded"):
        EncoderAnalyzer(folder)


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"files": {}}', '{"files": {"model.onnx": 1, "tokenizer.json": 2}}']
)
def test_a_description_that_cannot_be_read_is_refused(folder: Path, content: str):
    (folder / "model.json").write_text(content)
    with pytest.raises(MissingError, match=r"model.json"):
        EncoderAnalyzer(folder)


@pytest.mark.parametrize(
    "head", [{"temperature": 0, "bias": [0.0] * 3}, {"temperature": 1.0, "bias": [0.0] * 2}, {"temperature": 1.0}]
)
def test_a_calibration_that_does_not_add_up_is_refused(tmp_path: Path, head: dict):
    with pytest.raises(MissingError, match=r"sentiment needs a bias|'bias'"):
        EncoderAnalyzer(_write(tmp_path / "model", sentiment=head))


def test_local_is_the_one_of_the_model_folder(folder: Path, monkeypatch: pytest.MonkeyPatch):
    analyzer.cache_clear()
    monkeypatch.setattr(analyzers, "MODEL_FOLDER", folder)
    assert analyzer("local").name == "small-1"
    analyzer.cache_clear()


def test_importing_it_loads_no_runtime():
    code = "import sys, barometer.analyzers.encoder; sys.exit(bool({'onnxruntime', 'tokenizers'} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.parametrize(("memory", "most"), [("512", 1), ("1769", 1), ("3537", 1), ("3538", 2), ("10240", 5)])
def test_in_lambda_the_memory_buys_the_processors(memory: str, most: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: range(8), raising=False)
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", memory)
    assert share_of_processors() == most
    monkeypatch.delenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
    assert share_of_processors() == 8

"""A trained network as the artefact that is shipped: the same scores, in fewer bits."""

import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch, which scripts/torch installs")

import onnxruntime
from tokenizers import Tokenizer

from barometer.analyzers.encoder import EncoderAnalyzer
from training.batches import batch_of, tokenizer
from training.calibrate import Calibration
from training.export import export
from training.graph import graph_of
from training.network import Network, Shape, pretrained_folder
from training.vocabulary import cut

TEXTS = [
    "the battery life of this phone is a joke",
    "i love it , it just works",
    "@user who knows http",
    "loudly crying face it is gone",
    "the meeting was moved to three , as they said it would be , and nobody told us why or when it would end",
]
UNTOUCHED = {
    "sentiment": Calibration((0.0, 0.0, 0.0), 1.0),
    "emotion": Calibration((0.0,) * 7, 1.0),
}


@pytest.fixture(params=[True, False], ids=["pooled", "mean"])
def network(request: pytest.FixtureRequest) -> Network:
    """A small one whose values are as large as a trained one's."""
    torch.manual_seed(3)
    made = Network(Shape(layers=2, pooled=request.param, units=48, heads=4, inner=96)).eval()
    for name, value in made.state_dict().items():
        if name.endswith("weight") and value.ndim == 2:
            torch.nn.init.normal_(value, std=0.15)
        elif name.endswith("bias"):
            torch.nn.init.normal_(value, std=0.1)
    return made


def _logits(model: bytes, ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(model)
    return session.run(None, {"ids": ids, "mask": mask})[0]


@pytest.mark.parametrize(("texts", "tokens"), [(1, 2), (1, 128), (7, 19), (32, 5)])
def test_the_graph_in_floats_gives_what_the_network_gives(network: Network, texts: int, tokens: int):
    random = np.random.default_rng(texts)
    ids = random.integers(1_000, 30_000, (texts, tokens))
    mask = (np.arange(tokens)[None, :] < random.integers(1, tokens + 1, (texts, 1))).astype(np.int64)
    weights = {name: value.numpy() for name, value in network.state_dict().items()}
    with torch.no_grad():
        expected = network(torch.from_numpy(ids), torch.from_numpy(mask)).numpy()
    model = graph_of(weights, network.shape).SerializeToString()
    np.testing.assert_allclose(_logits(model, ids, mask), expected, atol=2e-5)


def test_the_artefact_in_integers_scores_as_the_network_does(network: Network, tmp_path: Path):
    export(network, tmp_path, texts=TEXTS, name="small", calibration=UNTOUCHED)
    ids = [encoding.ids for encoding in tokenizer().encode_batch(TEXTS)]
    batch = batch_of(ids, range(len(ids)))
    with torch.no_grad():
        expected = network(batch.ids, batch.mask).numpy()
    logits = EncoderAnalyzer(tmp_path).logits(TEXTS)
    assert np.abs(logits - expected).mean() < 0.05 * expected.std()
    assert np.corrcoef(logits.ravel(), expected.ravel())[0, 1] > 0.995


def test_integers_take_less_room_than_floats(network: Network, tmp_path: Path):
    export(network, tmp_path / "whole", texts=TEXTS, name="small", calibration=UNTOUCHED)
    export(network, tmp_path / "floats", texts=TEXTS, name="small", calibration=UNTOUCHED, integers=False)
    whole, floats = ((tmp_path / kind / "model.onnx").stat().st_size for kind in ("whole", "floats"))
    assert whole < 0.5 * floats


def test_the_same_network_and_texts_give_the_same_bytes(network: Network, tmp_path: Path):
    for folder in ("one", "two"):
        export(network, tmp_path / folder, texts=TEXTS, name="small", calibration=UNTOUCHED)
    for file in ("model.onnx", "tokenizer.json", "model.json"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_the_calibration_is_in_the_scores(network: Network, tmp_path: Path):
    surer = UNTOUCHED | {"sentiment": Calibration((0.0, 100.0, 0.0), 2.0)}
    export(network, tmp_path, texts=TEXTS, name="small", calibration=surer)
    assert [score.sentiment.label for score in EncoderAnalyzer(tmp_path).analyze(TEXTS)] == ["neutral"] * len(TEXTS)


def test_the_vocabulary_keeps_what_the_texts_have_and_every_ascii_letter():
    whole = (pretrained_folder() / "tokenizer.json").read_text(encoding="utf-8")
    smaller, kept = cut(whole, TEXTS)
    before, after = tokenizer(), Tokenizer.from_str(smaller)
    assert after.get_vocab_size() == len(kept) < 400
    for text in TEXTS:
        assert after.encode(text).tokens == before.encode(text).tokens
        assert [kept[at] for at in after.encode(text).ids] == before.encode(text).ids
    assert "[UNK]" not in after.encode("zyzzyva x-ray 007 ~wow~").tokens
    assert after.encode("\u4e2d").tokens == ["[CLS]", "[UNK]", "[SEP]"]
    assert json.loads(smaller)["padding"] is None

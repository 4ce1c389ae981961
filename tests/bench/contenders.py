"""What is timed beside the shipped model, made on the spot: right in size and shape, drawn or untaught in weights."""

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from tokenizers import ByteLevelBPETokenizer, Tokenizer
from tokenizers.processors import RobertaProcessing
from transformers import (
    DistilBertConfig,
    DistilBertForSequenceClassification,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaForSequenceClassification,
    pipeline,
)

from barometer.analyzers.encoder import EncoderAnalyzer
from training.calibrate import Calibration
from training.export import export
from training.graph import graph_of
from training.network import Shape, pretrained, pretrained_folder

Score = Callable[[Sequence[str]], object]
# The sizes of distilbert-base-uncased and of distilroberta-base.
_UNITS, _HEADS, _INNER, _LAYERS = 768, 12, 3_072, 6
_WORDS = {"distilbert": 30_522, "distilroberta": 50_265}
_UNTOUCHED = {"sentiment": Calibration((0.0,) * 3, 1.0), "emotion": Calibration((0.0,) * 7, 1.0)}


def pairs_in_torch(texts: Sequence[str], batches: Sequence[int]) -> dict[int, Score]:
    """The seeds' two checkpoints as the seeds ran them, one pipeline after the other, for each size of batch."""
    tokenizers = _tokenizers(texts)
    models = {
        "distilbert": DistilBertForSequenceClassification(DistilBertConfig(num_labels=2)),
        "distilroberta": RobertaForSequenceClassification(
            RobertaConfig(
                vocab_size=_WORDS["distilroberta"],
                num_hidden_layers=_LAYERS,
                max_position_embeddings=514,
                type_vocab_size=1,
                num_labels=7,
            )
        ),
    }
    pipelines = [_pipeline(model.eval(), tokenizers[name]) for name, model in models.items()]

    def of(batch: int) -> Score:
        return lambda posts: [one(list(posts), batch_size=batch, truncation=True, top_k=None) for one in pipelines]

    return {batch: of(batch) for batch in batches}


def _pipeline(model: PreTrainedModel, tokenizer: Tokenizer) -> Callable[..., object]:
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=tokenizer.id_to_token(model.config.pad_token_id),
        model_max_length=512,
        model_input_names=["input_ids", "attention_mask"],
    )
    return pipeline("text-classification", model=model, tokenizer=wrapped, device="cpu")


def pair_in_integers(folder: Path, texts: Sequence[str]) -> Score:
    """The same two encoders in the same eight-bit graph as the shipped model, run by the same code."""
    random = np.random.default_rng(1)
    models = []
    for name, tokenizer in _tokenizers(texts).items():
        shape = SimpleNamespace(layers=_LAYERS, pooled=False, units=_UNITS, heads=_HEADS)
        places = ("key", "out", "up", "down")
        ranges = {f"layers.{depth}.{place}": (-8.0, 8.0) for depth in range(_LAYERS) for place in places}
        model = graph_of(_drawn(random, _WORDS[name]), shape, ranges)
        files = {"model.onnx": model.SerializeToString(), "tokenizer.json": tokenizer.to_str().encode()}
        description = {
            "name": name,
            "languages": ["en"],
            "max_tokens": 128,
            **{task: {"temperature": one.temperature, "bias": one.bias} for task, one in _UNTOUCHED.items()},
            "files": {file: hashlib.sha256(content).hexdigest() for file, content in files.items()},
        }
        (folder / name).mkdir()
        for file, content in files.items():
            (folder / name / file).write_bytes(content)
        (folder / name / "model.json").write_text(json.dumps(description))
        models.append(EncoderAnalyzer(folder / name))
    return lambda posts: [model.analyze(posts) for model in models]


def six_layers(folder: Path, prepared: Sequence[str]) -> Score:
    """MiniLM's six layers with heads that know nothing, exported as the shipped model is."""
    torch.manual_seed(1)
    export(pretrained(Shape()), folder, texts=prepared, name="six layers", calibration=_UNTOUCHED)
    return EncoderAnalyzer(folder).analyze


def _drawn(random: np.random.Generator, words: int) -> dict[str, np.ndarray]:
    def matrix(*size: int) -> np.ndarray:
        return random.standard_normal(size, np.float32) * np.float32(0.02)

    weights = {"words.weight": matrix(words, _UNITS), "positions.weight": matrix(128, _UNITS)}
    sizes = dict.fromkeys(("query", "key", "value", "out"), (_UNITS, _UNITS))
    sizes |= {"up": (_INNER, _UNITS), "down": (_UNITS, _INNER)}
    norms = ["norm", *(f"layers.{at}.{name}" for at in range(_LAYERS) for name in ("out_norm", "down_norm"))]
    for at in range(_LAYERS):
        for name, size in sizes.items():
            weights[f"layers.{at}.{name}.weight"] = matrix(*size)
            weights[f"layers.{at}.{name}.bias"] = matrix(size[0])
    for norm in norms:
        weights[f"{norm}.weight"], weights[f"{norm}.bias"] = np.ones(_UNITS, np.float32), matrix(_UNITS)
    return weights | {"head.weight": matrix(10, 2 * _UNITS), "head.bias": matrix(10)}


def _tokenizers(texts: Sequence[str]) -> dict[str, Tokenizer]:
    """BERT's own word pieces; byte pairs of these texts, which are as long as RoBERTa's but know fewer words."""
    pieces = Tokenizer.from_file(str(pretrained_folder() / "tokenizer.json"))
    pieces.no_padding()
    pieces.no_truncation()
    pairs = ByteLevelBPETokenizer()
    pairs.train_from_iterator(texts, 20_000, show_progress=False, special_tokens=["<s>", "<pad>", "</s>", "<unk>"])
    pairs.post_processor = RobertaProcessing(("</s>", 2), ("<s>", 0))
    return {"distilbert": pieces, "distilroberta": Tokenizer.from_str(pairs.to_str())}

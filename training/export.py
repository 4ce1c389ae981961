"""Export: a trained network as the artefact that ``barometer.analyzers.encoder`` reads.

Promises: the same network and texts give the same bytes; ``model.json`` is written last, so that a folder in which it
names the others' sha256 is whole.
"""

import hashlib
import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import nn

from training.graph import MAX_TOKENS, graph_of
from training.network import Network, pretrained_folder
from training.vocabulary import cut

if TYPE_CHECKING:
    from training.calibrate import Calibration

MODEL: Final = "model.onnx"
TOKENIZER: Final = "tokenizer.json"
DESCRIPTION: Final = "model.json"
# After so many texts the widest ranges hardly grow, and the scores no longer change.
_TEXTS_SEEN: Final = 512


def export(
    network: Network,
    folder: Path,
    *,
    texts: Sequence[str],
    name: str,
    calibration: "Mapping[str, Calibration]",
    integers: bool = True,
) -> None:
    """Write ``model.onnx``, ``tokenizer.json`` and ``model.json``; other files of the folder stay.

    Args:
        network: trained, with MiniLM's whole vocabulary.
        folder: made if it is not there.
        texts: prepared, those of training. Word pieces that none of them has are left out, and the ranges of the
            activations are taken from 512 of them.
        name: what ``Score.model`` will say.
        calibration: of ``sentiment`` and ``emotion``.
        integers: eight bits (seven for weights); otherwise floats, to compare with.
    """
    tokenizer, kept = cut((pretrained_folder() / "tokenizer.json").read_text(encoding="utf-8"), texts)
    network = network.cpu().float().eval()
    weights = {key: value.detach().numpy() for key, value in network.state_dict().items()}
    weights["words.weight"] = weights["words.weight"][kept]
    seen = _ranges(network, _some(texts), kept, tokenizer) if integers else None
    files = {
        MODEL: graph_of(weights, network.shape, seen).SerializeToString(deterministic=True),
        TOKENIZER: tokenizer.encode(),
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / DESCRIPTION).unlink(missing_ok=True)
    for file, content in files.items():
        (folder / file).write_bytes(content)
    description = {
        "name": name,
        "languages": ["en"],
        "max_tokens": MAX_TOKENS,
        **{task: {"temperature": one.temperature, "bias": list(one.bias)} for task, one in calibration.items()},
        "files": {file: hashlib.sha256(content).hexdigest() for file, content in files.items()},
        "layers": network.shape.layers,
        "pieces": len(kept),
    }
    (folder / DESCRIPTION).write_text(json.dumps(description, indent=1) + "\n", encoding="utf-8")


def _some(texts: Sequence[str]) -> list[str]:
    rows = list(texts)
    return random.Random(1).sample(rows, min(_TEXTS_SEEN, len(rows)))  # noqa: S311 (a choice, not a secret)


@torch.no_grad()
def _ranges(
    network: Network, texts: Sequence[str], kept: Sequence[int], tokenizer: str
) -> dict[str, tuple[float, float]]:
    """Least and most value that goes into each linear layer, text by text, so that no padding is among them."""
    ranges: dict[str, tuple[float, float]] = {}

    def widen(name: str, values: NDArray[np.float32]) -> None:
        least, most = ranges.get(name, (np.inf, -np.inf))
        ranges[name] = min(least, float(values.min())), max(most, float(values.max()))

    def watch(name: str, module: nn.Module) -> torch.utils.hooks.RemovableHandle:
        return module.register_forward_pre_hook(lambda _, inputs: widen(name, inputs[0].numpy()))

    watching = [watch(name, module) for name, module in network.named_modules() if isinstance(module, nn.Linear)]
    pieces = Tokenizer.from_str(tokenizer)
    pieces.enable_truncation(MAX_TOKENS)
    old = torch.tensor(kept)
    for encoding in pieces.encode_batch_fast(list(texts)):
        ids = old[torch.tensor([encoding.ids])]
        network(ids, torch.ones_like(ids))
    for one in watching:
        one.remove()
    return ranges

"""Measure: a network on a validation file."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from barometer.analyzers import Analyzer
from barometer.evaluation import Evaluation, evaluate
from barometer.scores import EMOTIONS, SCALE, SENTIMENTS
from training.batches import ids_of, in_order_of_length
from training.corpus import Example
from training.network import LABELS, Network

TASKS: Final = {"sentiment": (SENTIMENTS, slice(0, 3)), "emotion": (EMOTIONS, slice(3, 10))}


@torch.no_grad()
def logits_of(network: Network, ids: Sequence[list[int]], device: str) -> NDArray[np.float32]:
    """The logits of every text, ``(texts, 10)``, in order."""
    network.eval()
    logits: NDArray[np.float32] = np.zeros((len(ids), LABELS), np.float32)
    for batch in in_order_of_length(ids):
        with torch.autocast(device, dtype=torch.bfloat16):
            said = network(batch.ids.to(device), batch.mask.to(device))
        logits[batch.rows.numpy()] = said.float().cpu().numpy()
    return logits


def measured_by(analyzer: Analyzer, examples: Sequence[Example], task: str) -> Evaluation:
    """What an analyzer says of the texts as they were written, held against the examples' labels.

    Raises:
        ValueError: it does not tell this task.
    """
    scores = analyzer.analyze([example.raw for example in examples])
    told = [score.sentiment if task == "sentiment" else score.emotion for score in scores]
    said = [distribution for distribution in told if distribution is not None]
    if len(said) < len(examples):
        raise ValueError(f"{analyzer.name} does not tell {task}")
    sure = [max(distribution.shares) / SCALE for distribution in said]
    return evaluate(TASKS[task][0], _truth(examples, task), [distribution.label for distribution in said], sure)


def measured(examples: Sequence[Example], logits: NDArray[np.float32], task: str) -> Evaluation:
    """Hold logits ``(texts, 10)`` against the examples' labels."""
    labels, columns = TASKS[task]
    shares = softmax(logits[:, columns])
    return evaluate(labels, _truth(examples, task), [labels[at] for at in shares.argmax(1)], shares.max(1).tolist())


def measure(network: Network, examples: Sequence[Example], task: str, device: str) -> Evaluation:
    """A network's own figures on the rows of one task."""
    return measured(examples, logits_of(network, ids_of(examples), device), task)


def _truth(examples: Sequence[Example], task: str) -> list[str]:
    targets = [example.sentiment if task == "sentiment" else example.emotion for example in examples]
    return [TASKS[task][0][int(np.argmax(shares))] for shares in targets if shares]


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows of logits as rows of shares."""
    powers = np.exp(logits - logits.max(1, keepdims=True))
    shares: NDArray[np.float32] = powers / powers.sum(1, keepdims=True)
    return shares

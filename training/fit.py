"""Fit: one network, one objective, from its first step to its last.

Promises: the same seed and data give the same order of learning; a run that is stopped goes on from its last
checkpoint (every ``_SAVE_EVERY`` steps) when it is started again; a finished one is loaded and not learned again.
"""

import math
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor
from tqdm import tqdm

from training.batches import batch_of, of_epoch
from training.network import Network

_SAVE_EVERY: Final = 500
Objective = Callable[[Tensor, Tensor], Tensor]
"""The loss of logits ``(texts, 10)`` for the rows of the examples ``(texts,)``."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how fast one network learns."""

    seed: int
    epochs: int
    rate: float
    layer_decay: float = 0.9
    head_factor: float = 5.0
    warm_up: float = 0.06
    average: float = 0.998


def fit(
    network: Network, ids: Sequence[list[int]], objective: Objective, schedule: Schedule, path: Path, *, device: str
) -> Network:
    """The network after its schedule: the running average of its weights, saved at ``path`` as a state."""
    if path.exists():
        network.load_state_dict(torch.load(path, map_location="cpu"))
        network.to(device)
        return network
    torch.manual_seed(schedule.seed)
    network.to(device).train()
    average: Network = deepcopy(network).requires_grad_(False)
    optimizer = torch.optim.AdamW(_groups(network, schedule), weight_decay=0.01, fused=True)
    steps = schedule.epochs * len(of_epoch(ids, schedule.seed, 0))
    rates = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step / steps, schedule.warm_up))
    progress = path.with_suffix(".part")
    done = _resume(progress, network, average, optimizer, rates)
    bar = tqdm(total=steps, initial=done, desc=path.stem, unit="step", mininterval=5, smoothing=0.02)
    step, loss_seen = 0, 0.0
    for epoch in range(schedule.epochs):
        for rows in of_epoch(ids, schedule.seed, epoch):
            step += 1
            if step <= done:
                continue
            batch = batch_of(ids, rows)
            with torch.autocast(device, dtype=torch.bfloat16):
                logits = network(batch.ids.to(device), batch.mask.to(device))
            loss = objective(logits.float(), batch.rows.to(device))
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
            rates.step()
            _follow(average, network, min(schedule.average, step / (step + 10)))
            loss_seen += 0.02 * (loss.item() - loss_seen)
            bar.update()
            bar.set_postfix(loss=f"{loss_seen:.4f}", refresh=False)
            if step % _SAVE_EVERY == 0:
                _save(progress, step, network, average, optimizer, rates)
    bar.close()
    _replace(path, average.state_dict())
    progress.unlink(missing_ok=True)
    return average


def _rate(done: float, warm_up: float) -> float:
    if done < warm_up:
        return done / warm_up
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (done - warm_up) / (1 - warm_up))))


def _groups(network: Network, schedule: Schedule) -> list[dict[str, Any]]:
    """Lower layers learn slower: they hold what every language task needs; the head, which is new, fastest."""
    depth = len(network.layers)
    rates = {"head": schedule.rate * schedule.head_factor}
    rates |= {f"layers.{at}": schedule.rate * schedule.layer_decay ** (depth - 1 - at) for at in range(depth)}
    groups: dict[float, list[Tensor]] = {}
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            place = ".".join(name.split(".")[:2]) if name.startswith("layers") else name.split(".")[0]
            groups.setdefault(rates.get(place, schedule.rate * schedule.layer_decay**depth), []).append(parameter)
    return [{"params": parameters, "lr": rate} for rate, parameters in groups.items()]


@torch.no_grad()
def _follow(average: Network, network: Network, keep: float) -> None:
    ours = [mean for mean, now in zip(average.parameters(), network.parameters(), strict=True) if now.requires_grad]
    theirs = [now for now in network.parameters() if now.requires_grad]
    torch._foreach_lerp_(ours, theirs, 1 - keep)


def _save(progress: Path, step: int, *parts: Any) -> None:  # noqa: ANN401 (whatever has a state)
    states = [part.state_dict() for part in parts]
    _replace(progress, {"step": step, "states": states, "random": torch.get_rng_state()})


def _resume(progress: Path, *parts: Any) -> int:  # noqa: ANN401 (whatever has a state)
    if not progress.exists():
        return 0
    saved = torch.load(progress, map_location="cpu")
    for part, state in zip(parts, saved["states"], strict=True):
        part.load_state_dict(state)
    torch.set_rng_state(saved["random"])
    return int(saved["step"])


def _replace(path: Path, state: object) -> None:
    """Write it whole or not at all, for a run may be stopped at any moment."""
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(state, path.with_suffix(".new"))
    path.with_suffix(".new").replace(path)

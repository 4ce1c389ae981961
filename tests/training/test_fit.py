"""Fit: a tiny network on made-up texts, stopped and started again."""

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="torch is not installed (scripts/torch); training is done with it")

import torch

from tests.training.made_up import example
from training import fit as fit_module
from training.batches import Targets
from training.fit import Objective, Schedule, fit
from training.network import Network, Shape
from training.objectives import Gold

IDS = [[1, *[2 + (row * 7 + place) % 40 for place in range(3 + row % 9)]] for row in range(150)]
SCHEDULE = Schedule(seed=5, epochs=3, rate=1e-3)  # 4 batches an epoch: 12 steps


class StopError(Exception):
    """As Ctrl-C or a kill would."""


def begin() -> Network:
    torch.manual_seed(1)
    return Network(Shape(layers=2, units=12, heads=2, inner=24, words=50, positions=16))


def objective(stop_at: int = 0) -> Objective:
    """Learn which word a text begins with; stop at that step, if at any."""
    labels = torch.eye(3).tolist()
    rows = [example("", tuple(labels[ids[1] % 3]), (1 / 7,) * 7) for ids in IDS]
    gold = Gold.of(Targets.of(rows), 0.5, 0.5, "cpu")
    steps = 0

    def loss(logits: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        nonlocal steps
        steps += 1
        if steps == stop_at:
            raise StopError
        return gold(logits, rows)

    return loss


def same(one: Network, other: Network) -> bool:
    states = other.state_dict()
    return all(torch.equal(weight, states[name]) for name, weight in one.state_dict().items())


@pytest.fixture(autouse=True)
def save_often_with_one_thread(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(fit_module, "_SAVE_EVERY", 5)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # on a busy machine two threads of so little work wait for each other
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize("stops", [(2,), (7,), (12,), (7, 4)])
def test_a_run_that_is_stopped_ends_as_one_that_is_not(tmp_path: Path, stops: tuple[int, ...]):
    whole = fit(begin(), IDS, objective(), SCHEDULE, tmp_path / "whole.pt", device="cpu")
    for stop in stops:
        with pytest.raises(StopError):
            fit(begin(), IDS, objective(stop), SCHEDULE, tmp_path / "broken.pt", device="cpu")
    assert not (tmp_path / "broken.pt").exists()
    assert (tmp_path / "broken.part").exists() == (stops[0] > 5)
    again = fit(begin(), IDS, objective(), SCHEDULE, tmp_path / "broken.pt", device="cpu")
    assert same(again, whole)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["broken.pt", "whole.pt"]


def test_a_run_learns(tmp_path: Path):
    # The average of its weights is what is kept; it lags behind, so a longer run than the others.
    long = Schedule(seed=5, epochs=25, rate=3e-3, average=0.9)
    network = fit(begin(), IDS, objective(), long, tmp_path / "it.pt", device="cpu").eval()
    batch = fit_module.batch_of(IDS, range(len(IDS)))
    with torch.no_grad():
        before, after = (objective()(it(batch.ids, batch.mask), batch.rows) for it in (begin().eval(), network))
    assert after < before - 0.2


def test_a_finished_run_is_loaded_and_not_learned_again(tmp_path: Path):
    first = fit(begin(), IDS, objective(), SCHEDULE, tmp_path / "it.pt", device="cpu")
    assert same(fit(begin(), IDS, objective(stop_at=1), SCHEDULE, tmp_path / "it.pt", device="cpu"), first)


def test_another_seed_is_another_order(tmp_path: Path):
    other = Schedule(seed=6, epochs=3, rate=1e-3)
    one = fit(begin(), IDS, objective(), SCHEDULE, tmp_path / "one.pt", device="cpu")
    assert not same(one, fit(begin(), IDS, objective(), other, tmp_path / "other.pt", device="cpu"))


@pytest.mark.parametrize("rows", [48, 49, 60, 100, 149])
def test_the_rate_falls_to_nothing_at_the_last_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int):
    asked: list[float] = []
    rate = fit_module._rate
    monkeypatch.setattr(fit_module, "_rate", lambda done, warm_up: asked.append(done) or rate(done, warm_up))
    fit(begin(), IDS[:rows], objective(), SCHEDULE, tmp_path / "it.pt", device="cpu")
    assert asked[-1] == pytest.approx(1)
    assert rate(1, SCHEDULE.warm_up) == pytest.approx(0)
    assert rate(SCHEDULE.warm_up, SCHEDULE.warm_up) == pytest.approx(1)


def test_the_head_learns_faster_than_the_layers_and_lower_layers_slower():
    network = begin()
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    rates = {
        names[id(parameter)]: group["lr"]
        for group in fit_module._groups(network, SCHEDULE)
        for parameter in group["params"]
    }
    assert rates["head.weight"] == pytest.approx(5e-3)
    assert rates["layers.1.query.weight"] == pytest.approx(1e-3)
    assert rates["layers.0.query.weight"] == pytest.approx(0.9e-3)
    assert rates["positions.weight"] == pytest.approx(0.81e-3)
    assert "words.weight" not in rates  # frozen

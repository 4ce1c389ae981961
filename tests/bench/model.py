"""How fast the model is: ``python -m tests.bench.model`` (``make bench-model``).

All in one run and taking turns, so that they share what the machine was doing: the seeds' pair of checkpoints in torch
through ``transformers.pipeline``, that pair in eight-bit integers, MiniLM's six layers, and the shipped model. All but
the shipped one have weights that are drawn or untaught, which changes no speed.

A call gets texts in the order in which they were posted; "batch 32" is a call of 32 texts. They are real tweets where
there are some, otherwise the simulator's posts.
"""

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import mean, median, quantiles
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from barometer.analyzers import MODEL_FOLDER
from barometer.analyzers.encoder import EncoderAnalyzer
from barometer.analyzers.preparation import prepare
from infra.feeds.simulate import Simulator
from tests.bench import contenders

BATCHES = (1, 8, 32, 64)
TORCH, PAIR, SIX, SHIPPED = "pair, torch", "pair, int8", "six layers, int8", "shipped"
_TEXTS = 2_048
_FRESH_STARTS = 5
_START_SECONDS = 60


@dataclass(slots=True)
class Timed:
    """One contender at one batch: posts a second and CPU seconds a post of each round, the seconds of every call."""

    rates: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    calls: list[float] = field(default_factory=list)


def main(
    *,
    data: Annotated[Path, typer.Option(help="Posts as label<TAB>text; without it the simulator's.")] = Path(
        "../shared/data/tweeteval_sentiment_val.tsv"
    ),
    model: Annotated[Path, typer.Option(help="Folder of the shipped model.")] = MODEL_FOLDER,
    seconds: Annotated[float, typer.Option(min=0.1, help="For each contender and batch in each round.")] = 2.0,
    rounds: Annotated[int, typer.Option(min=2)] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON instead of tables.")] = False,
) -> None:
    """Time every contender at every batch."""
    texts = _texts(data)
    with tempfile.TemporaryDirectory(prefix="barometer-bench-") as folder:
        timed = _measure(_contenders(Path(folder), texts, model), texts, seconds, rounds)
    starts = [_fresh(model, texts) for _ in range(_FRESH_STARTS)]
    result = _result(timed, starts, texts, real=data.exists(), model=model)
    if as_json:
        typer.echo(json.dumps(result, indent=2))
    else:
        _show(result)


def _texts(data: Path) -> list[str]:
    if data.exists():
        rows = data.read_text(encoding="utf-8").splitlines()
        texts = [row.partition("\t")[2] for row in rows]
    else:
        simulator, now = Simulator(1), datetime.now(UTC)
        texts = [simulator.next(now).post.text for _ in range(_TEXTS)]
    random.Random(1).shuffle(texts)  # noqa: S311 (an order, not a secret)
    return texts[:_TEXTS]


def _contenders(folder: Path, texts: Sequence[str], model: Path) -> dict[tuple[str, int], contenders.Score]:
    torch_pairs = contenders.pairs_in_torch(texts, BATCHES)
    others = {
        PAIR: contenders.pair_in_integers(folder, texts),
        SIX: contenders.six_layers(folder / "six", [prepare(text) for text in texts]),
        SHIPPED: EncoderAnalyzer(model).analyze,
    }
    by_batch = {(name, batch): score for name, score in others.items() for batch in BATCHES}
    return {(TORCH, batch): score for batch, score in torch_pairs.items()} | by_batch


def _measure(
    scoring: dict[tuple[str, int], contenders.Score], texts: Sequence[str], seconds: float, rounds: int
) -> dict[tuple[str, int], Timed]:
    timed = {key: Timed() for key in scoring}
    for (_, batch), score in scoring.items():
        score(texts[:batch])
    for number in range(rounds):
        for (name, batch), score in scoring.items():
            # Every contender reads the same texts, other ones in every round.
            start, began, calls = number * 211 % len(texts), time.perf_counter(), timed[name, batch].calls
            spent, done = time.process_time(), 0
            while time.perf_counter() - began < seconds:
                posts = [texts[(start + done + at) % len(texts)] for at in range(batch)]
                before = time.perf_counter()
                score(posts)
                calls.append(time.perf_counter() - before)
                done += batch
            timed[name, batch].rates.append(done / (time.perf_counter() - began))
            timed[name, batch].cpu.append((time.process_time() - spent) / done)
    return timed


def _fresh(model: Path, texts: Sequence[str]) -> dict[str, float]:
    told = subprocess.run(
        [sys.executable, "-m", "tests.bench.fresh", str(model)],
        input=json.dumps(texts),
        env=os.environ | {"BAROMETER_MODEL": "local", "POWERTOOLS_TRACE_DISABLED": "true"},
        capture_output=True,
        text=True,
        check=False,
        timeout=_START_SECONDS,
    )
    if told.returncode:
        raise RuntimeError(f"a fresh process ended with {told.returncode}: {told.stderr[-2000:]}")
    answer: dict[str, float] = json.loads(told.stdout.splitlines()[-1])
    return answer


def _result(
    timed: dict[tuple[str, int], Timed],
    starts: list[dict[str, float]],
    texts: Sequence[str],
    *,
    real: bool,
    model: Path,
) -> dict[str, Any]:
    rates = {
        name: {batch: median(timed[name, batch].rates) for batch in BATCHES} for name in (TORCH, PAIR, SIX, SHIPPED)
    }
    return {
        "machine": {"cpus": os.cpu_count(), "load": os.getloadavg()[0], "python": sys.version.split()[0]},
        "texts": {"are": "tweets" if real else "simulated", "characters": round(mean(map(len, texts)), 1)},
        "posts_per_second": {name: {batch: round(rate, 1) for batch, rate in of.items()} for name, of in rates.items()},
        "cpu_ms_a_post": {
            name: {batch: round(1e3 * median(timed[name, batch].cpu), 3) for batch in BATCHES} for name in rates
        },
        "one_post_ms": {name: _percentiles(timed[name, 1].calls) for name in rates},
        "shipped_over_torch_pair": _ratio(timed, TORCH),
        "shipped_over_six_layers": _ratio(timed, SIX),
        "fresh_process": {
            "first_score_seconds": round(median(start["seconds"] for start in starts), 3),
            "resident_megabytes": round(max(start["bytes"] for start in starts) / 1e6, 1),
        },
        "artefact_megabytes": round(sum(file.stat().st_size for file in model.iterdir()) / 1e6, 2),
    }


def _ratio(timed: dict[tuple[str, int], Timed], other: str) -> dict[int, float]:
    """Median over the rounds, each with its own: what slowed one of a round slowed both."""
    return {
        batch: round(
            median(a / b for a, b in zip(timed[SHIPPED, batch].rates, timed[other, batch].rates, strict=True)), 2
        )
        for batch in BATCHES
    }


def _percentiles(calls: Sequence[float]) -> dict[str, float]:
    cuts = quantiles(calls, n=100, method="inclusive")
    return {"p50": round(1e3 * cuts[49], 2), "p95": round(1e3 * cuts[94], 2)}


def _show(result: dict[str, Any]) -> None:
    console = Console(highlight=False, soft_wrap=True, width=120)
    heads = ("posts/s, calls of", *map(str, BATCHES), "p50 of 1, ms", "p95", "CPU of 32, ms a post")
    rates = Table(*heads, box=None, padding=(0, 2, 0, 0))
    for name, of in result["posts_per_second"].items():
        one, cpu = result["one_post_ms"][name], result["cpu_ms_a_post"][name][32]
        rates.add_row(
            name,
            *(f"{rate:,.0f}" for rate in of.values()),
            f"{one['p50']:.1f}",
            f"{one['p95']:.1f}",
            f"{cpu:.2f}",
        )
    for name, key in ((TORCH, "shipped_over_torch_pair"), (SIX, "shipped_over_six_layers")):
        rates.add_row(f"shipped / {name}", *(f"{ratio:.1f}x" for ratio in result[key].values()), "", "", "")
    console.print(rates)
    fresh, texts, machine = result["fresh_process"], result["texts"], result["machine"]
    console.print(
        f"infer, a fresh process: {fresh['first_score_seconds']:.2f} s to the first score, then "
        f"{fresh['resident_megabytes']:.0f} MB resident; the artefact is {result['artefact_megabytes']:.1f} MB"
    )
    console.print(
        f"{texts['are']} of {texts['characters']:.0f} characters on average; {machine['cpus']} CPUs, "
        f"load average {machine['load']:.1f}"
    )


if __name__ == "__main__":
    typer.run(main)

"""What the whole stack does: ``python -m tests.bench.pipeline`` (``make bench``).

Measures posts a second from the first accepted to the last stored, the share of CPU by process, where posts wait, and
the time from one post's 202 to its frame on a socket. It uses the Barometer that runs in ``--home``, and without
``--home`` starts one of its own in a temporary folder, without a feed, and removes it again.
"""

import asyncio
import contextlib
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from statistics import quantiles
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from infra.feeds.home import enter
from infra.feeds.settled import settled
from infra.feeds.target import raw as raw_target
from infra.feeds.writer import MOST_AT_ONCE, Raw, Writer
from infra.local.admin import read_admin_key
from infra.local.home import Home
from infra.local.state import read_state
from tests.bench import latency, throughput
from tests.bench.homes import make_topics, temporary_home
from tests.bench.latency import Latencies
from tests.bench.throughput import Throughput

# Enough that ingest, infer and aggregate run in all their environments: a start costs half a second of CPU.
_WARM_UP_POSTS = 10 * MOST_AT_ONCE
_SEED = 1


def main(
    *,
    posts: Annotated[int, typer.Option(min=1, help="Posts sent for the throughput.")] = 20_000,
    frames: Annotated[int, typer.Option(min=2, help="Posts timed, one at a time, from 202 to frame.")] = 200,
    home: Annotated[Path | None, typer.Option(help="A running home; without one, a temporary one is started.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON instead of tables.")] = False,
) -> None:
    """Measure the whole stack."""
    with contextlib.nullcontext(home) if home else temporary_home() as path:
        place = enter(path)
        raw, url, key = raw_target(), read_state(place).url, read_admin_key(place)
        make_topics(url, key)
        flow, frame_times = asyncio.run(_measure(place, raw, (url, key), posts=posts, frames=frames))
    result = _result(flow, frame_times)
    if as_json:
        typer.echo(json.dumps(result, indent=2))
    else:
        _show(result)
    if flow.after.missing:
        raise typer.Exit(1)


async def _measure(
    place: Home, raw: Raw, door: tuple[str, str], *, posts: int, frames: int
) -> tuple[Throughput, Latencies]:
    writer = Writer(raw, asyncio.Event())
    warm = throughput.composed(_SEED, _WARM_UP_POSTS, raw)
    for first in range(0, len(warm), MOST_AT_ONCE):
        await writer.write(warm[first : first + MOST_AT_ONCE])
    await settled(raw)
    flow = await throughput.measure(place, raw, throughput.composed(_SEED + 1, posts, raw))
    return flow, await latency.measure(*door, frames)


def _result(flow: Throughput, frames: Latencies) -> dict[str, Any]:
    spent = flow.cpu.total()
    return {
        "machine": {"cpus": os.cpu_count(), "python": sys.version.split()[0]},
        "throughput": {
            "posts": flow.posts,
            "accepted_per_second": round(flow.posts / flow.accepting, 1),
            "posts_per_second": round(flow.posts / flow.seconds, 1),
            "seconds": round(flow.seconds, 2),
            "stored": flow.after.stored - flow.before.stored,
            "duplicates": flow.after.duplicates - flow.before.duplicates,
            "missing": flow.after.missing,
        },
        "cpu": [
            {"process": name, "seconds": round(seconds, 2), "share": round(seconds / spent, 4),
             "microseconds_a_post": round(1e6 * seconds / flow.posts, 1)}
            for name, seconds in flow.cpu.most_common() if seconds >= 0.005
        ],
        "cpus_busy": round(spent / flow.seconds, 2),
        "waiting": {name: round(length, 1) for name, length in flow.waiting.items()},
        "pipes": {name: asdict(work) for name, work in flow.pipes.items()},
        "latency_ms": {
            "posts": len(frames.from_202),
            "lost": frames.lost,
            "from_202": _percentiles(frames.from_202),
            "from_request": _percentiles(frames.from_request),
        },
    }  # fmt: skip


def _percentiles(seconds: list[float]) -> dict[str, float]:
    if len(seconds) < 2:
        raise RuntimeError("no frames came: see the logs of push, socket and front-door")
    cuts = quantiles(seconds, n=100, method="inclusive")
    return {"p50": round(1e3 * cuts[49], 1), "p95": round(1e3 * cuts[94], 1), "max": round(1e3 * max(seconds), 1)}


def _show(result: dict[str, Any]) -> None:
    console = Console(highlight=False, soft_wrap=True)
    flow, frames = result["throughput"], result["latency_ms"]
    console.print(
        f"{flow['posts_per_second']:,.0f} posts/s through the whole stack: {flow['posts']:,} posts in "
        f"{flow['seconds']:.1f} s ({flow['accepted_per_second']:,.0f}/s accepted), {flow['stored']:,} stored, "
        f"{flow['duplicates']:,} duplicates, {flow['missing']:,} missing; "
        f"{result['cpus_busy']} of {result['machine']['cpus']} CPUs busy"
    )
    cpu = Table("process", "CPU s", "share", "µs/post", box=None, padding=(0, 2, 0, 0), title_justify="left")
    for row in result["cpu"]:
        cpu.add_row(row["process"], f"{row['seconds']:.2f}", f"{row['share']:.1%}", f"{row['microseconds_a_post']:.0f}")
    console.print(cpu)
    pipes = Table("pipe", "calls", "records a call", "ms a call", box=None, padding=(0, 2, 0, 0))
    for name, work in result["pipes"].items():
        pipes.add_row(name, f"{work['calls']:,}", f"{work['records']:.0f}", f"{1e3 * work['seconds']:.0f}")
    console.print(pipes)
    console.print("waiting on average: " + ", ".join(f"{name} {mean:,.0f}" for name, mean in result["waiting"].items()))
    for what, name in (("from_202", "202 to frame"), ("from_request", "request to frame")):
        times = frames[what]
        console.print(f"{name}: p50 {times['p50']:.0f} ms, p95 {times['p95']:.0f} ms, max {times['max']:.0f} ms")
    console.print(f"{frames['posts']} posts timed, {frames['lost']} frames lost")


if __name__ == "__main__":
    typer.run(main)

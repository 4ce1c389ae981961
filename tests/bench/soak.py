"""Whether anything grows that should not: ``python -m tests.bench.soak`` (``make soak MINUTES=20 RATE=100``).

A Barometer of its own takes simulated posts over HTTP at a steady rate, while somebody looks at its dashboard. After a
quarter of the time, when caches are warm, and at the end it is told what each part holds; what has grown beyond its
tolerance is named, and the exit status is then 1. So it is when a post is missing or a part had to be started again.
"""

import asyncio
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from barometer.settings import Settings, load
from infra.feeds.home import enter
from infra.feeds.settled import settled
from infra.feeds.target import raw as raw_target
from infra.local.admin import read_admin_key
from infra.local.home import Home
from infra.local.state import read_state
from tests.bench import growth, vitals
from tests.bench.growth import MB, Growth
from tests.bench.homes import make_topics, temporary_home
from tests.bench.visitors import Seen, Sent, send, visit
from tests.bench.vitals import Vitals

# Each part of the time is told by the mean of so many looks.
_LOOKS = 3
_LOOK_SECONDS = 30.0
_LEAST_LOOKS = 12


def main(
    *,
    minutes: Annotated[float, typer.Option(min=1, help="How long posts are sent.")] = 20,
    rate: Annotated[float, typer.Option(min=1, help="Posts a second.")] = 100,
) -> None:
    """Let it run, and tell what grew."""
    console = Console(highlight=False, soft_wrap=True)
    sent, seen = Sent(), Seen()
    with temporary_home() as path:
        home = enter(path)
        looks = asyncio.run(_soak(home, (sent, seen), minutes * 60, rate, console))
    warm, end = vitals.mean(looks[: len(looks) // 4][-_LOOKS:]), vitals.mean(looks[-_LOOKS - 1 : -1])
    faults = _show(console, minutes, warm, end, rate)
    faults += [f"{name} was started again {times} times" for name, times in looks[-1].restarts.items()]
    books = looks[-1].books
    if seen.errors:
        faults.append(f"{seen.errors} of the dashboard's questions were answered with an error")
    if books.missing or books.accepted != sent.accepted:
        faults.append(f"{sent.accepted:,} posts were answered with 202, and {books.missing:,} are missing")
    console.print(
        f"\n{books.accepted:,} posts accepted, {sent.accepted / sent.seconds:,.1f} a second ({sent.refused} requests "
        f"put off by a full pipeline): {books.stored:,} stored, {books.duplicates:,} duplicates, "
        f"{books.rejected:,} rejected, {books.dead:,} dead, {books.missing:,} missing"
    )
    console.print(
        f"the dashboard got {seen.answers:,} answers ({seen.errors} errors) and {seen.frames:,} frames "
        f"({seen.reconnects} reconnects)\n"
    )
    console.print("\n".join(faults) or "nothing grew beyond its tolerance")
    if faults:
        raise typer.Exit(1)


async def _soak(home: Home, notes: tuple[Sent, Seen], seconds: float, rate: float, console: Console) -> list[Vitals]:
    """What was looked at from time to time; the last time at rest. What clients were told is in their ``notes``."""
    sent, seen = notes
    raw, url, key = raw_target(), read_state(home).url, read_admin_key(home)
    parameter = load(Settings).pipes_parameter
    await asyncio.to_thread(make_topics, url, key)
    looks: list[Vitals] = []

    async def look() -> None:
        looks.append(await asyncio.to_thread(vitals.take, home, raw, parameter))

    every = min(_LOOK_SECONDS, seconds / _LEAST_LOOKS)
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as clients:
        clients.create_task(send(url, key, rate, stop, sent))
        clients.create_task(visit(url, key, stop, seen))
        for number in range(round(seconds / every)):
            await asyncio.sleep(every)
            await look()
            _tell(console, (number + 1) * every, looks[-1])
        stop.set()
    await settled(raw)
    await look()
    return looks


def _tell(console: Console, seconds: float, now: Vitals) -> None:
    memory = sum(part.memory for part in now.parts.values())
    waiting = sum(now.waiting.values())
    console.print(
        f"{seconds / 60:5.1f} min  {memory / MB:,.0f} MB in {sum(part.processes for part in now.parts.values()):.0f} "
        f"processes, {now.books.stored:,} posts stored, {waiting:,.0f} records waiting"
    )


def _show(console: Console, minutes: float, warm: Vitals, end: Vitals, rate: float) -> list[str]:
    """Print the tables; gives what is wrong, a sentence each."""
    parts, stores, streams = growth.parts(warm, end), growth.stores(warm, end), growth.streams(warm, end, rate)
    console.print(f"\nat minute {minutes / 4:g} → at minute {minutes:g} (≤ the most that is tolerated)")
    table = Table("part", "processes", "MB each", "open files each", box=None, padding=(0, 2, 0, 0))
    for count, memory, files in parts:
        table.add_row(count.of, f"{count.before:.0f} → {count.after:.0f}", _told(memory, MB), _told(files))
    console.print(table)
    console.print("\nwhat grows by design:")
    table = Table("store", "MB in all", "because", box=None, padding=(0, 2, 0, 0))
    for it in stores:
        table.add_row(it.of, _told(it, MB), growth.STORES[it.of])
    console.print(table)
    console.print("")
    table = Table("stream", "records waiting", box=None, padding=(0, 2, 0, 0))
    for it in streams:
        table.add_row(it.of, _told(it))
    console.print(table)
    every = [it for row in parts for it in row] + stores + streams
    return [f"{it.of}: {it.what} grew beyond its tolerance" for it in every if it.too_much]


def _told(it: Growth, unit: float = 1) -> str:
    digits = 1 if unit > 1 else 0
    text = f"{it.before / unit:,.{digits}f} → {it.after / unit:,.{digits}f} (≤ {it.most / unit:,.{digits}f})"
    return f"[red]{text}[/]" if it.too_much else text


if __name__ == "__main__":
    typer.run(main)

"""The commands that bring posts in, or look at what is said: ``replay``, ``feed``, ``analyze``.

``infra.local.cli`` registers them; a ``BarometerError`` is its to show.
"""

import asyncio
import secrets
import sys
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console

from barometer.settings import Settings, load
from infra.feeds.analysis import analysed, shown
from infra.feeds.home import enter
from infra.feeds.live import GRACE_SECONDS, Tally, run, stopped_by_signals
from infra.feeds.replay.command import replay_file
from infra.feeds.replay.job import Options
from infra.feeds.simulate import DEFAULT_RATE, SimulatedFeed
from infra.feeds.source import Feed
from infra.feeds.stdin import StdinFeed
from infra.feeds.target import raw
from infra.feeds.writer import Writer

HomeOption = Annotated[Path, typer.Option(help="The folder of the running Barometer.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Write JSON for programs instead of text for people.")]
SourceOption = Annotated[str | None, typer.Option(metavar="NAME", help="Source of the posts that name none.")]

out = Console(soft_wrap=True, highlight=False)
told = Console(stderr=True, soft_wrap=True, highlight=False)
feed_app = typer.Typer(no_args_is_help=True, help="Run one feed in the foreground, until it ends or Ctrl-C.")


def register(app: typer.Typer) -> None:
    """Add these commands to ``app``."""
    app.command()(replay)
    app.add_typer(feed_app, name="feed")
    app.command()(analyze)


def replay(
    file: Annotated[Path, typer.Argument(metavar="FILE.{jsonl,csv,tsv}", exists=True, dir_okay=False, readable=True)],
    *,
    rate: Annotated[float, typer.Option(min=0, help="Posts a second; 0: as fast as they are taken.")] = 0,
    now: Annotated[bool, typer.Option("--now", help="Stamp every post with the moment it is sent.")] = False,
    source: SourceOption = None,
    again: Annotated[bool, typer.Option("--again", help="From the beginning, as new posts.")] = False,
    rejects: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Append the rows that are no posts to this JSONL file.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Return when every post is stored, and show the books.")] = False,
    home: HomeOption = Path(".barometer"),
    as_json: JsonOption = False,
) -> None:
    """Send the posts of a file; when stopped, run it again to go on.

    JSONL: one RawPost a line. CSV, TSV: a header naming fields of RawPost, label or metadata.NAME. A TSV may have no
    header, but lines of label<TAB>text.
    """
    place = enter(home)
    options = Options(rate=rate or None, now=now, source=source, again=again, rejects=rejects)
    target = raw(load(Settings))
    outcome = asyncio.run(replay_file(file, target, place.root / "replay", options, wait=wait, screen=told))
    if as_json:
        out.print_json(orjson.dumps(outcome.as_json()).decode())
    else:
        outcome.show(out)
    raise typer.Exit(outcome.exit_code)


@feed_app.command("simulate")
def feed_simulate(
    rate: Annotated[float, typer.Option(min=0.01, max=10_000, help="Mean posts a second.")] = DEFAULT_RATE,
    seed: Annotated[int | None, typer.Option(help="The same seed writes the same posts.")] = None,
    count: Annotated[int | None, typer.Option(min=1, help="Stop after so many posts.")] = None,
    home: HomeOption = Path(".barometer"),
) -> None:
    """Made-up people on made-up networks, with storms; the truth of each post is in its metadata."""
    seed = secrets.randbelow(2**32) if seed is None else seed
    told.print(f"seed {seed}")
    _feed(SimulatedFeed(seed, rate=rate, count=count), None, home)


@feed_app.command("stdin")
def feed_stdin(
    text: Annotated[bool, typer.Option("--text", help="A line is a post's text, not the JSON of a RawPost.")] = False,
    source: Annotated[str, typer.Option(metavar="NAME", help="Source of the posts that name none.")] = "stdin",
    rate: Annotated[float, typer.Option(min=0, help="Posts a second at most; 0: as fast as they are taken.")] = 0,
    home: HomeOption = Path(".barometer"),
) -> None:
    """Posts from standard input, one a line."""
    _feed(StdinFeed(sys.stdin.buffer, source=source, text=text), rate or None, home)


def _feed(feed: Feed, most: float | None, home: Path) -> None:
    async def running() -> Tally:
        stop = asyncio.Event()
        writer = Writer(target, stop, grace=GRACE_SECONDS, waiting=_tell)
        with stopped_by_signals(stop):
            return await run(feed, writer, stop, retention=target.retention, most=most)

    enter(home)
    target = raw(load(Settings))
    tally = asyncio.run(running())
    out.print(f"{tally.accepted:,} posts accepted, {tally.rejected:,} rejected")


def _tell(why: str) -> None:
    told.print(f"waiting: {why}" if why else "going on")


def analyze(
    text: Annotated[str, typer.Argument(help="What to score; - reads standard input, a text a line.")],
    as_json: JsonOption = False,
) -> None:
    """Score a text here and now; needs no server, stores nothing."""
    settings = load(Settings)
    texts = (line.rstrip("\n") for line in sys.stdin if line.strip()) if text == "-" else iter([text])
    for analysis in analysed(texts, settings):
        if as_json:
            sys.stdout.write(orjson.dumps(analysis.as_json()).decode() + "\n")
        else:
            out.print(shown(analysis))

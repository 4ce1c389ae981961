# ruff: noqa: PLC0415 (what only one command needs is imported when that is called, so that the others are quick)
"""The commands that bring posts in, or look at what is said: ``replay``, ``feed``, ``analyze``.

``infra.local.cli`` registers them; a ``BarometerError`` is its to show.
"""

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from infra.feeds.source import Feed

HomeOption = Annotated[Path, typer.Option(envvar="BAROMETER_HOME", help="The folder of the running Barometer.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Write JSON for programs instead of text for people.")]
DEFAULT_HOME = Path(".barometer")

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
    source: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Source of the posts that name none.", show_default="the file's name"),
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="From the beginning, as new posts.")] = False,
    rejects: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Append the rows that are no posts to this JSONL file.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Return when every post is stored, and show the books.")] = False,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Send the posts of a file; when stopped, run it again to go on.

    JSONL: one RawPost a line. CSV and TSV: a header naming fields of RawPost, label or metadata.NAME.
    A TSV may instead have lines of label<TAB>text and no header.
    """
    import orjson
    from rich.console import Console

    from infra.feeds.home import enter
    from infra.feeds.replay.command import replay_file
    from infra.feeds.replay.job import Options
    from infra.feeds.target import raw

    folder, target = enter(home).root / "replay", raw()
    options = Options(rate=rate or None, now=now, source=source, again=again, rejects=rejects)
    screen = Console(stderr=True, highlight=False)
    outcome = asyncio.run(replay_file(file, target, folder, options, wait=wait, screen=screen))
    if as_json:
        typer.echo(orjson.dumps(outcome.as_json(), option=orjson.OPT_INDENT_2))
    else:
        outcome.show(Console(soft_wrap=True, highlight=False))
    raise typer.Exit(outcome.exit_code)


@feed_app.command("simulate")
def feed_simulate(
    *,
    rate: Annotated[float, typer.Option(min=0.01, max=10_000, help="Mean posts a second.")] = 5,
    seed: Annotated[
        int | None, typer.Option(help="The same seed writes the same posts.", show_default="drawn and told")
    ] = None,
    count: Annotated[int | None, typer.Option(min=1, help="Stop after so many posts.")] = None,
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Made-up people on made-up networks, with storms; the truth of each post is in its metadata."""
    import secrets

    from infra.feeds.simulate import SimulatedFeed

    seed = secrets.randbelow(2**32) if seed is None else seed
    typer.echo(f"seed {seed}", err=True)
    _run(SimulatedFeed(seed, rate=rate, count=count), None, home)


@feed_app.command("stdin")
def feed_stdin(
    *,
    text: Annotated[bool, typer.Option("--text", help="A line is a post's text, not the JSON of a RawPost.")] = False,
    source: Annotated[str, typer.Option(metavar="NAME", help="Source of the posts that name none.")] = "stdin",
    rate: Annotated[float, typer.Option(min=0, help="Posts a second at most; 0: as fast as they are taken.")] = 0,
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Posts from standard input, one a line."""
    from infra.feeds.stdin import StdinFeed

    _run(StdinFeed(source=source, text=text), rate or None, home)


def _run(feed: "Feed", most: float | None, home: Path) -> None:
    from infra.feeds.home import enter
    from infra.feeds.live import run_until_stopped
    from infra.feeds.target import raw

    def tell(why: str) -> None:
        typer.echo(f"waiting: {why}" if why else "going on", err=True)

    enter(home)
    tally = asyncio.run(run_until_stopped(feed, raw(), most=most, waiting=tell))
    left = f", {tally.left:,} not taken before the end" if tally.left else ""
    typer.echo(f"{tally.accepted:,} posts accepted, {tally.rejected:,} rejected{left}")


def analyze(
    text: Annotated[str, typer.Argument(help="What to score; - reads standard input, a text a line.")],
    *,
    model: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="local, transformers, llm, linear or vader.", show_default="BAROMETER_MODEL"),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Score a text here and now; needs no server, stores nothing."""
    import orjson
    from rich.console import Console

    from barometer.settings import settings
    from infra.feeds.analysis import analysed, shown
    from infra.feeds.models import chain

    out, told = Console(soft_wrap=True, highlight=False), set[str]()
    texts = (line for line in sys.stdin if line.strip()) if text == "-" else iter([text])
    for analysis in analysed(texts, chain(settings(), model), settings().default_language):
        if analysis.score.model and analysis.because not in {"", *told}:
            told.add(analysis.because)
            typer.echo(f"by {analysis.score.model}, since {analysis.because}", err=True)
        if as_json:
            typer.echo(orjson.dumps(analysis.as_json()))
        else:
            out.print(shown(analysis))

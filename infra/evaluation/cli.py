# ruff: noqa: PLC0415 (what only this command needs is imported when it is called, so that the others are quick)
"""The command ``eval``: how right a model is on a file whose labels people have told."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("eval")(evaluate)


def evaluate(
    file: Annotated[Path, typer.Argument(metavar="FILE.{tsv,csv,jsonl}", exists=True, dir_okay=False, readable=True)],
    *,
    task: Annotated[Literal["sentiment", "emotion"], typer.Option(help="What its labels tell.")],
    model: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="local, transformers, llm, linear, vader or textblob.", show_default="BAROMETER_MODEL"
        ),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first so many rows that can be measured.")] = None,
    maps: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="LABEL=LABEL,...",
            help="What other labels stand for (love=joy); those that stand for nothing (shame=) are left out.",
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Write JSON for programs instead of text for people.")
    ] = False,
) -> None:
    """Measure a model on a file of label<TAB>text: recall, F1, calibration, speed.

    Every text is given to the model that is named, whatever its language, and to no other. Rows with several labels
    are left out and counted. A CSV, or a TSV with a header, has the columns label and text; JSONL has the same fields.
    """
    import orjson
    from rich.console import Console
    from rich.progress import Progress

    from barometer.settings import settings
    from infra.evaluation.labels import Labels
    from infra.evaluation.measure import measure
    from infra.evaluation.report import report
    from infra.feeds.models import one

    labels, config = Labels.of(task, maps or []), settings()
    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        bar = progress.add_task("scoring", total=None)
        outcome = measure(
            file,
            labels,
            lambda: one(config, model or config.model),
            limit=limit,
            moved=lambda done, of: progress.update(bar, completed=done, total=of),
        )
    if as_json:
        typer.echo(orjson.dumps(outcome.as_json(), option=orjson.OPT_INDENT_2))
        return
    out = Console(soft_wrap=True, highlight=False, markup=False)
    for part in report(outcome):
        out.print(part)

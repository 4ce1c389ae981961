"""An evaluation for people: three tables and a few lines."""

from collections.abc import Iterator
from typing import Literal

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table

from infra.evaluation.measure import Outcome


def report(outcome: Outcome) -> Iterator[RenderableType]:
    """What to print, in order."""
    figures = outcome.figures
    yield f"{outcome.model} on {outcome.file}, {outcome.task}: {outcome.texts:,} texts"
    for reason, count in sorted(outcome.skipped.items()):
        yield f"  and {count:,} not measured: {reason}"
    summary = (figures.macro_recall, figures.macro_f1, figures.accuracy, figures.expected_calibration_error)
    yield _table(
        ("macro recall", "macro F1", "accuracy", "calibration error", "posts a second"),
        [(*(f"{value:.4f}" for value in summary), f"{outcome.texts / outcome.score_seconds:,.0f}")],
        first="right",
    )
    yield _table(
        ("class", "precision", "recall", "F1", "texts"),
        [
            (one.label, f"{one.precision:.4f}", f"{one.recall:.4f}", f"{one.f1:.4f}", f"{one.texts:,}")
            for one in figures.classes
        ],
    )
    labels = [one.label for one in figures.classes]
    yield _table(
        ("true, then called", *labels),
        [(label, *(f"{count:,}" for count in row)) for label, row in zip(labels, figures.confusion, strict=True)],
    )
    yield (
        f"\n{outcome.wall_seconds:.1f} s in all ({outcome.texts / outcome.wall_seconds:,.0f} posts a second), of which"
        f" {outcome.load_seconds:.1f} s to load the model and {outcome.score_seconds:.1f} s to score"
    )


def _table(heads: tuple[str, ...], rows: list[tuple[str, ...]], first: Literal["left", "right"] = "left") -> Padding:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for at, head in enumerate(heads):
        table.add_column(head, justify="right" if at else first)
    for row in rows:
        table.add_row(*row)
    return Padding(table, (1, 0, 0, 0))

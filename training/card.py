"""The model card: what the model is, what it was made from, how right it is, and where not to trust it."""

from pathlib import Path
from typing import Any, Final

from barometer.analyzers import Analyzer
from barometer.analyzers.encoder import EncoderAnalyzer
from barometer.analyzers.linear import LinearAnalyzer
from training.corpus import SOURCES, VALIDATION

_TEMPLATE: Final = Path(__file__).with_name("card.md")


def judges(model: Path) -> tuple[Analyzer, Analyzer]:
    """The shipped encoder and the linear model, as the pipeline loads them."""
    return EncoderAnalyzer(model), LinearAnalyzer(model / "linear.npz")


def written(name: str, figures: dict[str, Any], model: Path) -> str:
    """The card, from the figures of ``training.figures``."""
    recipe, shipped = figures["recipe"], figures["int8"]
    sizes = {path.name: path.stat().st_size for path in sorted(model.iterdir()) if path.suffix in {".onnx", ".npz"}}
    return _TEMPLATE.read_text(encoding="utf-8").format(
        name=name,
        layers=len(recipe["kept"]),
        teacher_seeds=_list(recipe["teachers"]),
        teacher_epochs=recipe["teacher_epochs"],
        shipped=figures["shipped"],
        student_seeds=_list(recipe["students"]),
        student_epochs=recipe["student_epochs"],
        files=", ".join(f"`{file}` {size / 1e6:.1f} MB" for file, size in sizes.items()),
        sentiment_rows=figures["rows"]["sentiment"],
        emotion_rows=figures["rows"]["emotion"],
        figures=_rows(figures),
        sentiment_spread=figures["spread"]["sentiment"],
        emotion_spread=figures["spread"]["emotion"],
        sentiment_classes=_classes(shipped, "sentiment"),
        emotion_classes=_classes(shipped, "emotion"),
        sentiment_ece=shipped["sentiment"]["ece"],
        emotion_ece=shipped["emotion"]["ece"],
        sources=_sources(),
        permissive=_permissive(figures.get("permissive")),
        gaps=_gaps(figures["bias"]),
    )


def _rows(figures: dict[str, Any]) -> str:
    students, shipped = dict(figures["students"]), figures["shipped"]
    table = {
        "**shipped, 8-bit**": figures["int8"],
        f"the same in 32-bit floats (student, {shipped})": students.pop(shipped),
        **{f"student, {name}": of for name, of in students.items()},
        **{f"teacher, {name}": of for name, of in figures["teachers"].items()},
        "`linear.npz`, distilled from the teachers": figures["linear"],
        "VADER": figures["vader"],
        "TextBlob": figures["textblob"],
    }
    if len(figures["teachers"]) > 1:
        table["the teachers together"] = figures["teachers together"]
    return "\n".join(
        f"| {name} | {_figure(of, 'sentiment')} | {_figure(of, 'emotion')} |" for name, of in table.items()
    )


def _figure(of: dict[str, Any], task: str) -> str:
    return f"{of[task]['figure']:.3f}" if task in of else "tells none"


def _permissive(of: dict[str, Any] | None) -> str:
    if of is None:
        return "has not been made with this version"
    return f"gives {_figure(of, 'sentiment')} macro recall and {_figure(of, 'emotion')} macro F1 on the same files"


def _classes(of: dict[str, Any], task: str) -> str:
    rows = [
        f"| {one['label']} | {one['precision']:.3f} | {one['recall']:.3f} | {one['f1']:.3f} | {one['texts']:,} |"
        for one in of[task]["classes"]
    ]
    return "\n".join([f"| {task} | precision | recall | F1 | texts |", "|---|---|---|---|---|", *rows])


def _sources() -> str:
    rows = [f"| `{source.file}` | {source.task} | {source.terms} |" for source in SOURCES]
    rows += [
        f"| `{source.file}` (to choose by, not to learn from) | {source.task} | {source.terms} |"
        for source in VALIDATION
    ]
    return "\n".join(rows)


def _gaps(gaps: list[dict[str, Any]]) -> str:
    return "\n".join(
        f"| {gap['kind']} | {gap['widest']:.3f} | {', '.join(f'{k} {v:+.3f}' for k, v in gap['scores'].items())} |"
        for gap in gaps
    )


def _list(values: list[int] | tuple[int, ...]) -> str:
    return ", ".join(map(str, values))

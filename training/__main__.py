"""``python -m training``: from labelled files to the model that is shipped.

Promises: the same data and seeds give the same recipe of work; it may be stopped at any moment and goes on where it
was; the model folder changes only at the end, when everything else is done.
"""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from barometer.errors import BarometerError
from training import card
from training.distil import Run
from training.export import export
from training.figures import Validation, baselines, gaps, spread, worth
from training.linear import calibrated, fit_linear
from training.recipe import Recipe

NAME = "barometer-en-1"
LINEAR = "linear.npz"


def main() -> int:
    """Run what is left of the recipe."""
    arguments = _arguments()
    try:
        make(arguments.data, arguments.out, arguments.model, arguments.device, permissive=arguments.permissive)
    except BarometerError as error:
        print(f"training: {error}", file=sys.stderr)  # noqa: T201 (a command's own words)
        return 2
    return 0


def make(
    data: Path, out: Path, model: Path, device: str, recipe: Recipe | None = None, *, permissive: bool = True
) -> None:
    """Teach, distil, calibrate, export, measure, and write the card.

    Args:
        data: folder of the labelled files.
        out: where networks and checkpoints lie.
        model: where the model is written.
        device: cpu or cuda.
        recipe: without one, the shipped one, or its longer form where there is an accelerator.
        permissive: whether to learn the student of the free files too, whose figures the card tells.
    """
    recipe = recipe or (Recipe() if device == "cpu" else Recipe().for_accelerator())
    validation = Validation(data)
    run = Run(recipe, data, out, device)
    teachers = {f"seed {seed}": run.teacher(seed) for seed in recipe.teachers}
    students = {f"seed {seed}": run.student(seed) for seed in recipe.students}
    figures: dict[str, Any] = {
        "recipe": asdict(recipe),
        "rows": {task: len(rows) for task, rows in validation.examples.items()},
        "teachers": {name: validation.of_networks(run, teacher) for name, teacher in teachers.items()},
        "teachers together": validation.of_networks(run, *teachers.values()),
        "students": {name: validation.of_networks(run, student) for name, student in students.items()},
        **baselines(validation),
    }
    figures["spread"] = spread(figures["students"])
    if permissive:
        free = Run(recipe.permissive(), data, out / "permissive", device)
        figures["permissive"] = validation.of_networks(free, free.student(free.recipe.students[0]))
    best = max(students, key=lambda name: worth(figures["students"][name]))
    heads = validation.calibrated(validation.logits(run, [students[best]]))
    texts = [example.text for example in run.examples]
    export(students[best], model, texts=texts, name=NAME, calibration=heads)
    rough = fit_linear(texts, run.soft, model / LINEAR)
    said = {task: rough.logits([row.raw for row in rows]) for task, rows in validation.examples.items()}
    calibrated(rough, validation.calibrated(said)).save(model / LINEAR)
    shipped, linear = card.judges(model)
    figures |= {
        "shipped": best,
        "int8": validation.of_analyzer(shipped),
        "linear": validation.of_analyzer(linear),
        "bias": gaps(shipped),
    }
    (model / "figures.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    (model / "README.md").write_text(card.written(NAME, figures, model), encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="training", description="make the model that Barometer ships")
    parser.add_argument("--data", type=Path, required=True, help="folder of the labelled files")
    parser.add_argument("--out", type=Path, default=Path("build/training"), help="where networks and checkpoints lie")
    parser.add_argument("--model", type=Path, default=Path("layers/model"), help="where the model is written")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu", help="cpu or cuda")
    parser.add_argument(
        "--permissive",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="also learn a student from the freely licensed files alone, for the card",
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

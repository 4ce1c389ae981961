# ruff: noqa: PLC0415 (what only one command needs is imported when that is called, so that the others are quick)
"""The command ``barometer``: what goes wrong is one sentence on stderr, and exit code 1.

Other parts of the house bring their own commands (``infra.local.dead_cli``, ``infra.feeds.cli``,
``infra.evaluation.cli``).
"""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from barometer.errors import BarometerError
from infra.evaluation import cli as evaluation
from infra.feeds import cli as feeds
from infra.local import dead_cli as dead
from infra.local.home import Home

HomeOption = Annotated[Path, typer.Option(envvar="BAROMETER_HOME", help="The folder that everything lives in.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Write JSON for programs instead of text for people.")]
DEFAULT_HOME = Path(".barometer")

app = typer.Typer(
    help="Barometer reads social posts as they are written, and shows how the mood turns.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.command()
def up(
    *,
    detach: Annotated[bool, typer.Option("--detach", help="Return when it is ready; stop it with down.")] = False,
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port of the front door; 0: any free one.")] = 8000,
    home: HomeOption = DEFAULT_HOME,
    feed: Annotated[str, typer.Option(metavar="simulate|none", help="The feed to run.")] = "simulate",
    pollers: Annotated[int, typer.Option(min=1, max=16, help="How many pollers share the work.")] = 1,
    template: Annotated[
        Path | None, typer.Option(dir_okay=False, help="What to deploy.", show_default="template.yaml")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Start Barometer on this machine; print the address with a sign-in key when it is ready."""
    from infra.local.report import JsonReport, Report
    from infra.local.template import TEMPLATE
    from infra.local.up import Options
    from infra.local.up import up as run

    options = Options(Home.at(home), port, feed, (template or TEMPLATE).resolve(), pollers)
    report = JsonReport() if as_json else Report()
    if detach:
        from infra.local.detach import detached

        detached(options, report)
    else:
        run(options, report)


@app.command()
def down(*, home: HomeOption = DEFAULT_HOME) -> None:
    """Stop the Barometer of a home, whoever started it; also what is left of one that was killed."""
    from infra.local.down import down as stop

    typer.echo(stop(Home.at(home)))


@app.command()
def status(*, home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """Show what runs in a home; exit code 1 if not everything does."""
    from infra.local.status import look

    found = look(Home.at(home))
    typer.echo(found.model_dump_json(indent=2) if as_json else found.as_text())
    raise typer.Exit(0 if found.healthy else 1)


@app.command()
def doctor(
    *,
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port that the front door would take.")] = 8000,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Check whether this machine can run Barometer, and say what is missing; exit code 1 if anything is."""
    from infra.local.doctor import examine

    findings = examine(Home.at(home), port)
    if as_json:
        typer.echo(json.dumps([finding.as_json() for finding in findings], indent=2))
    else:
        for finding in findings:
            typer.echo(str(finding))
    raise typer.Exit(0 if all(finding.good for finding in findings) else 1)


@app.command()
def audit(*, home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """Check that the books balance and that the rollups are what a recount gives; exit code 1 if not."""
    from infra.local.audit_command import as_text, run

    outcome = run(Home.at(home))
    typer.echo(json.dumps(outcome.as_json(), indent=2) if as_json else as_text(outcome))
    raise typer.Exit(0 if outcome.balanced else 1)


dead.register(app)
feeds.register(app)
evaluation.register(app)


def main() -> None:
    """The entry point of ``barometer``."""
    try:
        app()
    except BarometerError as error:
        # Servers answer in several lines; ours is one.
        sys.stderr.write(f"barometer: {' '.join(str(error).split())}\n")
        sys.exit(1)
    except OSError as error:
        sys.stderr.write(f"barometer: {error.strerror or error}{f': {error.filename}' if error.filename else ''}\n")
        sys.exit(1)
    except ImportError as error:
        sys.stderr.write(f"barometer: a Python package is missing or broken ({error}): run make clean setup\n")
        sys.exit(1)


if __name__ == "__main__":
    main()

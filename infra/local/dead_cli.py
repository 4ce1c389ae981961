# ruff: noqa: PLC0415 (what only one command needs is imported when that is called, so that the others are quick)
"""The commands ``barometer dead list|show|redrive``. ``infra.local.cli`` registers them, and shows what goes wrong."""

import json
from typing import Annotated, Literal

import typer

from infra.feeds.cli import DEFAULT_HOME, HomeOption, JsonOption

KindOption = Annotated[
    Literal["rejected", "dead"] | None,
    typer.Option(help="Only those that were rejected, or that spent their attempts or age."),
]
PipeOption = Annotated[str | None, typer.Option(metavar="NAME", help="Only those that died in this pipe.")]

dead_app = typer.Typer(no_args_is_help=True, help="Look at the dead letters, and send them again.")


def register(app: typer.Typer) -> None:
    """Add these commands to ``app``."""
    app.add_typer(dead_app, name="dead")


@dead_app.command("list")
def dead_list(
    *,
    kind: KindOption = None,
    pipe: PipeOption = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="Most letters to show.")] = 20,
    cursor: Annotated[str | None, typer.Option(metavar="ID", help="Go on behind this one.")] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """List dead letters, those that died last first."""
    from barometer.stores.letters import LetterId, Wanted
    from infra.local.dead import listed, office

    place = None if cursor is None else LetterId.parse(cursor, "--cursor")
    with office(home) as letters:
        page = letters.page(Wanted(kind, pipe), limit, place)
    if as_json:
        items = [letter.as_public() for letter in page.items]
        typer.echo(json.dumps({"items": items, "next_cursor": page.next_cursor and str(page.next_cursor)}, indent=2))
    else:
        typer.echo(listed(page))


@dead_app.command("show")
def dead_show(
    letter: Annotated[str, typer.Argument(metavar="ID", help="As list shows it.")],
    *,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Show a dead letter: the record, where it died and why."""
    from barometer.stores.letters import LetterId
    from infra.local.dead import office, shown

    letter_id = LetterId.parse(letter)
    with office(home) as letters:
        found = letters.get(letter_id)
    typer.echo(json.dumps(found.as_public(), indent=2) if as_json else shown(found))


@dead_app.command("redrive")
def dead_redrive(
    ids: Annotated[list[str] | None, typer.Argument(metavar="ID", help="As list shows them.")] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Every letter, or every one of --kind and --pipe.")] = False,
    kind: KindOption = None,
    pipe: PipeOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Send dead letters again, to the stream they died in; exit code 1 if one of them had to stay or was not there.

    Age and attempts start anew. It may be stopped and run again at any moment: no letter is lost, none is sent twice.
    """
    from barometer.stores.letters import LetterId, Wanted
    from infra.local.dead import office

    if everything == bool(ids):
        raise typer.BadParameter("name the letters to send again, or say --all")
    if ids and (kind or pipe):
        raise typer.BadParameter("--kind and --pipe go with --all")
    named = [LetterId.parse(one) for one in ids or ()]
    with office(home) as letters:
        if everything:
            outcome = letters.redrive_all(Wanted(kind, pipe), lambda why: typer.echo(why, err=True))
        else:
            outcome = letters.redrive(named)
    typer.echo(json.dumps(outcome.as_json(), indent=2) if as_json else outcome.as_text())
    raise typer.Exit(0 if outcome.done else 1)

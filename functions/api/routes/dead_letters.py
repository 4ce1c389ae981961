"""Dead letters: what could not be processed, and sending it again."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from barometer.stores import letters
from barometer.stores.deployment import deployment
from barometer.stores.letters import LetterId
from barometer.stores.redrive import RETRY_AFTER_SECONDS, Sweep, redrive, sweep
from functions.api.bodies import JsonRoute
from functions.api.deps import Admin, RedisDep, SettingsDep
from functions.api.models.dead_letters import DeadLetter, DeadLetterPage, DeadLetterQuery, RedriveIn, Redriven, Refused

router = APIRouter(prefix="/api/dead-letters", tags=["dead letters"], route_class=JsonRoute)
# What one call of `all` takes on: well within the function's timeout, and an answer of moderate size.
MOST_LETTERS = 2_000
MOST_SECONDS = 10.0
LETTER_ID = r"^[0-9]{1,4}-[0-9]{1,20}-[0-9]{1,20}$"


@router.get("")
async def list_dead_letters(
    _: Admin, wanted: Annotated[DeadLetterQuery, Query()], client: RedisDep, config: SettingsDep
) -> DeadLetterPage:
    """Dead letters, those that died last first, with their texts cut short."""
    page = letters.page(
        client,
        config.partitions,
        wanted.wanted(),
        limit=wanted.limit,
        cursor=wanted.behind(),
        bytes_each=letters.MOST_BYTES_LISTED,
    )
    return DeadLetterPage(
        items=[DeadLetter.model_validate(letter.as_public()) for letter in page.items],
        next_cursor=None if page.next_cursor is None else str(page.next_cursor),
    )


@router.get("/{id}")
async def get_dead_letter(
    _: Admin, letter_id: Annotated[str, Path(alias="id", pattern=LETTER_ID)], client: RedisDep, config: SettingsDep
) -> DeadLetter:
    """One dead letter, whole."""
    return DeadLetter.model_validate(letters.get(client, config.partitions, LetterId.parse(letter_id)).as_public())


@router.post("/redrive")
async def redrive_dead_letters(_: Admin, body: RedriveIn, client: RedisDep, config: SettingsDep) -> Redriven:
    """Send dead letters again, each to the stream it died in, with age and attempts anew.

    No letter is lost or sent twice, whoever else calls and whatever is killed. A full stream takes none: what has no
    room stays a letter. `all` goes from the newest to the oldest; call again with `next_cursor` until it is null.
    """
    pipes = deployment(config.pipes_parameter)
    if body.all:
        step = sweep(
            client,
            pipes,
            config.partitions,
            body.wanted(),
            cursor=body.behind(),
            most=MOST_LETTERS,
            seconds=MOST_SECONDS,
        )
    else:
        step = Sweep(redrive(client, pipes, config.partitions, body.letters()), None, done=True)
    did = step.redriven
    return Redriven(
        redriven=len(did.sent),
        missing=[str(one) for one in did.missing],
        refused=[Refused(id=str(one.id), reason=one.reason) for one in did.refused],
        remaining=letters.lying(client, config.partitions),
        next_cursor=None if step.next_cursor is None else str(step.next_cursor),
        retry_after=RETRY_AFTER_SECONDS if step.held_up or did.is_held_up else None,
    )

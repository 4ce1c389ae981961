"""Promise 2, shown: what was accepted and what became of it, stage by stage."""

from dataclasses import asdict

from fastapi import APIRouter

from barometer.stores import models, streams
from barometer.stores.deployment import deployment
from functions.api.deps import Reader, RedisDep, SettingsDep
from functions.api.models.operations import ModelInUse, Pipe, Pipeline, ScoredBy, Stage

router = APIRouter(prefix="/api/pipeline", tags=["pipeline"])


@router.get("")
async def get_pipeline(_: Reader, client: RedisDep, config: SettingsDep) -> Pipeline:
    """The books. They are read at one instant, so they balance while posts are under way; `balanced` says whether."""
    books = streams.books(client, config.partitions)
    pipes = streams.pipes(client, deployment(config.pipes_parameter), config.partitions)
    return Pipeline(
        accepted=books.accepted,
        stored=books.stored,
        duplicates=books.duplicates,
        rejected=books.rejected,
        dead=books.dead,
        in_flight=books.in_flight,
        balanced=books.missing == 0,
        streams={name: Stage(length=state.length, oldest_ms=state.oldest_ms) for name, state in books.streams.items()},
        pipes=[Pipe(**asdict(pipe)) for pipe in pipes],
        model=ModelInUse.of(models.in_use(client)),
        scored_by=[
            ScoredBy(model=used.model, because=used.because or None, posts=posts)
            for used, posts in models.counts(client).most_common()
        ],
    )

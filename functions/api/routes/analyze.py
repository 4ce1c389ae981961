"""Scores for texts, now, by the function that scores posts; nothing is stored."""

from fastapi import APIRouter

from barometer.errors import InvalidInputError
from barometer.posts import public_distribution
from barometer.scores import EMOTIONS, SENTIMENTS
from functions.api.bodies import JsonRoute
from functions.api.deps import Database, Reader, SettingsDep
from functions.api.models.posts import Analysis, AnalyzeIn
from functions.api.scoring import scores

router = APIRouter(prefix="/api/analyze", tags=["analyze"], route_class=JsonRoute)

# The slowest analyzer takes a second for the worst 10,000 characters; a request has 29.
MAX_CHARACTERS = 100_000


@router.post("")
async def analyze(_: Reader, connection: Database, body: AnalyzeIn, config: SettingsDep) -> Analysis:
    """Score up to 100 texts, of 100,000 characters in all, as posts would be.

    A language that no model reads gets null, as a post in it would.
    """
    characters = sum(map(len, body.texts))
    if characters > MAX_CHARACTERS:
        raise InvalidInputError("texts", f"have {characters:,} characters in all; the most is {MAX_CHARACTERS:,}")
    # Whoever asks is known by now; no transaction stays open while a model thinks.
    connection.commit()
    language = (body.lang or config.default_language).lower().replace("_", "-").partition("-")[0]
    return Analysis.model_validate(
        {
            "items": [
                {
                    "sentiment": public_distribution(score.sentiment, SENTIMENTS),
                    "emotion": public_distribution(score.emotion, EMOTIONS),
                    "model": score.model,
                }
                for score in scores(config.infer_function, body.texts, language)
            ]
        }
    )

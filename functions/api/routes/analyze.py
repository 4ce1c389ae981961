"""Scores for texts, now; nothing is stored."""

from fastapi import APIRouter

from barometer.analyzers import analyzer, reads
from barometer.errors import InvalidInputError
from barometer.posts import public_distribution
from barometer.scores import EMOTIONS, SENTIMENTS, UNSCORED
from functions.api.bodies import JsonRoute
from functions.api.deps import Reader, SettingsDep
from functions.api.models.posts import Analysis, AnalyzeIn

router = APIRouter(prefix="/api/analyze", tags=["analyze"], route_class=JsonRoute)


# The lexicon takes a second for the worst 10,000 characters; a request has 29.
MAX_CHARACTERS = 100_000


@router.post("")
async def analyze(_: Reader, body: AnalyzeIn, config: SettingsDep) -> Analysis:
    """Score up to 100 texts, of 100,000 characters in all.

    A language that the model does not read gets null, as a post in it would.
    """
    characters = sum(map(len, body.texts))
    if characters > MAX_CHARACTERS:
        raise InvalidInputError("texts", f"have {characters:,} characters in all; the most is {MAX_CHARACTERS:,}")
    model = analyzer(config.model)
    language = (body.lang or config.default_language).lower().replace("_", "-").partition("-")[0]
    read = reads(model, language)
    scores = model.analyze(body.texts) if read else [UNSCORED] * len(body.texts)
    return Analysis.model_validate(
        {
            "items": [
                {
                    "sentiment": public_distribution(score.sentiment, SENTIMENTS),
                    "emotion": public_distribution(score.emotion, EMOTIONS),
                    "model": score.model,
                }
                for score in scores
            ]
        }
    )

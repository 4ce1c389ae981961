"""The function infer with BAROMETER_MODEL=transformers: a real process that gets its checkpoints from a Hub."""

from pathlib import Path

import pytest

from tests.checkpoints import HARTMANN, SST2, distilbert, roberta
from tests.hub import hub
from tests.integration.lambdas import function, lambda_service
from tests.scored import example

pytest.importorskip("torch", reason="torch is not installed (scripts/torch); it runs the checkpoints")
pytest.importorskip("transformers", reason="transformers is not installed (the extra `hub`); it loads the checkpoints")


async def test_a_post_is_scored_by_checkpoints_that_the_process_downloads(tmp_path: Path, redis_url: str):
    mood = distilbert(tmp_path / "mood", SST2, winner="NEGATIVE")
    feeling = roberta(tmp_path / "feeling", HARTMANN, winner="disgust")
    with hub({"someone/mood": mood, "someone/feeling": feeling}) as running:
        variables = {
            "BAROMETER_REDIS_URL": redis_url,
            "BAROMETER_MODEL": "transformers",
            "BAROMETER_SENTIMENT_CHECKPOINT": "someone/mood",
            "BAROMETER_EMOTION_CHECKPOINT": "someone/feeling",
            "HF_ENDPOINT": running.url,
            "HF_HOME": str(tmp_path / "cache"),
            "POWERTOOLS_TRACE_DISABLED": "true",
        }
        infer = function("functions.infer.app.handler", name="infer", variables=variables, memory=3_008, timeout=60)
        async with lambda_service(tmp_path, infer) as lab:
            reply = await lab.call("infer", example("infer"), LogType="Tail")
            assert reply.error is None, reply.body
    scores = [record["body"]["score"] for record in reply.body["records"]]
    assert [(score["sentiment"] or {}).get("label") for score in scores] == ["negative", None]
    assert [(score["emotion"] or {}).get("label") for score in scores] == ["disgust", None]
    assert scores[0]["model"].startswith("transformers:someone/mood@")

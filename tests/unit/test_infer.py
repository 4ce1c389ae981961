"""Clean posts get their scores; what cannot be scored harms nobody else."""

import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import orjson
import pytest

from barometer.analyzers import Analyzer
from barometer.analyzers.chain import Chain, Used
from barometer.analyzers.links import Link, links_for
from barometer.errors import UnavailableError
from barometer.events import BatchResult, Response, StreamEvent
from barometer.posts import Post
from barometer.scores import Distribution, Score
from barometer.steps import infer as step
from barometer.steps.infer import Usage

POST = Post(
    id="2828553c-8186-5b0e-ab3a-7ca5613b391a",
    receipt="r",
    text="I love this tram",
    source="test",
    source_id="7",
    author=None,
    created_at="2025-11-22T12:00:00+00:00",
    received_at="2025-11-22T12:00:00+00:00",
    url=None,
    lang="en",
    topics=["transit"],
    metadata={"likes": 3},
)
GLAD = Score(Distribution("positive", (10_000, 0, 0)), None, "counting")


class Counting:
    """An analyzer that remembers what it was asked, and fails on any batch with ``poison`` in it."""

    name = "counting"
    languages = frozenset({"en"})

    def __init__(self) -> None:
        self.calls: list[list[str]] = []

    def analyze(self, texts: Sequence[str]) -> list[Score]:
        self.calls.append(list(texts))
        if any("poison" in text for text in texts):
            raise RuntimeError("cannot read this")
        return [GLAD] * len(texts)


def chain(*models: Analyzer) -> Chain:
    return Chain([Link(model.name, lambda model=model: model, languages=model.languages) for model in models])  # type: ignore[misc]


def infer(event: StreamEvent, model: Analyzer) -> BatchResult:
    return step.infer(event, chain(model))[0]


def usage(event: StreamEvent, *models: Analyzer, overload_after_seconds: int = 0) -> Usage:
    return step.infer(event, chain(*models), overload_after_seconds=overload_after_seconds)[1]


def event(*bodies: Post | str, sent_ms: int = 1_763_812_800_000) -> StreamEvent:
    records = [
        {
            "messageId": f"{number}-0",
            "body": body if isinstance(body, str) else orjson.dumps(body).decode(),
            "stream": "posts",
            "attributes": {"SentTimestamp": str(sent_ms)},
        }
        for number, body in enumerate(bodies)
    ]
    return StreamEvent.model_validate({"Records": records})


def scores(response: Response) -> dict[str, Any]:
    return {record["from"]: record["body"]["score"] for record in response["records"]}


def test_a_post_goes_on_unchanged_with_what_the_model_said():
    (record,) = step.infer(event(POST), Chain(links_for("vader", None)))[0].as_response()["records"]
    assert (record["from"], record["to"]) == ("0-0", "scored")
    assert record["body"]["post"] == asdict(POST)
    assert record["body"]["score"]["sentiment"]["label"] == "positive"
    assert record["body"]["score"]["emotion"] is None
    assert record["body"]["score"]["model"] == "vader"


def test_a_text_that_posts_share_is_scored_once():
    model = Counting()
    response = infer(event(POST, replace(POST, text="other"), replace(POST, id="copy")), model).as_response()
    assert model.calls == [["I love this tram", "other"]]
    assert len(scores(response)) == 3


@pytest.mark.parametrize("lang", ["de", "zh", None])
def test_a_language_that_the_model_does_not_read_goes_on_unscored(lang: str | None):
    model = Counting()
    response = infer(event(replace(POST, lang=lang), POST), model).as_response()
    assert scores(response)["0-0"] == {"sentiment": None, "emotion": None, "model": None}
    assert scores(response)["1-0"]["model"] == "counting"


def test_a_batch_of_other_languages_never_wakes_the_model():
    model = Counting()
    infer(event(replace(POST, lang="de")), model)
    assert model.calls == []


@pytest.mark.parametrize("poisoned", [{0}, {6}, {3, 4}, set(range(7))])
def test_a_text_that_the_model_fails_on_fails_alone(poisoned: set[int]):
    posts = [replace(POST, text=f"{'poison' if number in poisoned else 'fine'} {number}") for number in range(7)]
    response = infer(event(*posts), Counting()).as_response()
    assert response["batchItemFailures"] == [{"itemIdentifier": f"{number}-0"} for number in sorted(poisoned)]
    assert sorted(scores(response)) == [f"{number}-0" for number in range(7) if number not in poisoned]


def test_one_bad_text_among_many_is_found_in_few_calls():
    model = Counting()
    infer(event(*(replace(POST, text=f"fine {number}") for number in range(127)), replace(POST, text="poison")), model)
    assert len(model.calls) == 1 + 2 * 7


def test_a_model_that_is_away_raises_so_that_no_post_is_blamed_for_it():
    class Away(Counting):
        def analyze(self, texts: Sequence[str]) -> list[Score]:
            self.calls.append(list(texts))
            raise UnavailableError("the model does not answer")

    model = Away()
    with pytest.raises(UnavailableError):
        infer(event(POST, replace(POST, text="another")), model)
    assert len(model.calls) == 1


def test_a_model_that_answers_with_too_few_scores_fails_its_posts():
    class Short(Counting):
        def analyze(self, texts: Sequence[str]) -> list[Score]:
            return super().analyze(texts)[1:]

    response = infer(event(POST, replace(POST, text="other")), Short()).as_response()
    assert len(response["batchItemFailures"]) == 2


@pytest.mark.parametrize(
    "body", ["{", "[]", "{}", orjson.dumps(asdict(POST) | {"text": 5}).decode(), orjson.dumps({"id": "x"}).decode()]
)
def test_what_is_no_post_is_rejected_with_its_reason_and_harms_no_other(body: str):
    response = infer(event(POST, body), Counting()).as_response()
    (rejection,) = response["rejections"]
    assert rejection["itemIdentifier"] == "1-0"
    assert rejection["reason"]
    assert list(scores(response)) == ["0-0"]


def test_posts_are_counted_by_what_scored_them_and_why():
    class Last(Counting):
        name = "last"

        def analyze(self, texts: Sequence[str]) -> list[Score]:
            return [replace(GLAD, model="last") for _ in texts]

    batch = event(POST, POST, replace(POST, text="poison"), replace(POST, lang="de"))
    told = usage(batch, Counting(), Last())
    assert told.counts == {
        Used("counting", ""): 2,
        Used("last", "counting: failed on the text"): 1,
        Used(None, "no model reads the language"): 1,
    }
    assert told.leading == Used("counting", ""), "what most English posts got; German is none of the model's"
    assert told.metrics == {"Recalled": 0, "Fallback": 1, "Unscored": 1}


def test_a_batch_without_a_post_that_the_model_reads_tells_nothing_of_what_is_in_use():
    assert usage(event(replace(POST, lang="de")), Counting()).leading is None


def test_posts_that_have_waited_too_long_are_scored_by_the_fast_model_and_say_so():
    class Fast(Counting):
        name = "linear"

        def analyze(self, texts: Sequence[str]) -> list[Score]:
            return [replace(GLAD, model="linear-en-1") for _ in texts]

    now = time.time_ns() // 1_000_000
    late, fresh = event(POST, sent_ms=now - 31_000), event(POST, sent_ms=now - 20_000)
    overloaded = Used("linear-en-1 (overload)", "overloaded")
    assert usage(late, Counting(), Fast(), overload_after_seconds=30).counts == {overloaded: 1}
    assert usage(fresh, Counting(), Fast(), overload_after_seconds=30).counts == {Used("counting", ""): 1}
    assert usage(late, Counting(), Fast()).counts == {Used("counting", ""): 1}

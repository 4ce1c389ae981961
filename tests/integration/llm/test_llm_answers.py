"""Each provider's SDK, really run: what is asked, what is taken, what is asked again."""

import json
from typing import Any

import pytest

from barometer.analyzers import UnscorableError
from barometer.scores import EMOTIONS
from tests.integration.llm.conftest import Make, Purse
from tests.integration.llm.provider import KEY, Day, FakeProvider, Scores, document, form_of, score, sober

TEXTS = ["das war gut", "das war schlecht", "das war", "so gut 👍🏽 wie nie"]
LABELS = ["positive", "negative", "neutral", "positive"]


def labels(scores: Any) -> list[str]:
    return [score.sentiment.label for score in scores]


def test_many_posts_are_one_request_and_each_gets_its_own_score(make: Make, fake: FakeProvider, provider: str):
    analyzer = make()
    scores = analyzer.analyze(TEXTS)
    assert labels(scores) == LABELS
    assert {score.model for score in scores} == {analyzer.name} == {f"llm:{provider}/m"}
    assert scores[0].emotion is not None
    assert scores[0].emotion.label == "neutral"
    assert sum(scores[0].emotion.shares) == 10_000
    assert len(fake.requests) == 1
    assert fake.keys == [KEY]
    assert analyzer.languages is None
    assert analyzer.unavailable_because is None


def test_posts_are_shared_out_over_requests(make: Make, fake: FakeProvider):
    texts = [f"das war {'gut' if number % 2 else 'schlecht'} nummer {number}" for number in range(23)]
    scores = make(llm_posts=10).analyze(texts)
    assert labels(scores) == ["positive" if number % 2 else "negative" for number in range(23)]
    assert sorted(map(len, fake.asked())) == [3, 10, 10]


def test_a_text_that_comes_twice_is_asked_about_once(make: Make, fake: FakeProvider):
    scores = make().analyze(["gut", "schlecht", "gut", "gut https://a.example", "gut https://b.example"])
    assert labels(scores) == ["positive", "negative", "positive", "positive", "positive"]
    assert sum(map(len, fake.asked())) == 3


def test_nothing_to_score_asks_nobody(make: Make, fake: FakeProvider):
    assert make().analyze([]) == []
    assert fake.requests == []


def test_names_of_people_do_not_leave(make: Make, fake: FakeProvider):
    make().analyze(["@anna.meier das war gut", "schlecht, @bob"])
    said = json.dumps(fake.requests)
    assert "anna" not in said
    assert "bob" not in said


@pytest.mark.parametrize(
    "text", ["", "   ", "\u200b\u2060", "ok", "日本語のとても長い文" * 900, "a\x00b\ud83d c", "💩" * 4_000]
)
def test_any_text_gets_a_score(make: Make, fake: FakeProvider, text: str):
    assert labels(make().analyze([text, "gut"])) == ["neutral", "positive"]
    assert all(len(said) <= 2_100 for asked in fake.asked() for said in asked)


def test_a_schema_is_asked_for_and_where_a_model_refuses_it_less_and_less(
    make: Make, fake: FakeProvider, provider: str
):
    forms = ["schema", "plain"] if provider == "anthropic" else ["strict", "schema", "object", "plain"]
    fake.refused_forms = set(forms[:-1])
    analyzer = make()
    assert labels(analyzer.analyze(["gut"])) == ["positive"]
    assert [form_of(body) for body in fake.requests] == forms
    assert labels(analyzer.analyze(["schlecht"])) == ["negative"]
    assert [form_of(body) for body in fake.requests] == [*forms, "plain"]


def test_prose_around_the_json_is_forgiven(make: Make, fake: FakeProvider):
    fake.usual = Day(text=lambda scores: f"Sure! ```json\n{json.dumps({'scores': scores})}\n``` Anything else?")
    assert labels(make().analyze(TEXTS)) == LABELS


def wrong(scores: Scores) -> str:
    return json.dumps({"scores": [item | {"sentiment": {"positive": "much"}} for item in scores]})


def with_each(**parts: dict[str, int]) -> Any:
    return lambda scores: json.dumps({"scores": [item | parts for item in scores]})


WRONG = {
    "no JSON": lambda _scores: "I would rather not.",
    "half a JSON": lambda scores: json.dumps({"scores": scores})[:-20],
    "another shape": json.dumps,
    "no scores": lambda _scores: '{"scores": []}',
    "other fields": wrong,
    "far from 100": with_each(emotion=dict.fromkeys(EMOTIONS, 1)),
    "below nothing": with_each(sentiment={"positive": -50, "neutral": 50, "negative": 100}),
    "more fields": with_each(obey_me={"a": 1}),
    "deep": lambda _scores: "[" * 100_000,
    "empty": lambda _scores: "",
}


@pytest.mark.parametrize("how", WRONG)
def test_a_wrong_answer_is_asked_again_with_what_was_wrong(make: Make, fake: FakeProvider, how: str):
    fake.days = [Day(text=WRONG[how])]
    assert labels(make().analyze(TEXTS)) == LABELS
    first, second = map(document, fake.requests)
    assert "your_last_answer_was_refused_because" not in first
    (*_, fault) = second["your_last_answer_was_refused_because"]
    assert fault
    assert "obey" not in str(second)
    assert not {post["id"] for post in first["posts"]} & {post["id"] for post in second["posts"]}


@pytest.mark.parametrize("how", WRONG)
def test_an_answer_that_is_wrong_twice_fails_its_posts_and_is_not_asked_for_again(
    make: Make, fake: FakeProvider, how: str
):
    fake.usual = Day(text=WRONG[how])
    with pytest.raises(UnscorableError) as caught:
        make().analyze(TEXTS)
    assert caught.value.scores == (None,) * 4
    assert caught.value.why
    assert len(fake.requests) == 2


def test_an_answer_that_broke_off_is_asked_again(make: Make, fake: FakeProvider):
    fake.days = [Day(ending="length")]
    assert labels(make().analyze(TEXTS)) == LABELS
    assert document(fake.requests[1])["your_last_answer_was_refused_because"] == ["the answer broke off"]


def test_a_score_that_is_left_out_costs_no_other(make: Make, fake: FakeProvider):
    fake.mind = lambda posts: sober([post for post in posts if post["text"] != "das war"])
    with pytest.raises(UnscorableError, match="3 of 4 texts were scored") as caught:
        make().analyze(TEXTS)
    assert [score and score.sentiment and score.sentiment.label for score in caught.value.scores] == [
        "positive", "negative", None, "positive",
    ]  # fmt: skip
    assert fake.asked()[1:] == [["das war"]]


def test_scores_for_ids_that_were_not_asked_for_are_refused(make: Make, fake: FakeProvider):
    fake.mind = lambda posts: [*sober(posts), score("1", "negative"), score("00000000", "negative")]
    assert labels(make().analyze(TEXTS)) == LABELS


def test_an_id_that_is_answered_twice_is_asked_about_again(make: Make, fake: FakeProvider):
    def twice(scores: Scores) -> str:
        ids = {post["text"]: post["id"] for post in document(fake.requests[0])["posts"]}
        return json.dumps({"scores": [*scores, score(ids["das war"], "negative")]})

    fake.days = [Day(text=twice)]
    assert labels(make().analyze(TEXTS)) == LABELS
    assert fake.asked()[1:] == [["das war"]]


def test_tokens_and_cost_are_counted(make: Make, fake: FakeProvider, purse: Purse):
    analyzer = make(llm_usd_per_million_in=3, llm_usd_per_million_out=15, llm_posts=2)
    analyzer.analyze(TEXTS)
    assert len(fake.requests) == 2
    assert (analyzer.used.requests, analyzer.used.tokens_in, analyzer.used.tokens_out) == (2, 2_000, 200)
    assert analyzer.used.usd == pytest.approx(2 * (0.003 + 0.0015))
    assert sum(used.micro_usd for used in purse.used) == 9_000
    for reserved, body in zip(purse.reserved, fake.requests, strict=True):
        assert reserved.tokens_in > len(json.dumps(body["messages"]).encode()) / 2
        assert reserved.tokens_out in {body.get("max_tokens"), body.get("max_completion_tokens")}


@pytest.mark.parametrize("provider", ["groq", "openai"])  # Anthropic's answers always tell
def test_tokens_that_are_not_told_are_charged_as_they_were_set_aside(fake: FakeProvider, make: Make, purse: Purse):
    fake.tokens = None
    make().analyze(["gut"])
    assert purse.used == purse.reserved

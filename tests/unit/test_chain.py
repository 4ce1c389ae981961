"""The chain: which analyzer scores a text, and what each failure does."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from barometer.analyzers import Analyzer, UnscorableError
from barometer.analyzers.chain import Chain, Used, Wanted
from barometer.analyzers.links import LOAD_AGAIN_SECONDS, Link, links_for
from barometer.errors import MissingError, SettingsError, UnavailableError
from barometer.scores import UNSCORED, Distribution, Score

TEXTS = [Wanted(f"text {number}", "en") for number in range(7)]
GERMAN = Wanted("Was für ein schöner Tag", "de")
ENGLISH = frozenset({"en"})


class Model:
    """An analyzer that remembers what it was asked and does what its day is like."""

    def __init__(self, name: str, languages: frozenset[str] | None = ENGLISH) -> None:
        self.name = name
        self.languages = languages
        self.calls: list[list[str]] = []
        self.bad: set[str] = set()
        self.away = ""

    def score(self) -> Score:
        return Score(Distribution("positive", (10_000, 0, 0)), None, self.name)

    def analyze(self, texts: Sequence[str]) -> list[Score]:
        self.calls.append(list(texts))
        if self.away:
            raise UnavailableError(self.away, "a host that nobody else need know")
        if any(text in self.bad for text in texts):
            raise RuntimeError("cannot read this")
        return [self.score()] * len(texts)


class Picky(Model):
    """Says itself which texts it cannot score, as the language model does."""

    def analyze(self, texts: Sequence[str]) -> list[Score]:
        self.calls.append(list(texts))
        if self.bad & set(texts):
            raise UnscorableError([None if text in self.bad else self.score() for text in texts], "refused")
        return [self.score()] * len(texts)


class Notebook:
    """A memory of this process."""

    def __init__(self) -> None:
        self.kept: dict[str, dict[str, Score]] = {}

    def recall(self, model: str, texts: Sequence[str]) -> Mapping[str, Score]:
        return {text: score for text, score in self.kept.get(model, {}).items() if text in texts}

    def keep(self, model: str, scores: Mapping[str, Score]) -> None:
        self.kept.setdefault(model, {}).update(scores)


def link(model: Model, name: str | None = None, **options: Any) -> Link:
    return Link(name or model.name, lambda: model, languages=model.languages, **options)


@pytest.fixture
def local() -> Model:
    return Model("local")


@pytest.fixture
def llm() -> Model:
    return Model("llm", None)


@pytest.fixture
def linear() -> Model:
    return Model("linear")


@pytest.fixture
def chain(local: Model, llm: Model, linear: Model) -> Chain:
    return Chain([link(local), link(llm, remote=True), link(linear)])


def used(chain: Chain, *wanted: Wanted) -> dict[Wanted, Used]:
    return chain.score(wanted).used


def test_english_goes_to_the_model_and_other_languages_to_the_language_model(
    chain: Chain, local: Model, llm: Model, linear: Model
):
    verdict = chain.score([*TEXTS, GERMAN, Wanted("?", None)])
    assert {verdict.scores[one].model for one in TEXTS} == {"local"}
    assert verdict.scores[GERMAN].model == verdict.scores[Wanted("?", None)].model == "llm"
    assert set(verdict.used.values()) == {Used("local", ""), Used("llm", "")}
    assert linear.calls == []
    assert len(local.calls) == 1
    assert llm.calls == [[GERMAN.text, "?"]], "one call for all languages, since each may take its whole time"


def test_a_text_in_two_languages_is_scored_once(chain: Chain, llm: Model):
    assert len(used(chain, GERMAN, GERMAN._replace(lang="nl"))) == 2
    assert llm.calls == [[GERMAN.text]]


def test_a_text_that_is_wanted_twice_is_scored_once(chain: Chain, local: Model):
    chain.score([*TEXTS, *TEXTS])
    assert local.calls == [[one.text for one in TEXTS]]


def test_a_model_that_is_away_hands_its_texts_on_and_its_reason_is_kept(chain: Chain, local: Model, llm: Model):
    local.away = "the checkpoints are not here"
    assert set(used(chain, *TEXTS).values()) == {Used("llm", "local: the checkpoints are not here")}
    llm.away = "circuit open"
    assert set(used(chain, *TEXTS).values()) == {Used("linear", "local: the checkpoints are not here")}


def test_when_all_that_read_english_are_away_nothing_is_scored_and_nobody_blamed(
    chain: Chain, local: Model, llm: Model, linear: Model
):
    for model in (local, llm, linear):
        model.away = "gone"
    with pytest.raises(UnavailableError, match="local: gone"):
        chain.score([*TEXTS, GERMAN])
    assert llm.calls == [[one.text for one in TEXTS]], "no money for German before it is known that the batch goes on"


def test_another_language_goes_on_unscored_when_the_language_model_is_away(chain: Chain, llm: Model):
    llm.away = "daily budget spent"
    verdict = chain.score([GERMAN, TEXTS[0]])
    assert verdict.scores[GERMAN] == UNSCORED
    assert verdict.used[GERMAN] == Used(None, "llm: daily budget spent")
    assert verdict.used[TEXTS[0]] == Used("local", "")


def test_without_a_language_model_another_language_is_unscored_and_never_guessed(local: Model, linear: Model):
    verdict = Chain([link(local), link(linear)]).score([GERMAN])
    assert verdict.scores == {GERMAN: UNSCORED}
    assert verdict.used == {GERMAN: Used(None, "no model reads the language")}
    assert local.calls == linear.calls == []


@pytest.mark.parametrize("bad", [{0}, {6}, {3, 4}, set(range(7))])
def test_a_text_that_the_model_fails_on_alone_goes_to_the_next(chain: Chain, local: Model, bad: set[int]):
    local.bad = {TEXTS[number].text for number in bad}
    told = used(chain, *TEXTS)
    assert [told[one] for one in TEXTS] == [
        Used("llm", "local: failed on the text") if number in bad else Used("local", "") for number in range(7)
    ]


def test_one_bad_text_among_many_is_found_in_few_calls(local: Model, linear: Model):
    local.bad = {"text 77"}
    Chain([link(local), link(linear)]).score([Wanted(f"text {number}", "en") for number in range(128)])
    assert len(local.calls) == 1 + 2 * 7
    assert linear.calls == [["text 77"]]


def test_a_text_that_every_link_fails_on_has_no_score_and_harms_no_other(
    chain: Chain, local: Model, llm: Model, linear: Model
):
    for model in (local, llm, linear):
        model.bad = {"text 3"}
    verdict = chain.score([*TEXTS, GERMAN])
    assert set(TEXTS) - set(verdict.scores) == {TEXTS[3]}
    assert TEXTS[3] not in verdict.used
    assert verdict.scores[GERMAN].model == "llm"


def test_a_text_failed_by_one_model_is_not_failed_while_the_last_resort_may_yet_come_back(
    chain: Chain, local: Model, llm: Model, linear: Model
):
    local.bad = llm.bad = {"text 3"}
    linear.away = "gone"
    assert TEXTS[3] not in chain.score(TEXTS).scores


def test_the_language_model_tells_what_it_could_not_score_and_is_asked_once(local: Model, linear: Model):
    picky = Picky("llm", None)
    picky.bad = {"text 3", GERMAN.text}
    local.away = "gone"
    verdict = Chain([link(local), link(picky, remote=True), link(linear)]).score([*TEXTS, GERMAN])
    assert len(picky.calls) == 2
    assert verdict.scores[TEXTS[3]].model == "linear"
    assert verdict.scores[TEXTS[2]].model == "llm"
    assert verdict.used[GERMAN] == Used(None, "llm: refused")


def test_a_remote_link_that_crashes_is_not_asked_in_halves_for_each_costs(chain: Chain, local: Model, llm: Model):
    local.away = "gone"
    llm.bad = {"text 3"}
    assert set(used(chain, *TEXTS).values()) == {Used("linear", "local: gone")}
    assert len(llm.calls) == 1


def test_a_model_that_answers_with_too_few_scores_is_not_believed(local: Model):
    class Short(Model):
        def analyze(self, texts: Sequence[str]) -> list[Score]:
            return super().analyze(texts)[1:]

    assert Chain([link(Short("short")), link(local)]).score(TEXTS).used[TEXTS[0]].model == "local"


def test_late_english_is_scored_by_the_fast_model_and_marked(chain: Chain, local: Model):
    late = [one._replace(late=True) for one in TEXTS]
    verdict = chain.score([*late, TEXTS[0]])
    assert {verdict.scores[one].model for one in late} == {"linear (overload)"}
    assert {verdict.used[one] for one in late} == {Used("linear (overload)", "overloaded")}
    assert verdict.used[TEXTS[0]] == Used("local", "")
    assert local.calls == [["text 0"]]


def test_late_texts_wait_for_no_language_model(chain: Chain, local: Model, llm: Model, linear: Model):
    assert set(used(chain, GERMAN._replace(late=True)).values()) == {Used(None, "overloaded")}
    linear.away = "gone"
    assert set(used(chain, TEXTS[0]._replace(late=True)).values()) == {Used("local", "")}
    local.away = "gone too"
    with pytest.raises(UnavailableError):
        chain.score([TEXTS[0]._replace(late=True)])
    assert llm.calls == []


def test_nobody_is_late_for_the_fast_model_itself(linear: Model):
    late = TEXTS[0]._replace(late=True)
    assert used(Chain([link(linear)]), late) == {late: Used("linear", "")}


def test_a_remembered_score_is_not_computed_again_and_another_models_is_never_given(llm: Model, linear: Model):
    memory, old, new = Notebook(), Model("model-1"), Model("model-2")
    Chain([link(old, remembered=True)], memory).score(TEXTS)
    verdict = Chain([link(old, remembered=True)], memory).score([*TEXTS, Wanted("new", "en")])
    assert verdict.recalled == 7
    assert old.calls[1:] == [["new"]]
    assert {score.model for score in Chain([link(new, remembered=True)], memory).score(TEXTS).scores.values()} == {
        "model-2"
    }
    chain = Chain([link(llm, remote=True, remembered=True), link(linear)], memory)
    chain.score([GERMAN])
    llm.away = "circuit open"
    assert chain.score([GERMAN]).scores[GERMAN].model == "llm"
    assert "linear" not in memory.kept


def test_a_new_version_of_a_model_is_never_given_what_the_old_one_said():
    class Retrained(Model):
        version = "1"

    memory, model = Notebook(), Retrained("local")
    chain = Chain([link(model, remembered=True)], memory)
    chain.score(TEXTS)
    again = chain.score(TEXTS)
    assert (again.recalled, again.scores[TEXTS[0]].model) == (7, "local")
    model.version = "2"
    assert chain.score(TEXTS).recalled == 0
    assert [*memory.kept] == ["local@1", "local@2"]


def test_what_the_fast_model_said_under_overload_is_not_remembered(local: Model, linear: Model):
    memory = Notebook()
    Chain([link(local, remembered=True), link(linear)], memory).score([TEXTS[0]._replace(late=True)])
    assert memory.kept == {}


def failing(error: Exception) -> Callable[[], Analyzer]:
    def load() -> Analyzer:
        raise error

    return load


@pytest.mark.parametrize(
    ("error", "because"),
    [
        (MissingError("no model.onnx"), "local: no model.onnx"),
        (UnavailableError("the Hub does not answer", "secret.example"), "local: the Hub does not answer"),
        (RuntimeError("Protobuf parsing failed"), "local: cannot be loaded (RuntimeError)"),
    ],
)
def test_a_model_that_cannot_be_loaded_is_a_reason_and_no_crash(error: Exception, because: str, linear: Model):
    chain = Chain([Link("local", failing(error)), link(linear)])
    chain.load()
    assert used(chain, TEXTS[0]) == {TEXTS[0]: Used("linear", because)}


def test_a_model_that_is_set_wrong_ends_the_cold_start(linear: Model):
    with pytest.raises(SettingsError, match="CHECKPOINT"):
        Chain([Link("transformers", failing(SettingsError("BAROMETER_SENTIMENT_CHECKPOINT"))), link(linear)]).load()


def test_a_model_that_could_not_be_loaded_is_tried_again_after_a_while(monkeypatch: pytest.MonkeyPatch, linear: Model):
    now, loads = [1000.0], []
    monkeypatch.setattr("barometer.analyzers.links.time.monotonic", lambda: now[0])

    def load() -> Analyzer:
        loads.append(now[0])
        if len(loads) == 1:
            raise MissingError("no model.onnx")
        return Model("local")

    chain = Chain([Link("local", load), link(linear)])
    assert used(chain, TEXTS[0])[TEXTS[0]].model == "linear"
    now[0] += LOAD_AGAIN_SECONDS - 1
    assert used(chain, TEXTS[0])[TEXTS[0]].model == "linear"
    now[0] += 2
    assert used(chain, TEXTS[0])[TEXTS[0]].model == "local"
    assert len(loads) == 2


def test_a_cold_start_loads_the_first_and_leaves_the_last_resort_for_later():
    loaded = []

    def load(name: str) -> Analyzer:
        loaded.append(name)
        return Model(name)

    chain = Chain([Link(name, lambda name=name: load(name)) for name in ("local", "linear")])  # type: ignore[misc]
    chain.load()
    assert loaded == ["local"]


@pytest.mark.parametrize(
    ("model", "with_llm", "names"),
    [
        ("vader", False, ["vader", "linear"]),
        ("vader", True, ["vader", "llm", "linear"]),
        ("linear", False, ["linear"]),
        ("linear", True, ["linear", "llm"]),
        ("llm", True, ["llm", "linear"]),
    ],
)
def test_the_chain_is_what_was_chosen_then_the_language_model_then_the_linear_one(
    model: str, with_llm: bool, names: list[str], llm: Model
):
    assert [link.name for link in links_for(model, llm if with_llm else None)] == names


def test_a_name_that_nobody_has_or_a_language_model_that_is_not_set_up_is_refused():
    with pytest.raises(SettingsError, match=r"no analyzer 'vadre'; there is: .*llm"):
        links_for("vadre", None)
    with pytest.raises(SettingsError, match="LLM_PROVIDER and LLM_API_KEY"):
        links_for("llm", None)

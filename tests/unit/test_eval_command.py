"""``barometer eval``: a model on a file, with nothing running; a file that is wrong is named by its line."""

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from barometer.analyzers import UnscorableError
from barometer.errors import BarometerError, InvalidInputError, SettingsError, UnavailableError
from barometer.scores import EMOTIONS, SENTIMENTS, Distribution, Score
from barometer.settings import settings
from infra.evaluation.cli import register
from infra.evaluation.labels import Labels
from infra.evaluation.measure import BATCH, measure
from infra.evaluation.rows import read
from infra.feeds.models import one

TWEETS = "positive\tI love it!\nnegative\tI hate it.\nneutral\tIt is a tram.\nnegative\tSo good!\n"
File = Callable[..., Path]


@pytest.fixture
def file(tmp_path: Path) -> File:
    def write(content: str | bytes, name: str = "posts.tsv") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def barometer(*arguments: str | Path) -> str:
    app = typer.Typer()
    app.callback()(lambda: None)
    register(app)
    result = CliRunner().invoke(app, ["eval", *map(str, arguments)])
    if isinstance(result.exception, BarometerError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


class Told:
    """An analyzer that says what the text says, and remembers how many texts it was given at once."""

    name = "told"
    languages = frozenset({"en"})

    def __init__(self) -> None:
        self.batches: list[int] = []

    def analyze(self, texts: Sequence[str]) -> list[Score]:
        self.batches.append(len(texts))
        if any(text == "poison" for text in texts):
            raise ValueError("poison")
        return [self._score(text.split()[-1]) for text in texts]

    def _score(self, word: str) -> Score:
        if word not in EMOTIONS:
            return Score(None, None, None)
        return Score(None, Distribution.of(EMOTIONS, [1.0 if label == word else 0.0 for label in EMOTIONS]), self.name)


def test_json_has_the_figures_at_its_top(file: File):
    told = json.loads(barometer(file(TWEETS), "--task", "sentiment", "--model", "vader", "--json"))
    assert told["macro_recall"] == pytest.approx((1 + 1 + 0.5) / 3)
    assert told["macro_f1"] == pytest.approx((2 / 3 + 1 + 2 / 3) / 3)
    assert told["accuracy"] == 0.75
    assert told["confusion"] == [[1, 0, 0], [0, 1, 0], [1, 0, 1]]
    assert (told["model"], told["task"], told["texts"], told["skipped"]) == ("vader", "sentiment", 4, {})
    assert [one["texts"] for one in told["classes"]] == [1, 1, 2]
    assert told["labels"] == list(SENTIMENTS)
    assert told["posts_per_second"] > told["posts_per_second_wall"] > 0
    assert 0 <= told["expected_calibration_error"] <= 1


def test_people_get_tables(file: File):
    told = barometer(file(TWEETS), "--task", "sentiment", "--model", "vader")
    assert "4 texts" in told
    assert "0.8333" in told, "macro recall"
    for label in SENTIMENTS:
        assert told.count(label) >= 3, "in the table of classes, as a row and as a column of the confusion"


def test_the_model_is_the_one_that_is_set_unless_one_is_named(file: File, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("BAROMETER_MODEL", "vader")
    assert json.loads(barometer(file(TWEETS), "--task", "sentiment", "--json"))["model"] == "vader"


def test_textblob_is_there_to_compare_with(file: File):
    pytest.importorskip("textblob")
    told = json.loads(barometer(file(TWEETS), "--task", "sentiment", "--model", "textblob", "--json"))
    assert (told["model"], told["confusion"]) == ("textblob", [[1, 0, 0], [0, 1, 0], [1, 0, 1]])


def test_a_missing_package_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "textblob", None)
    with pytest.raises(SettingsError, match="--extra train"):
        one(settings(), "textblob")


def test_a_model_that_does_not_exist_or_tells_no_emotions_is_said_so(file: File):
    with pytest.raises(SettingsError, match="no analyzer 'gpt'"):
        barometer(file(TWEETS), "--task", "sentiment", "--model", "gpt")
    with pytest.raises(SettingsError, match="the model vader tells no emotion"):
        barometer(file("joy\tfine\n"), "--task", "emotion", "--model", "vader")
    with pytest.raises(SettingsError, match="llm needs LLM_PROVIDER and LLM_API_KEY"):
        barometer(file(TWEETS), "--task", "sentiment", "--model", "llm")


def test_rows_with_several_labels_are_left_out_and_counted(file: File):
    path = file("joy\ta joy\njoy,neutral\tb joy\n anger , Anger \tc anger\n\njoy no tab\nfear\t \n\td\n")
    outcome = measure(path, Labels("emotion"), Told)
    assert outcome.texts == 2
    assert outcome.figures.accuracy == 1
    assert outcome.skipped == {
        "several labels": 1, "the row is empty": 1, "the row has no tab": 1, "the text is empty": 1, "no label": 1,
    }  # fmt: skip


def test_an_unknown_label_is_named_with_file_and_line_and_never_guessed(file: File):
    path = file("joy\tfine\nlove\tfiner\n")
    with pytest.raises(
        InvalidInputError, match=r"posts\.tsv:2: 'love' is not a label of emotion: anger, .*--map love="
    ):
        read(path, Labels("emotion"))
    assert read(path, Labels.of("emotion", ["LOVE=Joy"])).labels == ["joy", "joy"]


def test_numbers_and_what_stands_for_nothing_are_mapped(file: File):
    numbers = Labels.of("sentiment", ["0=negative,1=neutral", "2=positive"])
    assert read(file("0\ta\n1\tb\n2\tc\n"), numbers).labels == ["negative", "neutral", "positive"]
    found = read(file("shame\ta\njoy\tb\njoy,shame\tc\n"), Labels.of("emotion", ["shame="]))
    assert (found.texts, found.skipped) == (["b", "c"], {"left out by --map": 1})


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("love", "is not LABEL=LABEL"),
        ("love=happy", "'happy' is not a label"),
        ("a=joy,a=fear", "both 'joy' and 'fear'"),
    ],
)
def test_a_wrong_map_is_refused(given: str, reason: str):
    with pytest.raises(InvalidInputError, match=reason):
        Labels.of("emotion", [given])


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.tsv", "joy\tone\nfear\ttwo\tand a tab\n"),
        ("a.tsv", "\ufeffJoy\tone\r\nFEAR\ttwo\tand a tab\r\n"),
        ("a.csv", 'id,text,label\n1,one,joy\n2,"two\tand a tab",fear\n'),
        ("a.jsonl", '{"text": "one", "label": "joy"}\n{"text": "two\\tand a tab", "label": ["fear"]}\n'),
        ("a.jsonl", '{"text": "one", "metadata": {"label": "joy"}}\n{"text": "two\\tand a tab", "label": "fear"}\n'),
    ],
)
def test_each_kind_of_file_is_read(file: File, name: str, content: str):
    found = read(file(content, name), Labels("emotion"))
    assert list(zip(found.labels, found.texts, strict=True)) == [("joy", "one"), ("fear", "two\tand a tab")]


def test_a_header_names_the_columns_of_a_tsv(file: File):
    found = read(file("text\tid\tlabel\none\t1\tjoy\n"), Labels("emotion"))
    assert (found.texts, found.labels) == (["one"], ["joy"])


def test_rows_that_cannot_be_read_are_counted_with_the_reason(file: File):
    found = read(file(b"joy\tfine\njoy\t\xff\n" + b"joy\t" + b"x" * 10_001 + b"\n"), Labels("emotion"))
    assert found.texts == ["fine"]
    assert found.skipped == {
        "the row is not valid UTF-8": 1, "the text has 10,001 characters; the most is 10,000": 1,
    }  # fmt: skip
    jsonl = file('{"text": "a", "label": 1}\nnonsense\n{"label": "1"}\n{"text": "b"}\n', "a.jsonl")
    numbers = read(jsonl, Labels.of("emotion", ["1=joy"]))
    assert numbers.texts == ["a"]
    assert numbers.skipped.total() == 3


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.txt", TWEETS, "not a .jsonl, .csv or .tsv"),
        ("a.csv", "joy,one\n", "a.csv:1: is no header"),
        ("a.tsv", "", "holds nothing to measure: the file is empty"),
        ("a.tsv", "joy,fear\tone\n", "holds nothing to measure: 1 rows: several labels"),
        ("a.tsv", TWEETS.encode("utf-16"), "UTF-16"),
    ],
)
def test_a_file_that_cannot_be_measured_says_why(file: File, name: str, content: str | bytes, reason: str):
    with pytest.raises(InvalidInputError, match=reason):
        measure(file(content, name), Labels("emotion"), Told)


def test_a_limit_stops_at_so_many_rows_that_count(file: File):
    path = file("joy,fear\ta\n" + "joy\tb joy\n" * 5 + "nonsense\tnever read\n")
    assert measure(path, Labels("emotion"), Told, limit=5).texts == 5


def test_a_model_gets_many_texts_at_once_and_says_how_far_it_is(file: File):
    model, heard = Told(), []
    path = file("joy\ta joy\n" * (BATCH + 10))
    measure(path, Labels("emotion"), lambda: model, moved=lambda done, of: heard.append((done, of)))
    assert model.batches == [BATCH, 10]
    assert heard == [(BATCH, BATCH + 10), (BATCH + 10, BATCH + 10)]


def test_a_text_that_the_model_fails_on_harms_no_other_and_is_counted(file: File):
    rows = ["joy\ta joy"] * 20 + ["joy\tpoison"] + ["joy\tsilent"]
    outcome = measure(file("\n".join(rows)), Labels("emotion"), Told)
    assert outcome.texts == 20
    assert outcome.skipped == {
        "the model failed on the text (ValueError)": 1, "the model said nothing of the text": 1,
    }  # fmt: skip


def test_a_model_that_scored_some_texts_alone_is_measured_on_those_and_the_others_are_counted(file: File):
    class Partial(Told):
        def analyze(self, texts: Sequence[str]) -> list[Score]:
            scores = super().analyze(texts)
            raise UnscorableError([*scores[:-1], None], "timed out")

    outcome = measure(file("joy\ta joy\n" * 3), Labels("emotion"), Partial)
    assert (outcome.texts, outcome.skipped) == (2, {"the model said nothing of the text (timed out)": 1})


def test_a_model_that_is_away_ends_the_measurement(file: File):
    class Away(Told):
        def analyze(self, texts: Sequence[str]) -> list[Score]:  # noqa: ARG002 (as every analyzer)
            raise UnavailableError("the model does not answer")

    with pytest.raises(UnavailableError):
        measure(file("joy\ta\n"), Labels("emotion"), Away)


def test_the_same_label_is_read_whatever_its_case_or_blanks():
    labels: Any = Labels("sentiment")
    assert {labels.read(written) for written in ("positive", " Positive ", "POSITIVE,positive")} == {"positive"}

"""``barometer analyze``: scores on the terminal, with nothing running."""

import json

import pytest
import typer
from typer.testing import CliRunner

from barometer.errors import BarometerError, InvalidInputError
from infra.feeds.cli import register


def barometer(*arguments: str, stdin: str = "") -> str:
    app = typer.Typer()
    register(app)
    result = CliRunner().invoke(app, list(arguments), input=stdin)
    if isinstance(result.exception, BarometerError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


def test_analyze_scores_a_text_without_a_server():
    assert barometer("analyze", "I love it, what a wonderful day!").startswith("positive")


def test_analyze_reads_standard_input_a_text_a_line():
    lines = barometer("analyze", "-", stdin="I hate this\n\nI love this\n").splitlines()
    assert [line.split()[0] for line in lines] == ["negative", "positive"]


def test_analyze_leaves_a_language_it_does_not_read_unscored():
    answer = json.loads(barometer("analyze", "--json", "Das war heute wirklich ganz furchtbar und schlecht."))
    assert answer["lang"] == "de"
    assert answer["sentiment"] is answer["emotion"] is answer["model"] is None


def test_analyze_shows_text_as_it_is_and_not_as_markup():
    assert "[red]great[/red]" in barometer("analyze", "[red]great[/red]")


def test_analyze_refuses_an_empty_text():
    with pytest.raises(InvalidInputError, match="text: is empty"):
        barometer("analyze", "  ")


def test_analyze_can_be_told_which_model(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("BAROMETER_MODEL", "none")
    assert json.loads(barometer("analyze", "--json", "--model", "vader", "I love it"))["model"] == "vader"
    with pytest.raises(BarometerError, match="no analyzer 'none'"):
        barometer("analyze", "I love it")

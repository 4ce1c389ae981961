"""What ``barometer dead`` shows of letters whose texts are anybody's."""

from datetime import UTC, datetime

import pytest
import typer
from typer.testing import CliRunner

from barometer.stores.letters import LastTry, Letter, LetterId, Page
from barometer.stores.redrive import Redriven, Refusal
from infra.local.dead import Outcome, listed, printable, shown
from infra.local.dead_cli import register

HOSTILE = "\x1b[2J\x07evil\r\u202e\u200b\nnext"
LETTER = Letter(
    id=LetterId(1_763_800_000_000, 3, 0),
    kind="rejected",
    condition="Rejected",
    stream="raw",
    pipe="ingest",
    function="barometer-ingest",
    record_id="1763700000000-0",
    reason=HOSTILE,
    error_type="Rejected",
    attempts=2,
    first_at=datetime(2025, 11, 21, tzinfo=UTC),
    dead_at=datetime(2025, 11, 22, 8, 26, 40, tzinfo=UTC),
    body=f"größer 😀 {HOSTILE}",
    body_bytes=200_000,
    last_try=LastTry(None, "2f1e", 7, "no good", "one\ntwo\x1b[31m"),
    details={"odd\x1b[2J": "1"},
)


@pytest.mark.parametrize("text", [listed(Page([LETTER], None)), shown(LETTER)])
def test_nothing_in_a_letter_moves_the_cursor_or_turns_the_text(text: str):
    assert all(line.isprintable() for line in text.split("\n"))
    assert r"\x1b[2J\x07evil" in text


def test_what_people_write_is_shown_as_it_is():
    assert printable("größer 😀 naïve — 東京") == "größer 😀 naïve — 東京"
    assert "größer 😀" in shown(LETTER)


def test_a_list_is_a_line_a_letter_and_says_how_to_go_on():
    lines = listed(Page([LETTER, LETTER], LetterId(5, 6, 7))).splitlines()
    assert len(lines) == 4
    assert lines[1].startswith("0-1763800000000-3  2025-11-22 08:26:40  rejected  ingest  2 ")
    assert lines[3] == "more: --cursor 7-5-6"
    assert listed(Page([], None)) == "no dead letters"


def test_a_letter_is_shown_whole_and_says_what_was_cut():
    text = shown(LETTER)
    for part in (
        "0-1763800000000-3",
        "barometer-ingest",
        "1763700000000-0",
        "2025-11-22T08:26:40+00:00",
        "one",
        "two",
        "no good",
    ):
        assert part in text
    assert [line.split()[0] for line in text.splitlines()].count("details") == 0
    assert "200,000 bytes; the first 100,000 follow" in text


def test_an_outcome_counts_and_names_the_first_that_stayed():
    some = [LetterId(1, n, 0) for n in range(30)]
    outcome = Outcome(
        Redriven(some, some, [Refusal(one, "the stream 'r\x1baw' is full", for_now=True) for one in some]),
        5,
        False,
        True,
    )
    lines = outcome.as_text().splitlines()
    assert lines[0] == "30 sent again, 5 dead letters remain"
    assert lines[1] == "missing  0-1-0: it was sent again already, or never was"
    assert lines.count("… and 10 more") == 2
    assert r"refused  0-1-19: the stream 'r\x1baw' is full" in lines
    assert lines[-1].startswith("a stream is full and took nothing for 60 s")
    assert outcome.as_json()["refused"][0] == {"id": "0-1-0", "reason": "the stream 'r\x1baw' is full"}


@pytest.mark.parametrize(
    "arguments",
    [["redrive"], ["redrive", "--all", "0-1-1"], ["redrive", "0-1-1", "--pipe", "ingest"], ["list", "--kind", "odd"]],
)
def test_what_cannot_be_meant_is_refused(arguments: list[str]):
    app = typer.Typer()
    register(app)
    result = CliRunner().invoke(app, ["dead", *arguments])
    assert result.exit_code == 2, result.output

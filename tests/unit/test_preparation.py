"""What a model of ours gets to read of a post."""

import pytest
from emoji import EMOJI_DATA
from hypothesis import given
from hypothesis import strategies as st

from barometer.analyzers.preparation import MAX_CHARACTERS, prepare


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("  two\n\twords ", "two words"),
        ("see https://t.co/a?b=c#d now", "see http now"),
        ("www.example.com", "http"),
        ("@ann @bob.com: hello", "@user hello"),
        ("thanks @ann@mastodon.social!", "thanks @user !"),
        ("write to ann@example.com", "write to ann@example.com"),
        ("#NotHappy", "# Not Happy"),
        ("#BREAKING2020", "# BREAKING 2020"),
        ("#über #1", "# über # 1"),
        ("soooo cooool!!!!!!", "soo cool!!!"),
        ("wait...", "wait..."),
        ("10,000,000", "10,000,000"),
        ("fish &amp; chips", "fish & chips"),
        (r"it\u2019s fine\u002c really", "it's fine, really"),
        (r"\ud83d stays", r"\ud83d stays"),
        ("it\u2019s", "it's"),
        ("great 😂😂😂 day", "great face with tears of joy day"),
        ("❤️", "red heart"),
        ("👍🏽 👍🏿", "thumbs up"),
        ("👨‍👩‍👧", "family man woman girl"),
        ("🇬🇧", "United Kingdom"),
        ("", ""),
    ],
)
def test_a_post_is_read_as_in_training(written: str, read: str):
    assert prepare(written) == read


def test_every_emoji_has_a_name_and_no_skin_tone():
    for emoji in EMOJI_DATA:
        if not emoji[0].isascii() and emoji not in "🏻🏼🏽🏾🏿":
            prepared = prepare(emoji)
            assert prepared.replace("\u200d", "").isascii() or any(sign.isalpha() for sign in prepared), emoji
            assert "skin tone" not in prepared, emoji


@pytest.mark.parametrize(
    "sign", ["😂", "@", "@a", "@a ", "a@", "#", "#A", "&", "&amp;", "http://", "!", "\\u", "👨\u200d"]
)
def test_a_text_of_one_sign_ends(sign: str):
    assert len(prepare(sign * 10_000)) <= 30 * MAX_CHARACTERS


def test_no_more_is_read_than_is_told():
    assert prepare("ab " * MAX_CHARACTERS) == prepare(("ab " * MAX_CHARACTERS)[:MAX_CHARACTERS])


@given(st.text(max_size=300))
def test_whatever_is_written_gives_one_line(text: str):
    prepared = prepare(text)
    assert prepared == " ".join(prepared.split())

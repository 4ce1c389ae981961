"""Whose words decide the language of a post."""

import socket

import pytest

from barometer.language import detect


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("What a lovely day to be outside", "en"),
        ("GREAT DAY FOR FOOTBALL EVERYONE", "en"),
        ("Das Wetter ist heute leider furchtbar", "de"),
        ("Quel temps magnifique aujourd'hui", "fr"),
        ("今日はとても良い天気です", "ja"),
        ("@somebody Das ist ja wohl ein Scherz https://example.com/what-a-lovely-english-address", "de"),
        ("line one of this text\nand line two of it\r\nand three", "en"),
    ],
)
def test_a_text_that_tells_its_language_is_believed(text: str, expected: str):
    assert detect(text, "xx", "yy") == expected


@pytest.mark.parametrize("text", ["😀😀", "12345", "@user https://example.com", "lol"])
def test_a_text_that_does_not_tell_takes_the_hint_and_then_the_default(text: str):
    assert detect(text, "pt-BR", "en") == "pt"
    assert detect(text, "zh_Hant", "en") == "zh"
    assert detect(text, None, "en") == "en"


def test_a_language_is_told_without_the_network(monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: object) -> None:
        raise AssertionError("it went to the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert detect("Il pleut depuis ce matin sur la ville", None, "en") == "fr"


def test_the_longest_text_is_read():
    assert detect("je suis content " * 625, None, "en") == "fr"

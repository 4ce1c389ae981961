"""Reading a file to replay: what is a post, what is not and why, and never one bad row at the cost of a good one."""

from pathlib import Path
from typing import Any

import pytest

from barometer.errors import BarometerError, InvalidInputError
from infra.feeds.lines import MOST_LINE_BYTES
from infra.feeds.replay.bookmark import Bookmark, Bookmarks
from infra.feeds.replay.job import Options, Replay
from infra.feeds.replay.layout import layout
from infra.feeds.replay.rows import Row, rows


def read(path: Path) -> list[Row]:
    with path.open("rb") as file:
        found = layout(path, file)
        return list(rows(file, found, line=found.line, offset=found.offset))


def written(tmp_path: Path, name: str, content: bytes) -> Path:
    path = tmp_path / name
    path.write_bytes(content)
    return path


def posts(found: list[Row]) -> list[Any]:
    return [row.post for row in found if not isinstance(row.post, InvalidInputError)]


def faults(found: list[Row]) -> list[tuple[int, str, str]]:
    return [(row.line, row.post.field, row.post.reason) for row in found if isinstance(row.post, InvalidInputError)]


def test_json_lines_are_posts_and_a_broken_one_harms_only_itself(tmp_path: Path):
    found = read(
        written(tmp_path, "a.jsonl", b'{"text":"one","source":"x"}\n\n{"text":\n[1]\n{"text":"\xff"}\n{"text":"two"}')
    )
    assert posts(found) == [{"text": "one", "source": "x"}, {"text": "two"}]
    assert [fault[0] for fault in faults(found)] == [3, 4, 5]
    assert faults(found)[1] == (4, "", "is not a JSON object but list")


def test_a_tsv_without_header_is_label_and_text_with_quotes_as_they_stand(tmp_path: Path):
    found = read(written(tmp_path, "a.tsv", b'positive\t"quoted" at first\nnegative\tit\'s "odd\r\n'))
    assert posts(found) == [
        {"metadata": {"label": "positive"}, "text": '"quoted" at first'},
        {"metadata": {"label": "negative"}, "text": "it's \"odd"},
    ]


def test_a_tsv_row_of_another_width_or_not_utf8_is_told_by_line(tmp_path: Path):
    found = read(written(tmp_path, "a.tsv", b"a\tone\nonly\nb\tt\xe9t\nc\tthree\td\nd\tlast\n"))
    assert [post["text"] for post in posts(found)] == ["one", "last"]
    assert faults(found) == [
        (2, "", "has 1 columns, not 2"),
        (3, "", "is not valid UTF-8 at byte 4"),
        (4, "", "has 3 columns, not 2"),
    ]


def test_a_header_names_fields_and_an_empty_cell_is_an_absent_field(tmp_path: Path):
    content = b'Text,source,author,metadata.mood,label\n"one, two",x,,glad,positive\n"three\nfour",y,ann,,\n'
    assert posts(read(written(tmp_path, "a.csv", b"\xef\xbb\xbf" + content))) == [
        {"text": "one, two", "source": "x", "metadata": {"mood": "glad", "label": "positive"}},
        {"text": "three\nfour", "source": "y", "author": "ann", "metadata": {"mood": "", "label": ""}},
    ]


def test_a_row_of_several_lines_ends_where_the_next_begins(tmp_path: Path):
    path = written(tmp_path, "a.csv", b'text\n"one\ntwo"\nthree\n')
    one, three = read(path)
    assert (one.line, one.next_line, one.end) == (2, 4, 15)
    assert three.line == 4
    with path.open("rb") as file:
        found = layout(path, file)
        assert list(rows(file, found, line=one.next_line, offset=one.end)) == [three]


def test_quotes_that_never_close_cost_one_line_and_not_the_rest_of_the_file(tmp_path: Path):
    found = read(written(tmp_path, "a.csv", b'text,source\nfine,x\n"never closed,x\nfine too,x\n"a"b,x\nand last,x\n'))
    assert [post["text"] for post in posts(found)] == ["fine", "fine too", "and last"]
    assert [fault[0] for fault in faults(found)] == [3, 5]


def test_quotes_that_never_close_in_a_long_file_do_not_fill_memory(tmp_path: Path):
    found = read(written(tmp_path, "a.csv", b'text\n"never\n' + b"fine\n" * 60_000))
    assert len(posts(found)) == 60_000
    assert [fault[0] for fault in faults(found)] == [2]


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.tsv"])
def test_an_endless_line_is_told_of_and_passed_over(tmp_path: Path, name: str):
    header = b"" if name == "a.jsonl" else b"text\n"
    good = b'{"text":"good"}\n' if name == "a.jsonl" else b"good\n"
    found = read(written(tmp_path, name, header + good + b"x" * (3 * MOST_LINE_BYTES) + b"\n" + good))
    assert posts(found) == [{"text": "good"}] * 2
    assert [reason for _, _, reason in faults(found)] == [f"is longer than {MOST_LINE_BYTES:,} bytes"]


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        ("a.txt", b"hello\n", "a.txt is not a .jsonl, .csv or .tsv file"),
        ("a.csv", b"when,what\n1,2\n", "line 1: a.csv begins with neither a header"),
        ("a.csv", b"text,likes\n1,2\n", "line 1, column 2: 'likes' is not a field of a post: use text, source"),
        ("a.csv", b"text,text\n1,2\n", "line 1, column 2: text is named twice"),
        ("a.csv", b"text,metadata,label\n", "metadata and metadata.NAME exclude each other"),
        ("a.csv", b"\xff\xfet\x00e\x00", "a.csv is UTF-16; save it as UTF-8"),
        (
            "a.tsv",
            b"a\tb\tc\n",
            "line 1: a.tsv begins with neither a header that has the column text nor label<TAB>text",
        ),
    ],
)
def test_a_file_that_is_none_of_these_is_refused_saying_why(tmp_path: Path, name: str, content: bytes, fault: str):
    with pytest.raises(InvalidInputError, match=fault):
        read(written(tmp_path, name, content))


def test_an_empty_file_has_no_rows(tmp_path: Path):
    for name in ("a.jsonl", "a.csv", "a.tsv"):
        assert read(written(tmp_path, name, b"")) == []


def test_a_file_is_known_by_its_content_wherever_it_lies(tmp_path: Path):
    bookmarks = Bookmarks(tmp_path / "home" / "replay")
    first = Replay(written(tmp_path, "a.tsv", b"x\tone\n"), bookmarks, Options())
    first.bookmark.accepted = 1
    bookmarks.keep(first.bookmark)
    assert Replay(written(tmp_path, "b.tsv", b"x\tone\n"), bookmarks, Options()).bookmark.accepted == 1
    assert Replay(written(tmp_path, "a.tsv", b"x\ttwo\n"), bookmarks, Options()).bookmark.accepted == 0


def test_again_begins_anew_with_ids_of_its_own(tmp_path: Path):
    bookmarks, path = Bookmarks(tmp_path), written(tmp_path, "My Tweets.tsv", b"x\tone\n")
    first = Replay(path, bookmarks, Options()).bookmark
    bookmarks.keep(first)
    second = Replay(path, bookmarks, Options(again=True)).bookmark
    assert first.source == "my-tweets"
    assert (first.run, second.run) == (1, 2)
    assert first.post_id_prefix != second.post_id_prefix


def test_the_source_cannot_change_half_way_since_ids_are_made_of_it(tmp_path: Path):
    bookmarks, path = Bookmarks(tmp_path), written(tmp_path, "a.tsv", b"x\tone\n")
    bookmarks.keep(Replay(path, bookmarks, Options(source="here")).bookmark)
    assert Replay(path, bookmarks, Options()).bookmark.source == "here"
    with pytest.raises(BarometerError, match="was begun with --source here"):
        Replay(path, bookmarks, Options(source="there"))


def test_a_damaged_bookmark_is_told_of_and_not_taken_for_none(tmp_path: Path):
    bookmarks = Bookmarks(tmp_path)
    bookmarks.keep(Bookmark(content="c", source="x", line=1, offset=0))
    (tmp_path / "c.json").write_text("{")
    with pytest.raises(BarometerError, match=r"c\.json cannot be read; remove it"):
        bookmarks.find("c")

"""The corpus, on made-up files of every source."""

from pathlib import Path

import pytest

from barometer.errors import InvalidInputError
from barometer.scores import EMOTIONS, SENTIMENTS
from tests.training.made_up import LABELS, write_corpus
from training.corpus import SOURCES, VALIDATION, learn_from, rating_of, shuffled, validate_on


def one_hot(labels: tuple[str, ...], label: str) -> tuple[float, ...]:
    return tuple(float(name == label) for name in labels)


def test_every_file_is_read_in_order_with_its_task_and_its_weight(tmp_path: Path):
    write_corpus(tmp_path)
    examples = learn_from(tmp_path)
    told = [source for source in SOURCES for label in LABELS[source.file] if label not in {"shame", "guilt"}]
    assert [example.weight for example in examples] == [source.weight for source in told]
    assert [example.sentiment is not None for example in examples] == [source.task == "sentiment" for source in told]
    for example in examples:
        shares = example.sentiment or example.emotion or ()
        assert (example.sentiment is None) != (example.emotion is None)
        assert sum(shares) == pytest.approx(1)
        assert min(shares) >= 0


def test_labels_of_other_sets_become_ours(tmp_path: Path):
    write_corpus(tmp_path)
    by_text = {example.text: example for example in learn_from(tmp_path)}
    for text, label in (("dair_emotion_train love", "joy"), ("tweeteval_emotion_train optimism", "joy")):
        assert by_text[text].emotion == one_hot(EMOTIONS, label)
    shared = by_text["goemotions_ekman_train anger,sadness"].emotion
    assert shared == tuple(0.5 if name in {"anger", "sadness"} else 0.0 for name in EMOTIONS)
    assert by_text["semeval2013-16_sentiment_train neutral"].sentiment == one_hot(SENTIMENTS, "neutral")
    assert "isear shame" not in by_text


def test_ratings_are_even_about_nothing_and_sure_at_the_ends():
    positive, neutral, negative = rating_of("0")
    assert positive == pytest.approx(negative)
    assert neutral > 0.85
    assert rating_of("0.7")[0] == pytest.approx(0.5)
    assert rating_of("-0.7")[2] == pytest.approx(0.5)
    assert rating_of("3.5")[0] > 0.99
    for rating in ("-4", "-0.7", "0.1", "4"):
        assert sum(rating_of(rating)) == pytest.approx(1)
        assert min(rating_of(rating)) >= 0


def test_a_text_of_a_validation_file_is_never_learned(tmp_path: Path):
    write_corpus(tmp_path)
    before = learn_from(tmp_path)
    # As another would write it: what is compared is what the model reads.
    held_back = "@someone  tweeteval_sentiment_val https://example.org"
    for file, label in (("semeval2013-16_sentiment_train.tsv", "positive"), ("tweeteval_sentiment_val.tsv", "neutral")):
        with (tmp_path / file).open("a", encoding="utf-8") as rows:
            rows.write(f"{label}\t{held_back}\n")
            held_back = held_back.replace("someone", "another")
    assert learn_from(tmp_path) == before


def test_validation_is_of_one_task_and_of_rows_with_one_label(tmp_path: Path):
    write_corpus(tmp_path)
    assert {example.text for example in validate_on(tmp_path, "emotion")} == {
        f"goemotions_ekman_dev {label}" for label in EMOTIONS
    }
    assert all(example.sentiment for example in validate_on(tmp_path, "sentiment"))


def test_the_permissive_rows_are_those_of_permissive_terms(tmp_path: Path):
    write_corpus(tmp_path)
    texts = [example.text for example in learn_from(tmp_path, permissive_only=True)]
    assert texts
    assert {text.split()[0] for text in texts} == {"vader_tweets_groundtruth", "goemotions_ekman_train"}


@pytest.mark.parametrize("source", [*SOURCES, *VALIDATION], ids=lambda source: source.file)
def test_a_missing_file_and_an_unknown_label_are_named(tmp_path: Path, source: object):
    file = source.file  # type: ignore[attr-defined]
    write_corpus(tmp_path)
    with (tmp_path / file).open("a", encoding="utf-8") as rows:
        rows.write("indifference\ta text\n")
    with pytest.raises(InvalidInputError, match=rf"{file}:{len(LABELS[file]) + 1}: has no label of this file: 'indiff"):
        learn_from(tmp_path)
    (tmp_path / file).unlink()
    with pytest.raises(InvalidInputError, match=f"{file}: No such file"):
        learn_from(tmp_path)


def test_an_order_is_the_seeds_alone(tmp_path: Path):
    write_corpus(tmp_path)
    examples = learn_from(tmp_path)
    assert shuffled(examples, 1) == shuffled(examples, 1) != shuffled(examples, 2)
    assert sorted(map(repr, shuffled(examples, 1))) == sorted(map(repr, examples))

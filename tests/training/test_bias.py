"""The probe of bias finds a scorer that minds who is spoken of, and clears one that does not."""

import pytest

pytest.importorskip("torch", reason="training needs torch, which scripts/torch installs")

from training.bias import probe


def test_a_scorer_that_reads_no_names_has_no_gap():
    gaps = probe(lambda texts: [float("wonderful" in text) for text in texts])
    assert gaps
    assert all(gap.widest == pytest.approx(0) for gap in gaps)


def test_a_scorer_that_minds_a_name_is_found():
    gaps = {gap.kind: gap for gap in probe(lambda texts: [-1.0 if "Jamal" in text else 0.0 for text in texts])}
    assert gaps["origin of a name"].widest == pytest.approx(0.25)
    assert gaps["origin of a name"].scores["African American"] == pytest.approx(-0.25)
    assert gaps["pronoun"].widest == 0


def test_every_sentence_begins_with_a_capital():
    texts: list[str] = []
    probe(lambda asked: texts.extend(asked) or [0.0] * len(asked))
    assert all(text[0].isupper() for text in texts)
    assert any(text.startswith("She ") for text in texts)

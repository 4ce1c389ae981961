"""A student's logits, made into shares that mean what they say."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs torch, which scripts/torch installs")

from training.calibrate import Calibration, applied, calibrate
from training.corpus import Example
from training.measure import measured, softmax

_RANDOM = np.random.default_rng(7)


def _rows(shares: tuple[float, float, float], count: int) -> tuple[list[Example], np.ndarray]:
    """Sentiments drawn by ``shares``, and logits that know them with noise."""
    drawn = _RANDOM.choice(3, size=count, p=shares)
    examples = [Example("", "", tuple(float(at == one) for at in range(3)), None) for one in drawn]
    logits = np.zeros((count, 10), np.float32)
    logits[np.arange(count), drawn] += 1.0
    logits[:, :3] += np.log(shares) + _RANDOM.normal(0, 1.0, (count, 3))
    return examples, logits


def test_a_rare_class_is_lifted_and_macro_recall_gains():
    examples, logits = _rows((0.75, 0.2, 0.05), 4_000)
    head = calibrate(examples, logits, "sentiment")
    assert head.bias[2] > head.bias[1] > head.bias[0]
    before = measured(examples, logits, "sentiment")
    after = measured(examples, applied(logits, {"sentiment": head}), "sentiment")
    assert after.macro_recall > before.macro_recall + 0.02


def test_shares_that_were_too_sure_are_made_as_sure_as_they_are_right():
    examples, logits = _rows((0.34, 0.33, 0.33), 4_000)
    head = calibrate(examples, 5 * logits, "sentiment")
    assert head.temperature > 2
    before = measured(examples, 5 * logits, "sentiment").expected_calibration_error
    after = measured(examples, applied(5 * logits, {"sentiment": head}), "sentiment").expected_calibration_error
    assert after < before / 2


def test_one_head_is_calibrated_and_the_other_left():
    logits = _RANDOM.normal(size=(5, 10)).astype(np.float32)
    calibrated = applied(logits, {"sentiment": Calibration((1.0, 0.0, -1.0), 2.0)})
    assert np.array_equal(calibrated[:, 3:], logits[:, 3:])
    assert np.allclose(calibrated[:, 0], (logits[:, 0] + 1) / 2)
    assert np.allclose(softmax(calibrated[:, :3]).sum(1), 1)

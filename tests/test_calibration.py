"""Probabilities are brought to mean what they say, and what is left of their error is measured."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax

from cic.evaluation.statistics import calibration as measured
from cic.model.calibration import HIGHEST, LOWEST, temperature


def drawn(n: int, n_labels: int = 4, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Logits, and labels drawn with exactly the probabilities that these give."""
    draw = np.random.default_rng(seed)
    logit_SL = 2 * draw.normal(size=(n, n_labels))
    below_SL = softmax(logit_SL, axis=1).cumsum(axis=1)
    return logit_SL, (draw.random(n)[:, None] > below_SL).sum(axis=1).clip(max=n_labels - 1)


def error(logit_SL, label_S, divisor):
    given = measured.answers(logit_SL, label_S, np.full(len(label_S), divisor))
    return measured.calibration_error(measured.reliability(given.confidence_S, given.hit_S))


@pytest.mark.parametrize("factor", [0.25, 1.0, 4.0])
def test_a_known_temperature_is_found(factor):
    logit_SL, label_S = drawn(6000)
    assert temperature(factor * logit_SL, label_S) == pytest.approx(factor, rel=0.05)


def test_too_sure_is_measured_and_mended():
    logit_SL, label_S = drawn(6000)
    assert error(4 * logit_SL, label_S, 1.0) > 0.1
    assert error(4 * logit_SL, label_S, 4.0) < 0.02
    before, after = (measured.answers(4 * logit_SL, label_S, np.full(6000, divisor)) for divisor in (1.0, 4.0))
    assert after.surprise < before.surprise
    assert (after.hit_S == before.hit_S).all()


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 60), st.floats(0.1, 10), st.integers(0, 99))
def test_temperature_lowers_the_loss_it_is_fitted_to_and_is_bounded(n, factor, seed):
    logit_SL, label_S = drawn(n, seed=seed)
    found = temperature(factor * logit_SL, label_S)
    assert LOWEST <= found <= HIGHEST

    def loss(divisor):
        return n * measured.answers(factor * logit_SL, label_S, np.full(n, divisor)).surprise + np.log(divisor) ** 2 / 2

    assert loss(found) <= min(loss(1.0), loss(1.1 * found), loss(found / 1.1)) + 1e-3


def test_right_answers_alone_allow_no_boundless_certainty():
    label_S = np.arange(12) % 3
    logit_SL = np.eye(3)[label_S]
    few, many = temperature(logit_SL, label_S), temperature(np.tile(logit_SL, (100, 1)), np.tile(label_S, 100))
    assert 2 * LOWEST < many < few < 0.5
    # who is sure already has nothing to gain
    assert temperature(20 * logit_SL, label_S) == pytest.approx(1, abs=0.01)


def test_unknown_and_impossible_labels_do_not_count():
    logit_SL, label_S = drawn(500)
    assert temperature(np.vstack([logit_SL, 50 * logit_SL]), np.append(label_S, np.full(500, -1))) == pytest.approx(
        temperature(logit_SL, label_S)
    )
    never_SL = np.column_stack([logit_SL, np.full(500, -np.inf)])
    assert np.isfinite(temperature(never_SL, label_S))
    assert temperature(logit_SL, np.full(500, -1)) == 1.0


def test_bins_hold_equal_numbers_and_the_error_by_hand():
    confidence_S = np.repeat([0.5, 0.9], 150)
    hit_S = np.concatenate([np.arange(150) % 2 == 0, np.arange(150) % 3 == 0])
    table = measured.reliability(confidence_S, hit_S)
    assert table["n"].tolist() == [20] * 15
    rough = measured.reliability(confidence_S[::20], hit_S[::20])
    assert len(rough) == 1 and rough["n"].sum() == 15
    halves = measured.reliability(np.repeat([0.5, 0.9], 10), np.repeat([True, False], 10))
    assert measured.calibration_error(halves) == pytest.approx((0.5 + 0.9) / 2)


def test_few_profiles_look_miscalibrated_by_chance_alone():
    draw = np.random.default_rng(0)
    few, many = (measured.error_by_chance(np.full(n, 0.7), draw) for n in (40, 4000))
    assert few > 3 * many and many < 0.03

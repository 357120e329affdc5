"""Logits mended by left-out labels (`cic.model.recalibration`)."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_softmax, softmax

from cic.model.calibration import temperature
from cic.model.recalibration import recalibration


def drawn(n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give logits that are twice too sure between the first two of four labels and half as sure of the others."""
    draw = np.random.default_rng(seed)
    right_NL = draw.normal(size=(n, 4)) * 3
    label_N = np.array([draw.choice(4, p=p_L) for p_L in softmax(right_NL, axis=1)])
    said_NL = right_NL * np.array([2.0, 2.0, 0.5, 0.5]) + np.array([0.0, 0.0, 1.0, 0.0])
    return said_NL, label_N, right_NL


def surprise(logit_NL: np.ndarray, label_N: np.ndarray) -> float:
    """Mean negative log-likelihood."""
    return -float(log_softmax(logit_NL, axis=1)[np.arange(len(label_N)), label_N].mean())


def test_what_no_temperature_mends_is_mended_on_further_profiles():
    said_NL, label_N, _ = drawn(600, 0)
    weight_LL, constant_L = recalibration(said_NL, label_N, np.arange(600))
    said_SL, label_S, right_SL = drawn(2000, 1)
    best = surprise(right_SL, label_S)
    cooled = surprise(said_SL / temperature(said_NL, label_N), label_S) - best
    mended = surprise(said_SL @ weight_LL + constant_L, label_S) - best
    assert mended < cooled / 2


def test_the_fewer_groups_the_less_is_changed_and_by_few_of_a_label_nothing():
    said_NL, label_N, _ = drawn(160, 2)
    number_N, changed = np.arange(160), []
    for group_N in (number_N, number_N // 4, number_N // 20):
        weight_LL, constant_L = recalibration(said_NL, label_N, group_N)
        changed.append(float(np.abs(constant_L).max()))
    assert changed[0] > changed[1] > changed[2] == 0
    assert np.array_equal(weight_LL, np.eye(4))


def test_a_label_of_few_groups_loses_nothing_to_large_ones():
    draw = np.random.default_rng(3)
    label_N = np.repeat([0, 1, 2], [150, 150, 8])
    said_NL = draw.normal(size=(308, 3)) + 1.5 * np.eye(3)[label_N]
    weight_LL, constant_L = recalibration(said_NL, label_N, np.arange(308))
    mended_NL = said_NL @ weight_LL + constant_L
    rare_N = label_N == 2
    assert (mended_NL[rare_N].argmax(axis=1) == 2).sum() >= (said_NL[rare_N].argmax(axis=1) == 2).sum() - 1
    assert constant_L[2] == 0 and constant_L[:2].any()


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), n=st.integers(60, 90))
def test_a_shift_of_all_logits_tells_nothing_and_labels_without_profiles_keep_their_place(seed, n):
    said_NL, label_N, _ = drawn(n, seed)
    label_N = np.minimum(label_N, 2)  # nothing is known of the last
    weight_LL, constant_L = recalibration(said_NL, label_N, np.arange(n))
    mended_NL = said_NL @ weight_LL + constant_L
    moved_NL = (said_NL + 5.0) @ weight_LL + constant_L
    assert np.allclose(softmax(moved_NL, axis=1), softmax(mended_NL, axis=1))
    never_NL = said_NL.copy()
    never_NL[:, 3] = -1e4
    assert softmax(never_NL @ weight_LL + constant_L, axis=1)[:, 3].max() < 1e-12

"""Precision and recall of links, where the truth is known by construction."""

from __future__ import annotations

import numpy as np
import pytest

from cic.evaluation.axes.recovery import Links, compare, correlations, decoded, mean_over_programs


@pytest.fixture(scope="module")
def activity():
    return np.random.default_rng(0).normal(size=(200, 6))


def links(code, score, found, decoy=None):
    found = np.asarray(found, dtype=bool)
    return Links(np.asarray(score, dtype=float), found, np.zeros_like(found) if decoy is None else decoy, code)


def scored(activity, **methods):
    return compare(methods, activity, 500, 0.95, 1)


def test_perfect_links_are_all_true(activity):
    recoveries, _ = scored(activity, model=links(activity, np.eye(6), np.eye(6)))
    found = recoveries["model"]
    assert (found.n_links, found.n_true) == (6, 6)
    assert found.precision.value == found.recall.value == found.strongest.value == found.reachable == 1
    assert found.average_precision == pytest.approx(1)
    assert found.base_rate == pytest.approx(1 / 6)


def test_the_sign_of_a_link_counts(activity):
    recoveries, _ = scored(
        activity, model=links(-activity, -np.eye(6), np.eye(6)), wrong=links(-activity, np.eye(6), np.eye(6))
    )
    assert recoveries["model"].precision.value == 1
    assert recoveries["wrong"].precision.value == 0
    assert recoveries["wrong"].recall.value == 0
    assert recoveries["wrong"].reachable == 1


def test_links_of_numbers_that_follow_nothing_are_false(activity):
    noise = np.random.default_rng(1).normal(size=(200, 6))
    recoveries, _ = scored(activity, model=links(noise, np.eye(6), np.ones((6, 6))))
    assert recoveries["model"].precision.value == 0
    assert recoveries["model"].reachable == 0


def test_half_the_links_false_is_half_the_precision_and_all_the_recall(activity):
    found = np.eye(6) + np.roll(np.eye(6), 1, axis=1)
    recoveries, _ = scored(activity, model=links(activity, np.eye(6) + 0.1, found))
    assert recoveries["model"].precision.value == pytest.approx(0.5)
    assert recoveries["model"].recall.value == 1


def test_differences_are_paired(activity):
    half = np.diag([1, 1, 1, 0, 0, 0])
    _, differences = scored(
        activity, model=links(activity, np.eye(6), np.eye(6)), same=links(activity, np.eye(6), np.eye(6)),
        less=links(activity, np.eye(6), half),
    )  # fmt: skip
    same, less = differences["same"]["recall"], differences["less"]["recall"]
    assert (same.low, same.value, same.high) == (0, 0, 0)
    assert less.value == pytest.approx(0.5)
    assert 0 <= less.low < 0.5 < less.high


def test_no_links_have_no_precision(activity):
    recoveries, _ = scored(activity, model=links(activity, np.eye(6), np.zeros((6, 6))))
    assert np.isnan(recoveries["model"].precision.value)
    assert recoveries["model"].precision.low is None
    assert recoveries["model"].recall.value == 0


def test_a_constant_number_follows_nothing(activity):
    code = activity.copy()
    code[:, 0] = 3
    assert not correlations(activity, code)[:, 0].any()


def test_all_numbers_together_tell_what_no_single_one_does():
    draw = np.random.default_rng(0)
    activity_SP = draw.normal(size=(200, 3))
    mixed_SW = activity_SP @ np.linalg.qr(draw.normal(size=(3, 3)))[0]
    told_P = decoded(mixed_SW[:100], mixed_SW[100:], activity_SP[:100], activity_SP[100:])
    np.testing.assert_allclose(told_P, 1, atol=1e-9)
    blind_P = decoded(draw.normal(size=(100, 3)), draw.normal(size=(100, 3)), activity_SP[:100], activity_SP[100:])
    assert blind_P.max() < 0.1
    found = mean_over_programs(np.array([0.2, 0.4, 0.6, 0.8, 1.0, np.nan]), 200, 0.95, 1)
    assert found.low < found.value < found.high and found.value == 0.6


def test_constant_numbers_tell_nothing():
    activity_SP = np.random.default_rng(0).normal(size=(60, 2))
    told_P = decoded(np.ones((30, 2)), np.ones((30, 2)), activity_SP[:30], activity_SP[30:])
    assert (told_P <= 0).all()

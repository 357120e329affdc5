"""How profiles tell that they are noisy or were filled in, and what that does to what they are told to be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax
from scipy.stats import multivariate_normal

from cic.model.classifier import Classifier
from cic.model.classifier_fit import find_classifier
from cic.model.disturbance import FILLED_D, NOISE_D, spread_of, varies_beyond
from cic.model.heads import Labelled

N_LABELS, SPREAD_K = 4, np.geomspace(3, 0.1, 60)


def drawn(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Profiles of some types, apart along coordinates of great and of little variance, and their labels."""
    mean_LK = np.random.default_rng(0).normal(size=(N_LABELS, len(SPREAD_K))) * SPREAD_K * 0.6
    draw, label_S = np.random.default_rng(seed), np.arange(n) % N_LABELS
    return mean_LK[label_S] + draw.normal(size=(n, len(SPREAD_K))) * SPREAD_K, label_S


def noisy(z_SK: np.ndarray, seed: int) -> tuple[np.ndarray, float]:
    """Add three times the mean variance of a gene; give that, too."""
    noise = 3 * float(np.square(SPREAD_K).mean()) * 1.36
    return z_SK + np.random.default_rng(seed).normal(size=z_SK.shape) * noise**0.5, noise


@pytest.fixture(scope="module")
def found() -> tuple[Classifier, np.ndarray]:
    """A classifier of profiles, and their variance along coordinates."""
    z_SK, label_S = drawn(400, 1)
    known = label_S, np.arange(400), N_LABELS, z_SK.shape[1], np.zeros(400)
    return find_classifier(Labelled(z_SK[:, :5], z_SK, z_SK, *known), 1), z_SK.var(axis=0)


def logits(found: Classifier, z_SK: np.ndarray) -> np.ndarray:
    return found.profile_logits(z_SK[:, :5], z_SK, np.zeros(len(z_SK)), None)


def test_profiles_tell_by_themselves_whether_they_are_noisy_or_were_filled_in(found):
    classifier, variance_K = found
    z_SK, _ = drawn(200, 2)
    noisy_SK, noise = noisy(z_SK, 3)
    filled_SK = noisy_SK * variance_K / (variance_K + noise)
    clean_S, noisy_S, filled_S = (classifier.disturbance(x_SK, np.zeros(200)) for x_SK in (z_SK, noisy_SK, filled_SK))
    assert np.mean(clean_S == 0) > 0.9
    assert np.mean((NOISE_D[noisy_S] == 3) & ~FILLED_D[noisy_S]) > 0.9
    assert np.mean((NOISE_D[filled_S] == 3) & FILLED_D[filled_S]) > 0.9


def test_disturbed_profiles_are_told_better_and_less_surely_by_heads_that_expect_it(found):
    classifier, variance_K = found
    z_SK, label_S = drawn(1000, 4)
    noisy_SK, noise = noisy(z_SK, 5)
    undisturbed = replace(classifier, precision_DK=None, precision_D=None, density_D=None, **{
        name: getattr(classifier, name)[:1] for name in ("profile_DLK", "profile_DL")
    })  # fmt: skip
    for x_SK in (noisy_SK, noisy_SK * variance_K / (variance_K + noise)):
        right = [float(np.mean(logits(one, x_SK).argmax(axis=1) == label_S)) for one in (classifier, undisturbed)]
        assert right[0] > right[1] + 0.02, right
    told_SL, noisy_SL = (softmax(logits(classifier, x_SK), axis=1) for x_SK in (z_SK, noisy_SK))
    assert noisy_SL.max(axis=1).mean() < told_SL.max(axis=1).mean() - 0.1
    right = float(np.mean(noisy_SL.argmax(axis=1) == label_S))
    assert noisy_SL.max(axis=1).mean() == pytest.approx(right, abs=0.05)
    np.testing.assert_array_equal(logits(classifier, z_SK).argmax(axis=1), logits(undisturbed, z_SK).argmax(axis=1))


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 99), st.lists(st.sampled_from([0.0, 0.1, 1.0, 10.0]), min_size=1, max_size=6))
def test_who_else_is_told_makes_no_difference(found, seed, noises):
    classifier, _ = found
    z_SK, _ = drawn(len(noises), seed)
    z_SK = z_SK + np.random.default_rng(seed).normal(size=z_SK.shape) * np.array(noises)[:, None]
    each_SL = np.concatenate([logits(classifier, z_SK[[at]]) for at in range(len(z_SK))])
    np.testing.assert_allclose(logits(classifier, z_SK), each_SL, rtol=1e-6, atol=1e-6)


def test_rounding_outside_of_all_coordinates_tells_nothing(found):
    classifier, variance_K = found
    z_SK, _ = drawn(3000, 6)
    noisy_SK, noise = noisy(z_SK, 7)
    left_S1 = np.linspace(0, 1, 3000)[:, None]  # from profiles as they are to completed ones
    partly_SK = left_S1 * z_SK + (1 - left_S1) * noisy_SK * variance_K / (variance_K + noise)
    rounding_S = np.finfo(np.float32).eps * np.square(partly_SK).sum(axis=1)
    alike_S = classifier.disturbance(partly_SK, rounding_S) == classifier.disturbance(partly_SK, np.zeros(3000))
    assert len(np.unique(classifier.disturbance(partly_SK, rounding_S))) > 1 and alike_S.mean() > 0.999


def test_coordinates_that_no_head_reads_are_outside_of_those_that_are_read():
    draw, x_SX = np.random.default_rng(0), np.random.default_rng(1).normal(size=(30, 4))
    precision_DK, precision_D, density_D = spread_of(x_SX, np.full(30, 2.0), 9, beyond=0.2).normals()
    heads = np.zeros((2, 3)), np.zeros(2), np.zeros((5, 2, 4)), np.zeros((5, 2))
    told = Classifier(*heads, precision_DK=precision_DK, precision_D=precision_D, density_D=density_D)
    z_SK, outside_S = draw.normal(size=(200, 7)) * draw.uniform(0.1, 3, size=(200, 1)), draw.uniform(size=200)
    number_S = told.disturbance(z_SK, outside_S)
    assert len(np.unique(number_S)) > 2
    np.testing.assert_array_equal(
        told.disturbance(z_SK[:, :4], outside_S + np.square(z_SK[:, 4:]).sum(axis=1)), number_S
    )


def test_densities_are_those_of_the_library():
    draw = np.random.default_rng(0)
    x_SX, outside_S = draw.normal(size=(30, 4)) * [3, 2, 1, 0.5], draw.uniform(size=30)
    spread = spread_of(x_SX, outside_S, 9, beyond=0.2)
    precision_DX, precision_D, density_D = spread.normals()
    for number, (noise, filled) in enumerate(zip(spread.noise_D, FILLED_D, strict=True)):
        plain_Y = np.concatenate([spread.variance_X, np.full(5, spread.outside)])
        variance_Y = plain_Y**2 / (plain_Y + noise) if filled else plain_Y + noise
        y_SY = draw.normal(size=(6, 9))
        inside_SX, outside_S = y_SY[:, :4], np.square(y_SY[:, 4:]).sum(axis=1)
        energy_S = np.square(inside_SX) @ precision_DX[number] + outside_S * precision_D[number]
        book_S = multivariate_normal(np.zeros(9), np.diag(variance_Y)).logpdf(y_SY) + 9 * np.log(2 * np.pi) / 2
        np.testing.assert_allclose(density_D[number] - energy_S / 2, book_S, rtol=1e-4)


def test_new_profiles_vary_beyond_the_training_ones_by_what_those_left_out_do():
    draw = np.random.default_rng(0)
    few_SX, many_SX = (draw.normal(size=(n, 40)) * np.geomspace(3, 0.3, 40) for n in (25, 4000))
    found = [varies_beyond(x_SX, np.zeros(len(x_SX)), np.arange(len(x_SX)), 40, 1) for x_SX in (few_SX, many_SX)]
    assert found[0] > 0.05 and found[1] < 0.005, found
    grouped_SX, unit_S = many_SX[:400] + 2 * draw.normal(size=(20, 40)).repeat(20, axis=0), np.arange(400) // 20
    apart, together = (varies_beyond(grouped_SX, np.zeros(400), of_S, 40, 1) for of_S in (np.arange(400), unit_S))
    assert together > 2 * apart, (apart, together)


def test_of_two_groups_each_is_left_out_once():
    draw = np.random.default_rng(1)
    unit_S = np.repeat([0, 1], [10, 40])
    x_SX = draw.normal(size=(50, 30)) * np.geomspace(3, 0.3, 30) + draw.normal(size=(2, 30))[unit_S]
    found = {varies_beyond(x_SX - x_SX.mean(axis=0), np.zeros(50), unit_S, 500, seed) for seed in range(8)}
    assert len(found) == 1, found

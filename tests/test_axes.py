"""Axes by other methods, one axis a program, and links with gene sets that shuffled profiles do not have."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cic.evaluation.axes.matching import matched, medians
from cic.evaluation.axes.recovery import correlations
from cic.evaluation.axes.rivals import RIVALS, Profiles
from cic.evaluation.axes.set_links import FOLLOWS, LinkSpec, held_out_r, set_expression, set_links

SOURCES, GENES, TRAIN = 4, 300, 200


@pytest.fixture(scope="module")
def planted():
    """Independent skewed sources, each of which moves genes of its own."""
    draw = np.random.default_rng(3)
    source_SP = draw.exponential(size=(TRAIN + 100, SOURCES))
    effect_PG = draw.exponential(size=(SOURCES, GENES)) * (draw.random((SOURCES, GENES)) < 0.2)
    x_SG = source_SP @ effect_PG + 0.02 * draw.normal(size=(TRAIN + 100, GENES))
    x_SG = (x_SG - x_SG[:TRAIN].mean(axis=0)).astype(np.float32)
    components_GK = np.linalg.svd(x_SG[:TRAIN], full_matrices=False)[2].T.astype(np.float32)
    z_SK = x_SG @ components_GK
    return source_SP, Profiles(components_GK, z_SK[:TRAIN], z_SK[TRAIN:], x_SG[:TRAIN], x_SG[TRAIN:])


@pytest.mark.parametrize("name", RIVALS)
def test_rivals_give_as_many_axes_as_asked_and_the_same_again(planted, name):
    source_SP, profiles = planted
    axes, again = (RIVALS[name](profiles, SOURCES, 5) for _ in range(2))
    assert axes.loading_GF.shape == (GENES, SOURCES)
    assert axes.train_NF.shape == (TRAIN, SOURCES) and axes.test_SF.shape == (100, SOURCES)
    np.testing.assert_array_equal(axes.test_SF, again.test_SF)
    least = {"ica": 0.9, "ica_genes": 0.9, "nmf": 0.9, "sparse_pca": 0.9}
    found_P = matched(correlations(source_SP[TRAIN:], axes.test_SF))
    assert found_P.min() > least.get(name, 0), "what looks for sources finds them"
    if name == "blind":
        assert found_P.min() < 0.9


@pytest.mark.parametrize("name", ["pca", "ica", "ica_genes", "sparse_pca", "blind"])
def test_held_out_profiles_are_seen_as_training_ones_are(planted, name):
    twice = replace(planted[1], z_test_SK=planted[1].z_train_NK)
    axes = RIVALS[name](twice, SOURCES, 5)
    np.testing.assert_allclose(axes.train_NF, axes.test_SF, atol=1e-6 * np.abs(axes.train_NF).max())


def test_more_axes_than_directions_are_as_many_as_there_are(planted):
    assert RIVALS["pca"](planted[1], 10 * GENES, 1).train_NF.shape[1] == planted[1].components_GK.shape[1]


def test_an_axis_goes_to_one_program_and_a_program_without_one_has_nothing():
    r_PF = np.array([[0.9, 0.1], [-0.8, 0.1], [0.0, 0.3]])
    np.testing.assert_allclose(matched(r_PF), [0.9, 0.0, 0.3])
    np.testing.assert_allclose(matched(r_PF[:, :1]), [0.9, 0, 0])
    value, value_R = medians(np.array([0.1, 0.5, 0.6, 0.7, 0.9]), 200, 1)
    assert value == 0.6 and value_R.min() < 0.6 < value_R.max()


# links with gene sets


@pytest.fixture(scope="module")
def going_together():
    """Sets whose genes go together by a few skewed factors, as those of pathways do, and axes of the same factors."""
    draw = np.random.default_rng(0)
    factor_NK, load_KG = np.exp(draw.normal(size=(120, 6))), draw.normal(size=(6, 800))
    x_NG = factor_NK @ np.abs(load_KG) + draw.normal(size=(120, 800))
    members = tuple(
        np.sort(np.argsort(-load_KG[at % 6] + 0.3 * draw.normal(size=800))[:size])
        for at, size in enumerate(draw.integers(15, 80, 30))
    )
    axes_NF = np.maximum(factor_NK @ draw.normal(size=(6, 12)), 0) ** 2
    return set_expression(x_NG, members, x_NG.std(axis=0)), factor_NK, axes_NF


def test_axes_of_shuffled_profiles_have_about_no_links(going_together):
    set_PN, _, axes_NF = going_together
    draw = np.random.default_rng(1)
    found = [
        set_links(LinkSpec(set_PN, draw.permuted(axes_NF, axis=0), 200, 0.05, seed)).beyond.sum() for seed in range(40)
    ]
    assert np.mean(np.array(found) > 0) <= 0.15, "of 40 draws one in twenty may have some, at a rate of 5%"
    assert np.mean(found) < 1


def test_an_axis_is_linked_with_the_sets_that_it_moves(going_together):
    set_PN, factor_NK, _ = going_together
    links = set_links(LinkSpec(set_PN, factor_NK, 200, 0.05, 1))
    own = np.arange(len(set_PN)) % 6
    assert links.found[np.arange(len(set_PN)), own].mean() > 0.9
    assert (links.found <= links.beyond).all()
    assert (np.abs(links.r[links.found]) >= FOLLOWS).all()
    np.testing.assert_allclose(links.r[3, 2], np.corrcoef(set_PN[3], factor_NK[:, 2])[0, 1], atol=1e-5)


def test_an_axis_that_never_moves_has_no_links(going_together):
    links = set_links(LinkSpec(going_together[0], np.zeros((120, 1)), 50, 0.05, 1))
    assert not links.r.any() and (links.p == 1).all() and not links.found.any()


def test_what_an_axis_follows_by_chance_does_not_hold_in_new_profiles(going_together):
    set_PN, factor_NK, _ = going_together
    train, test = slice(0, 60), slice(60, None)
    many_NF = np.random.default_rng(2).normal(size=(120, 200))
    by_chance_P, true_P = (
        held_out_r(set_PN[:, train], one[train], set_PN[:, test], one[test]) for one in (many_NF, factor_NK)
    )
    assert np.abs(np.corrcoef(set_PN[0, train], many_NF[train].T)[0, 1:]).max() > 0.3, "of 200 one seems to follow it"
    assert abs(np.median(by_chance_P)) < 0.1
    assert np.median(true_P) > 0.7
    np.testing.assert_allclose(
        held_out_r(set_PN[:, train], -factor_NK[train], set_PN[:, test], -factor_NK[test]), true_P
    )


def test_sets_are_told_in_standard_deviations_of_training():
    x_SG = np.array([[1.0, 10.0, 0.0], [3.0, 20.0, 0.0]])
    found_PS = set_expression(x_SG, [np.array([0]), np.array([2])], np.array([1.0, 10.0, 0.0]))
    np.testing.assert_allclose(found_PS, [[1 - 2 / 3, 3 - 5 / 3], [-2 / 3, -5 / 3]])

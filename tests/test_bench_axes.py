"""Links that random directions do not have, and how axes and planted programs are summed up."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bench.axes_shown import recovered, summary, table
from bench.axes_specific import named, random_r
from cic.evaluation.axes.set_links import set_expression

PROFILES, GENES, SETS, AXES = 150, 400, 40, 60


@pytest.fixture(scope="module")
def profiles():
    """Expression of sets, each with a quiet factor of its own below two loud ones; profiles along their components."""
    draw = np.random.default_rng(4)
    loud_NK, quiet_NP = 5 * draw.normal(size=(PROFILES, 2)), draw.exponential(size=(PROFILES, SETS))
    x_NG = loud_NK @ draw.normal(size=(2, GENES)) + 0.3 * draw.normal(size=(PROFILES, GENES))
    members = [np.arange(10 * at, 10 * at + 10) for at in range(SETS)]
    for at, positions in enumerate(members):
        x_NG[:, positions] += quiet_NP[:, [at]]
    x_NG -= x_NG.mean(axis=0)
    left, size, _ = np.linalg.svd(x_NG, full_matrices=False)
    return set_expression(x_NG, members, x_NG.std(axis=0)), left * size


def best_r(set_PN, axes_NF):
    return np.abs(np.corrcoef(set_PN, axes_NF.T)[: len(set_PN), len(set_PN) :]).max(axis=1)


@pytest.mark.parametrize("span", [4, 8, 16, 40, 60])
def test_random_directions_seldom_exceed_it_whatever_their_span(profiles, span):
    set_PN, along_NK = profiles
    limit_P, draw = random_r(set_PN, along_NK, AXES, seed=1), np.random.default_rng(span)
    exceeds = [best_r(set_PN, along_NK[:, :span] @ draw.normal(size=(span, AXES))) > limit_P for _ in range(40)]
    assert np.mean(exceeds) <= 0.07, "one in twenty, of some draws"


def test_it_is_reached_in_some_span(profiles):
    set_PN, along_NK = profiles
    limit_P, draw = random_r(set_PN, along_NK, AXES, seed=1), np.random.default_rng(9)
    spans = [4, 8, 16, 32, 60]
    reached = [best_r(set_PN, along_NK[:, :span] @ draw.normal(size=(span, 20 * AXES))) > limit_P for span in spans]
    assert np.any(reached, axis=0).mean() > 0.4, "the best of twenty times as many exceeds it often, so it is not idle"


def test_the_direction_that_fits_a_set_best_exceeds_it(profiles):
    set_PN, along_NK = profiles
    limit_P = random_r(set_PN, along_NK, AXES, seed=1)
    fitted_NP = along_NK[:, :AXES] @ np.linalg.lstsq(along_NK[:, :AXES], set_PN.T, rcond=None)[0]
    assert (best_r(set_PN, fitted_NP) > limit_P).mean() > 0.9


def test_the_limit_grows_with_the_number_of_axes_and_is_the_same_again(profiles):
    set_PN, along_NK = profiles
    few_P, many_P = (random_r(set_PN, along_NK[:, :20], n_axes, seed=1) for n_axes in (5, 20))
    assert np.median(few_P) < np.median(many_P)
    np.testing.assert_array_equal(many_P, random_r(set_PN, along_NK[:, :20], 20, seed=1))


def test_an_axis_with_too_many_sets_has_no_name():
    specific_PF = np.zeros((30, 4), dtype=bool)
    specific_PF[:1, 1] = specific_PF[:20, 2] = specific_PF[:21, 3] = True
    assert named(specific_PF) == 2


def test_programs_of_all_seeds_count_alike():
    counts = {"links_P": [2, 0], "true_P": [1, 0], "followed_P": [4, 4], "truly_followed_P": [1, 1]}
    one = {
        "setting": "hard", "method": "features", "asked": "as many", "axes": 3, "seconds": 1.0, "recurs": None,
        "average_precision": 0.5, "blind_precision": 0.1, "matched_P": [0.9, 0.5], **counts,
        "specific_P": [1, 0], "truly_specific_P": [1, 0], "rich_P": [3, 2], "truly_rich_P": [1, 1],
        "named_P": [2, 0], "truly_named_P": [1, 0],
    }  # fmt: skip
    rows = [one, {**one, "matched_P": [0.7, 0.1], "links_P": [6, 0]}]
    found = summary(pd.DataFrame(rows))
    assert found["median r"].value == pytest.approx(0.6)
    assert found["precision"].value == pytest.approx(2 / 8)
    assert found["recall"].value == found["specific, recall"].value == 0.5
    assert found["specific, precision"].value == 1 and found["sets followed, precision"].value == 0.25
    assert found["rich in, precision"].value == 0.4 and found["named, precision"].value == 0.5
    assert table(rows).count("\n") == 2
    of_r, of_precision = recovered(rows).rows[0][0].marks
    assert (of_r.x, of_precision.x) == ([pytest.approx(0.6)], [pytest.approx(0.25)])

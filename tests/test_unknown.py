"""Sets of answers cover what they promise, and what is foreign is told from what is known no better than it is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from evaluated import curved_profiles, some_evidence, some_facts, subject
from sklearn.metrics import auc, roc_auc_score

from cic.evaluation.questions.unknown.found import Found
from cic.evaluation.questions.unknown.measure import measure as measure_unknown
from cic.evaluation.questions.unknown.rejection import SCORES, Judged, curves, operating_point, pooled_aurocs
from cic.evaluation.questions.unknown.say import unknown_section, unknown_sentences
from cic.evaluation.questions.unseen_types.measure import measure as measure_unseen_types
from cic.evaluation.statistics.conformal import answer_sets, conformal_p, conformal_threshold, enough
from cic.evaluation.statistics.intervals import Interval, resampling, share_interval


def plan_for(n, group_S=None):
    samples = pd.DataFrame(index=[f"s{number}" for number in range(n)])
    return resampling(samples if group_S is None else samples.assign(group=group_S), 300, 0.95, 1)


def judged(n_types=3, n_each=20, n_calibration=30, seed=0, shift=1.0):
    """Test profiles of so many types, and calibration profiles after them; unknown ones are `shift` more foreign."""
    draw = np.random.default_rng(seed)
    n = n_types * n_each
    type_S = np.r_[np.repeat(np.arange(n_types), n_each), np.full(n_calibration, -1)]
    found = []
    for left_out in range(n_types):
        unknown_S = type_S == left_out
        scores = {name: draw.normal(size=len(type_S)) + shift * unknown_S for name in SCORES}
        scores["centroid"] = np.round(scores["centroid"])  # with ties
        right_S = (draw.random(len(type_S)) < 0.8) & ~unknown_S
        found.append(
            Judged(f"type {left_out}", scores, right_S, unknown_S, (type_S >= 0) & ~unknown_S, type_S < 0)
        )  # fmt: skip
    return found, np.arange(len(type_S)) < n


@pytest.fixture(scope="module")
def curved():
    return subject(curved_profiles(n_labels=6, n_samples=240, seed=4))


@pytest.fixture(scope="module")
def found(curved):
    return measure_unseen_types(curved), measure_unknown(curved)


@pytest.mark.parametrize(("n", "rate"), [(9, 0.1), (50, 0.1), (30, 0.25)])
def test_exchangeable_scores_are_covered_as_often_as_promised(n, rate):
    draw = np.random.default_rng(0)
    kept, low_p = [], []
    for _ in range(4000):
        *calibration, new = draw.exponential(size=n + 1)
        kept.append(new <= conformal_threshold(np.array(calibration), rate))
        low_p.append(conformal_p(np.array([new]), np.array(calibration))[0] <= rate)
    promised = np.ceil((n + 1) * (1 - rate) - 1e-9) / (n + 1)  # exact without ties
    assert np.mean(kept) == pytest.approx(promised, abs=0.02)
    assert promised >= 1 - rate
    np.testing.assert_array_equal(np.logical_not(kept), low_p)  # both ways reject the same


def test_too_few_to_calibrate_on():
    assert enough(9, 0.1) and not enough(8, 0.1)
    assert conformal_threshold(np.arange(9.0), 0.1) == 8.0


def test_p_values_count_ties_as_foreign():
    np.testing.assert_allclose(conformal_p(np.array([0.0, 2.0, 9.0]), np.array([1.0, 2.0, 2.0, 3.0])), [1, 0.8, 0.2])


def test_sets_of_answers_by_hand():
    probability_SL = np.array([[0.9, 0.1, 0.0]] * 9 + [[0.5, 0.5, 0.0], [1.0, 0.0, 0.0], [0.1, 0.1, 0.8]])
    calibration_S = np.arange(12) < 9
    found = answer_sets(probability_SL, np.zeros(12, dtype=int), calibration_S, ~calibration_S, 0.1, plan_for(3))
    # the threshold is a doubt of 0.1: only the second test profile has an answer, the true one
    # and the last but one has none at all, as has the one that is certain of another class below 0.9
    assert found["coverage"].value == pytest.approx(1 / 3)
    assert found["set_size"].value == pytest.approx(1 / 3)
    assert found["empty"].value == pytest.approx(2 / 3)
    assert found["single_right"].value == 1
    even_SL = np.full((12, 3), 1 / 3)
    found = answer_sets(even_SL, np.zeros(12, dtype=int), calibration_S, ~calibration_S, 0.1, plan_for(3))
    assert (found["coverage"].value, found["set_size"].value, found["single"].value) == (1, 3, 0)


@pytest.mark.parametrize(("n", "beyond"), [(20, 1 - 0.025**0.05), (4, None)])
def test_all_alike_is_not_taken_for_certain(n, beyond):
    all_S, plan = np.ones(n), plan_for(n)
    alike, none = share_interval(all_S, all_S, plan), share_interval(np.zeros(n), all_S, plan)
    assert (alike.value, none.value) == (1, 0)
    assert (alike.low, none.high) == ((None, None) if beyond is None else pytest.approx((1 - beyond, beyond)))
    assert (alike.high, none.low) == ((None, None) if beyond is None else (1, 0))
    twins = share_interval(all_S, all_S, plan_for(n, np.arange(n) // 2)) if n == 20 else none
    assert twins.low is None or twins.low == pytest.approx(0.025**0.1)


def test_aurocs_agree_with_sklearn():
    ones, test_S = judged()
    ones = [*ones[:2], replace(ones[2], unknown_S=ones[2].unknown_S & (np.arange(len(test_S)) < 47))]
    found = pooled_aurocs(ones, test_S, plan_for(int(test_S.sum())))
    for name in SCORES:
        by_type = []
        for one in ones:
            either_S = one.unknown_S | one.known_S
            by_type.append(roc_auc_score(one.unknown_S[either_S], one.scores[name][either_S]))
        np.testing.assert_allclose(found.by_type[name], by_type)
        assert found.pooled[name].value == pytest.approx(np.average(by_type, weights=[20, 20, 7]))
        assert found.pooled[name].low < found.pooled[name].value < found.pooled[name].high
    difference = found.pooled["model_error"].value - found.pooled["pca_error"].value
    assert found.to_pca["model_error"].value == found.model_minus["pca_error"].value == pytest.approx(difference)


def test_intervals_of_aurocs_cover_chance():
    hits, n = 0, 60
    for seed in range(n):
        ones, test_S = judged(n_types=2, seed=seed, shift=0.0)
        interval = pooled_aurocs(ones, test_S, plan_for(int(test_S.sum()))).pooled["model_error"]
        hits += interval.low <= 0.5 <= interval.high
    assert hits / n > 0.85


def test_a_score_beside_itself_differs_by_nothing_and_copies_in_a_group_tell_no_more():
    ones, test_S = judged(n_types=2)
    for one in ones:
        one.scores["pca_error"] = 3 * one.scores["model_error"] - 1
    alone = pooled_aurocs(ones, test_S, plan_for(40))
    assert (alone.to_pca["model_error"].low, alone.to_pca["model_error"].high) == (0, 0)
    twice_S = np.repeat(np.arange(len(test_S)), 4)
    copies = [
        Judged(
            one.name,
            {name: score_S[twice_S] for name, score_S in one.scores.items()},
            *(mask_S[twice_S] for mask_S in (one.right_S, one.unknown_S, one.known_S, one.calibration_S)),
        )
        for one in ones
    ]
    groups = [f"g{number}" for number in np.repeat(np.arange(40), 4)]
    copied = pooled_aurocs(copies, test_S[twice_S], plan_for(160, groups))
    assert copied.pooled["model_error"].value == pytest.approx(alone.pooled["model_error"].value)
    assert copied.pooled["model_error"].low == pytest.approx(alone.pooled["model_error"].low)


def test_operating_point_by_hand():
    ones, test_S = judged(shift=2.0)
    found = operating_point(ones, test_S, 0.1, plan_for(int(test_S.sum())))
    known = answered_known = unknown = rejected = wrong = wrong_known = wrong_always = 0
    for one in ones:
        for index in np.flatnonzero(test_S):
            scores = one.scores["model_error"]
            p = (1 + (scores[one.calibration_S] >= scores[index]).sum()) / (one.calibration_S.sum() + 1)
            answered = p > 0.1
            known += one.known_S[index]
            unknown += one.unknown_S[index]
            answered_known += answered and one.known_S[index]
            rejected += not answered and one.unknown_S[index]
            wrong += answered and not one.right_S[index]
            wrong_known += answered and one.known_S[index] and not one.right_S[index]
            wrong_always += not one.right_S[index]
    point = found["scores"]["model_error"]
    assert found["unknown_share"] == pytest.approx(unknown / (known + unknown)) == pytest.approx(1 / 3)
    assert point["known_answered"].value == pytest.approx(answered_known / known)
    assert point["unknown_rejected"].value == pytest.approx(rejected / unknown)
    assert point["error"].value == pytest.approx(wrong / (answered_known + unknown - rejected))
    assert point["error_known"].value == pytest.approx(wrong_known / answered_known)
    assert found["always"]["error"].value == pytest.approx(wrong_always / (known + unknown))
    assert point["error"].value < found["always"]["error"].value


def test_the_area_under_the_curve_is_the_auroc():
    ones, test_S = judged(n_each=60)
    pooled = pooled_aurocs(ones, test_S, plan_for(int(test_S.sum()))).pooled
    table = curves(ones)
    for name in SCORES:
        own = table[table["score"] == name]
        assert own["unknown_rejected"].is_monotonic_increasing
        assert auc(own["known_rejected"], own["unknown_rejected"]) == pytest.approx(pooled[name].value, abs=0.02)


def test_the_left_out_type_is_foreign_on_a_curve(found, tmp_path):
    types, found = found
    unknown = found.finding
    assert unknown.auroc["model_error"].low > 0.5
    assert set(unknown.auroc) == set(SCORES) and set(unknown.model_minus) == set(SCORES[1:])
    assert unknown.n_unknown == types.finding.n
    assert unknown.conformal.guarantee == 0.9 and unknown.conformal.n_classes == 6
    assert set(found.tables["unknown_types"]["label"]) == set(types.tables["unseen_types"]["label"])
    section = unknown_section(found.finding, some_evidence(found), tmp_path)
    assert len(section.table.rows) == 5
    assert f"{unknown.auroc['model_error'].value:.2f}" in section.claim
    assert section.picture.svg and section.notes


def test_types_that_are_not_types_are_not_told_apart(curved):
    draw = np.random.default_rng(0)
    name_of = {name: f"named {draw.integers(4)}" for name in curved.samples["replicate"].unique()}
    samples = curved.samples.assign(label=curved.samples["replicate"].map(name_of))
    finding = measure_unknown(replace(curved, samples=samples))
    auroc = finding.finding.auroc["model_error"]
    assert auroc.low < 0.5
    (sentence,) = unknown_sentences(finding.finding, some_facts(finding))
    assert sentence.standing == "bad"


def test_a_validation_part_too_small_is_said(curved, tmp_path):
    strict = replace(curved, params=curved.params.model_copy(deep=True))
    strict.params.evaluate.__dict__["error_rate"] = 0.001
    finding = measure_unknown(strict)
    unknown = finding.finding
    assert unknown.conformal is None and unknown.operating is None
    assert "999" in finding.left_out["unknown.conformal"]
    section = unknown_section(finding.finding, some_evidence(finding), tmp_path)
    assert section.table is None
    assert finding.left_out["unknown.operating"] in " ".join(section.notes)


@pytest.mark.parametrize(
    ("auroc", "minus", "standing"),
    [
        ((0.8, 0.9), [(0.1, 0.2)] * 3, "good"),
        ((0.8, 0.9), [(0.1, 0.2), (-0.1, 0.2), (0.1, 0.2)], "open"),
        ((0.8, 0.9), [(0.1, 0.2), (-0.2, -0.1), (0.1, 0.2)], "bad"),
        ((0.4, 0.9), [(0.1, 0.2)] * 3, "bad"),
        ((None, None), [(None, None)] * 3, "open"),
    ],
)
def test_good_only_where_it_beats_chance_and_every_other_score(auroc, minus, standing):
    unknown = Found.model_construct(
        n_unknown=9,
        n_types=3,
        auroc={name: Interval(0.85, *auroc) for name in SCORES},
        model_minus={name: Interval(0.0, *bounds) for name, bounds in zip(SCORES[1:], minus, strict=True)},
    )
    (sentence,) = unknown_sentences(unknown, some_facts())
    assert sentence.standing == standing

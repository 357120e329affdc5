"""The gate: what it lets through, what it refuses, and what must not sway it."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cic.config import Registry
from cic.registry.gate import AgainstChampion, Case, confidence_at, judge

THRESHOLDS = Registry(min_profiles=20, bootstrap=200)
seeds = st.integers(0, 2**32 - 1)
quick = settings(max_examples=25, deadline=None)


def evidence(
    seed: int,
    *,
    n_profiles: int = 40,
    n_groups: int = 0,
    over_pca: float = 0.8,
    over_champion: float | None = None,
    noise: float = 0.05,
    seen: int = 0,
) -> Case:
    """Errors of a challenger that are on average `over_pca` of PCA's and `over_champion` of the champion's."""
    draw = np.random.default_rng(seed)
    pca_S = draw.uniform(50, 150, n_profiles)

    def other(share: float) -> np.ndarray:
        return pca_S * share * np.exp(noise * draw.uniform(-1, 1, n_profiles))

    index = pd.Index([f"profile{number}" for number in range(n_profiles)], name="sample_id")
    samples = pd.DataFrame(index=index)
    if n_groups:
        samples["group"] = [f"study{number % n_groups}" for number in range(n_profiles)]
    unseen_S = np.arange(n_profiles) >= seen
    model_S = other(over_pca)
    champion = None
    if over_champion is not None:
        champion = AgainstChampion("3", False, "", model_S, other(over_pca / over_champion), unseen_S, 100)
    return Case(samples, model_S, pca_S, np.ones(n_profiles, dtype=bool), True, champion)


def permuted(given_evidence: Case, order: np.ndarray) -> Case:
    champion = given_evidence.champion
    assert champion is not None
    return replace(
        given_evidence,
        samples=given_evidence.samples.iloc[order],
        model_S=given_evidence.model_S[order],
        pca_S=given_evidence.pca_S[order],
        unseen_S=given_evidence.unseen_S[order],
        champion=replace(
            champion,
            challenger_S=champion.challenger_S[order],
            champion_S=champion.champion_S[order],
            unseen_S=champion.unseen_S[order],
        ),
    )


@quick
@given(seed=seeds, n_groups=st.sampled_from([0, 6, 12]))
def test_clearly_better_is_promoted(seed, n_groups):
    decision = judge(evidence(seed, n_groups=n_groups, over_pca=0.8, over_champion=0.85), THRESHOLDS, seed)
    assert decision.promote, decision.reasons
    assert decision.outcome == "promoted"
    figures = decision.figures["against_champion"]
    assert figures["ratio"]["high"] < 1
    assert figures["resampled_by"] == ("group" if n_groups else "profile")


@quick
@given(seed=seeds, n_groups=st.sampled_from([0, 6]))
def test_clearly_worse_is_refused_and_both_reasons_are_given(seed, n_groups):
    decision = judge(evidence(seed, n_groups=n_groups, over_pca=1.2, over_champion=1.2), THRESHOLDS, seed)
    assert decision.outcome == "refused"
    assert any("PCA" in reason for reason in decision.reasons)
    assert any("champion, version 3" in reason for reason in decision.reasons)
    assert not any("audit" in reason for reason in decision.reasons)


@quick
@given(seed=seeds)
def test_a_model_with_the_champions_errors_is_never_promoted(seed):
    one = evidence(seed, over_pca=0.5, over_champion=0.9)
    assert one.champion is not None
    same = replace(one, champion=replace(one.champion, champion_S=one.champion.challenger_S))
    assert judge(same, THRESHOLDS, seed).outcome == "refused"
    # nor one that rounding makes better on every profile
    rounded = replace(one, champion=replace(one.champion, champion_S=one.champion.challenger_S * (1 + 1e-6)))
    assert judge(rounded, THRESHOLDS, seed).outcome == "refused"


@quick
@given(seed=seeds)
def test_a_mean_advantage_that_one_profile_makes_is_refused(seed):
    one = evidence(seed, over_pca=0.5, over_champion=1.0)
    assert one.champion is not None
    champion_S = one.champion.challenger_S.copy()
    champion_S[0] *= 2
    swayed = replace(one, champion=replace(one.champion, champion_S=champion_S))
    assert champion_S.sum() > one.champion.challenger_S.sum()
    assert not judge(swayed, THRESHOLDS, seed).promote


@quick
@given(seed=seeds, over_champion=st.floats(0.9, 1.1), order_seed=seeds, n_groups=st.sampled_from([0, 6]))
def test_the_order_of_profiles_changes_nothing(seed, over_champion, order_seed, n_groups):
    one = evidence(seed, over_champion=over_champion, n_groups=n_groups, seen=5)
    order = np.random.default_rng(order_seed).permutation(len(one.model_S))
    assert judge(permuted(one, order), THRESHOLDS, 1) == judge(one, THRESHOLDS, 1)


@quick
@given(seed=seeds, factor=st.floats(1e-3, 1e3))
def test_profiles_that_a_model_was_trained_on_have_no_influence(seed, factor):
    one = evidence(seed, over_champion=0.97, seen=10)
    assert one.champion is not None
    champion_S = one.champion.champion_S.copy()
    champion_S[:10] *= factor
    other = replace(one, champion=replace(one.champion, champion_S=champion_S))
    assert judge(other, THRESHOLDS, 1) == judge(one, THRESHOLDS, 1)
    assert judge(one, THRESHOLDS, 1).figures["against_champion"]["n_left_out"] == 10


@pytest.mark.parametrize("left", [0, 1, 19, 20])
def test_too_few_profiles_left_is_a_refusal_that_says_so(left):
    decision = judge(evidence(0, over_champion=0.5, seen=40 - left), THRESHOLDS, 0)
    assert decision.promote == (left >= 20)
    if left < 20:
        (reason,) = decision.reasons
        assert f"{left} of at least 20" in reason and f"after {40 - left} that a model was trained on" in reason


def test_the_challengers_own_training_profiles_do_not_count_against_pca_either():
    one = replace(evidence(0), unseen_S=np.arange(40) < 19)
    assert judge(one, THRESHOLDS, 0).outcome == "refused"


def test_the_first_champion_needs_to_beat_pca():
    assert judge(evidence(0, over_pca=0.9), THRESHOLDS, 0).promote
    same = evidence(0)
    decision = judge(replace(same, model_S=same.pca_S), THRESHOLDS, 0)
    assert decision.outcome == "refused"
    assert "no better than PCA" in decision.reasons[0] and "depth 0" in decision.reasons[0]


def test_the_threshold_of_the_ratio_to_pca_is_the_configured_one():
    one = evidence(0, over_pca=0.9, noise=0)
    assert judge(one, Registry(max_ratio_to_pca=0.91), 0).promote
    assert not judge(one, Registry(max_ratio_to_pca=0.89), 0).promote


def test_a_failed_audit_blocks_whatever_the_errors_say():
    decision = judge(replace(evidence(0, over_pca=0.1), audit_passed=False), THRESHOLDS, 0)
    assert decision.outcome == "refused"
    assert decision.reasons == ("the leakage audit of its split did not pass",)


def test_what_the_evaluation_holds_against_it_blocks_whatever_the_errors_say():
    decision = judge(replace(evidence(0, over_pca=0.1), objections=("nothing was learnt",)), THRESHOLDS, 0)
    assert decision.outcome == "refused"
    assert decision.reasons == ("nothing was learnt",)


def test_the_same_bundle_is_unchanged_and_no_refusal():
    decision = judge(replace(evidence(0), champion=AgainstChampion("3", same_bundle=True)), THRESHOLDS, 0)
    assert (decision.promote, decision.outcome) == (False, "unchanged")


def test_a_champion_that_cannot_be_applied_is_a_refusal_with_its_reason():
    decision = judge(replace(evidence(0), champion=AgainstChampion("3", obstacle="3 genes are missing")), THRESHOLDS, 0)
    assert decision.outcome == "refused"
    assert "3 genes are missing" in decision.reasons[0]


def test_a_model_of_far_fewer_genes_does_not_replace_the_champion():
    one = evidence(0, over_champion=0.5)
    assert one.champion is not None
    decision = judge(replace(one, champion=replace(one.champion, gene_share=0.5)), THRESHOLDS, 0)
    assert decision.outcome == "refused"
    assert "50% of the genes" in decision.reasons[0]


def test_a_withdrawn_model_does_not_come_back_by_itself():
    decision = judge(replace(evidence(0), withdrawn="wrong tissue names"), THRESHOLDS, 0)
    assert decision.outcome == "refused"
    assert "wrong tissue names" in decision.reasons[0] and "--reinstate" in decision.reasons[0]


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_errors_that_are_no_numbers_are_refused(wrong):
    one = evidence(0)
    model_S = one.model_S.copy()
    model_S[3] = wrong
    decision = judge(replace(one, model_S=model_S), THRESHOLDS, 0)
    assert decision.outcome == "refused"
    assert "finite" in decision.reasons[0]


def test_a_champion_without_error_cannot_be_beaten():
    one = evidence(0, over_champion=0.5)
    assert one.champion is not None
    perfect = replace(one.champion, champion_S=np.zeros_like(one.model_S))
    assert judge(replace(one, champion=perfect), THRESHOLDS, 0).outcome == "refused"


def test_an_advantage_in_one_study_only_is_not_enough_by_groups():
    """By profiles it would pass: 20 of 40 profiles are much better. By studies it is one of five."""
    one = evidence(0, n_groups=5, over_pca=0.5, over_champion=1.0, noise=0.0)
    assert one.champion is not None
    sizes = np.array([24, 4, 4, 4, 4])
    group_S = np.repeat(np.arange(5), sizes)
    champion_S = one.champion.challenger_S * np.where(group_S == 0, 1.3, 0.98)
    champion = replace(one.champion, champion_S=champion_S, same_bundle=False)
    by_group = replace(one, samples=one.samples.assign(group=[f"s{g}" for g in group_S]), champion=champion)
    by_profile = replace(by_group, samples=one.samples[[]])
    assert judge(by_profile, THRESHOLDS, 0).promote
    assert not judge(by_group, THRESHOLDS, 0).promote


def test_figures_are_plain_json():
    decision = judge(evidence(0, n_groups=3, over_champion=0.9), THRESHOLDS, 0)
    assert json.loads(json.dumps(decision.figures)) == decision.figures
    assert "too few to resample" in decision.figures["pca"]["caution"]


@pytest.mark.parametrize("linked", [False, True])
def test_fewer_than_five_groups_promote_nothing_whatever_the_evaluation_says(linked):
    """By what the split keeps together: of six groups that share a sample in pairs, three sets remain."""
    one = evidence(0, n_groups=6 if linked else 4, over_pca=0.5, over_champion=0.5)
    assert one.champion is not None
    if linked:
        shared = [f"specimen{number % 3}" if number < 6 else None for number in range(len(one.samples))]
        one = replace(one, samples=one.samples.assign(replicate=shared))
    decision = judge(one, THRESHOLDS, 0)
    assert decision.outcome == "refused"
    assert sum("too few groups" in reason for reason in decision.reasons) == 2


def test_few_groups_left_beside_the_champion_promote_nothing():
    one = evidence(0, n_profiles=80, n_groups=8, over_pca=0.5, over_champion=0.5)
    assert one.champion is not None
    assert judge(one, THRESHOLDS, 0).promote
    unseen_S = one.samples["group"].isin(["study0", "study1", "study2"]).to_numpy()
    seen = replace(one, champion=replace(one.champion, unseen_S=unseen_S))
    decision = judge(seen, THRESHOLDS, 0)
    assert decision.outcome == "refused" and "too few groups" in decision.reasons[0]


def test_all_decisions_upon_the_same_profiles_share_one_error():
    spent = [1 - confidence_at(look, 0.95) for look in range(1, 5000)]
    assert sum(spent) < 0.05 and sum(spent) == pytest.approx(0.05, abs=1e-4)
    assert spent == sorted(spent, reverse=True)


def test_who_tries_again_and_again_needs_more_each_time():
    """The same evidence passes as the first model that these profiles decide upon, and not as the hundredth."""
    close = evidence(5, over_pca=0.975, noise=0.06)
    first, hundredth = (judge(replace(close, look=look, held_out="abc"), THRESHOLDS, 3) for look in (1, 100))
    assert first.promote and not hundredth.promote
    assert "decision 100 upon these held-out profiles" in hundredth.reasons[0]
    assert (hundredth.figures["look"], hundredth.figures["held_out"]) == (100, "abc")
    assert hundredth.figures["pca"]["ratio"]["high"] > first.figures["pca"]["ratio"]["high"]

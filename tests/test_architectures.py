"""Architectures are compared by the search's own rule, over seeds and splits, and without the test part."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from evaluated import changed, curved_profiles, some_evidence, some_facts, subject
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats
from torch.utils.flop_counter import FlopCounterMode

from cic.config import Search
from cic.data.split import unit_of_samples
from cic.evaluation.questions.architectures.cells import rule, search_cells
from cic.evaluation.questions.architectures.cost import multiply_adds, parameters
from cic.evaluation.questions.architectures.found import Best
from cic.evaluation.questions.architectures.measure import measure as measure_architectures
from cic.evaluation.questions.architectures.say import architectures_section, architectures_sentences
from cic.evaluation.questions.architectures.splits import contest, other_splits
from cic.evaluation.retrainings.retraining import retrain
from cic.evaluation.statistics.intervals import Interval
from cic.evaluation.statistics.student import t_interval
from cic.model.architecture import Architecture
from cic.model.autoencoder import Autoencoder
from cic.model.training import Hyperparameters
from cic.search.records import Record, records_frame
from cic.search.selection import Finalist, choose, finalists_frame
from cic.workers.executor import make_executor

CELLS = [(depth, width) for depth in (0, 1, 2) for width in (2, 3)]
SPREAD = (-0.01, 0.0, 0.02)


def hyper(depth: int, width: int) -> Hyperparameters:
    return Hyperparameters(depth=depth, bottleneck_width=width, hidden_width=32)


def record(number: int, depth: int, width: int, error: float, state: str = "complete") -> Record:
    return Record(number, hyper(depth, width), number, state, "", error, error * width, (), 20)


def searched(cells=CELLS, errors=None) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Tables of a search in which every cell was trained again; PCA's error is 1 / width."""
    records, finalists = [], []
    for number, (depth, width) in enumerate(cells):
        error = 1 / width if depth == 0 else (errors or {}).get((depth, width), (0.6 - 0.05 * depth) / width)
        records.append(record(number, depth, width, error))
        again = (error,) if depth == 0 else tuple(error * (1 + each) for each in SPREAD)
        finalists.append(Finalist(number, hyper(depth, width), again, 1 / width))
    return records_frame(records), finalists_frame(finalists)


@pytest.fixture(scope="module")
def curved():
    trials, finalists = searched()
    of = subject(curved_profiles(n_samples=120), {"rank": 0, "epochs": 12, "split_seeds": 2, "hidden_width": 16})
    return replace(of, trials=trials, finalists=finalists)


@pytest.fixture(scope="module")
def found(curved):
    return measure_architectures(curved)


def section_of(found, folder):
    evidence = some_evidence(found, choice={"reason": "the best is width 3, depth 1"})
    return architectures_section(found.finding, evidence, folder)


@pytest.mark.parametrize("depth", [0, 1, 2, 3])
@pytest.mark.parametrize(("refinements", "curvature"), [(0, 0), (1, 0), (2, 0), (1, 40), (2, 80)])
def test_cost_is_what_the_network_holds_and_does(depth, refinements, curvature):
    shape = Architecture(
        n_inputs=70, bottleneck_width=6, depth=depth, hidden_width=24, refinements=refinements, curvature=curvature
    )
    network = Autoencoder(shape)
    assert parameters(shape) == sum(weight.numel() for weight in network.parameters())
    counted = []
    for profiles in (1, 2):  # what all profiles share is in both
        with FlopCounterMode(display=False) as counter, torch.inference_mode():
            network(torch.ones(profiles, 70))
        counted.append(counter.get_total_flops() / 2)
    solving = refinements * (6**3 // 3) if depth else 0  # which the counter does not see
    assert multiply_adds(shape) == counted[1] - counted[0] + solving


def test_every_cell_has_its_interval_over_seeds(curved, found):
    table = found.tables["architectures"].set_index(["depth", "bottleneck_width"])
    assert list(table.index) == CELLS
    errors = 0.55 / 3 * (1 + np.array(SPREAD))
    row = table.loc[(1, 3)]
    low, high = stats.t.interval(0.95, 2, errors.mean(), stats.sem(errors))
    assert (row["low"], row["mean_error"], row["high"]) == pytest.approx((low, errors.mean(), high))
    assert row["ratio_to_pca"] == pytest.approx(errors.mean() * 3)
    pca = table.loc[(0, 3)]
    assert pca["low"] == pca["mean_error"] == pca["high"] and pca["ratio_to_pca"] == pytest.approx(1.0)
    assert table.index[table["chosen"]].to_list() == [(1, 3)]
    assert found.finding.chosen.place == 2 and found.finding.best.depth == 2
    assert found.finding.trained_again == 4


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.sampled_from([2, 3, 5]), st.floats(0.1, 1.0), st.floats(0.001, 0.2)),
        min_size=1,
        max_size=9,
        unique_by=lambda cell: cell[:2],
    )
)
@example([(0, 2, 0.4375, 0.125), (1, 2, 0.375, 0.125), (0, 3, 0.375, 0.125)])  # a tie
def test_the_rule_is_that_of_the_search(drawn):
    finalists, records = [], []
    for number, (depth, width, error, spread) in enumerate(drawn):
        again = (error,) if depth == 0 else (error - spread / 2, error + spread / 2)
        finalists.append(Finalist(number, hyper(depth, width), again, 1.0))
        records.append(record(number, depth, width, error))
    cells_C = search_cells(records_frame(records), finalists_frame(finalists), None, 0.95)
    chosen = choose(finalists, Search()).finalist
    assert cells_C["number"][rule(cells_C, cells_C["mean_error"], cells_C["standard_error"])] == chosen.number


def test_of_two_configurations_of_a_cell_the_better_mean_stands_for_it():
    records = [record(0, 1, 3, 0.20), record(1, 1, 3, 0.21)]
    finalists = [Finalist(n, hyper(1, 3), e, 0.5) for n, e in enumerate([(0.24, 0.26), (0.21, 0.23)])]
    cells_C = search_cells(records_frame(records), finalists_frame(finalists), None, 0.95)
    assert cells_C[["number", "mean_error", "trial_error"]].to_numpy().tolist() == [[1, 0.22, 0.21]]


def test_cells_that_were_not_trained_again_show_their_trial_and_claim_nothing(curved):
    trials, finalists = searched()
    failed = replace(curved, trials=trials, finalists=finalists[finalists["number"] != 5])
    found = measure_architectures(failed)
    row = found.tables["architectures"].iloc[5]
    assert (row["trainings"], row["trial_error"]) == (0, trials["error"][5])
    assert math.isnan(row["mean_error"]) and not row["within"]
    assert found.finding.trained_again == 3 and found.finding.best == Best(
        depth=1, bottleneck_width=3, mean_error=found.finding.chosen.mean_error
    )


def test_other_splits_keep_groups_whole_and_leave_the_test_part_alone(curved):
    splits = other_splits(curved)
    seen_S, unit_S = curved.part_S != "test", unit_of_samples(curved.samples)
    assert len(splits) == 3 and (splits[0] == (curved.part_S == "validation")).all()
    for validation_S in splits:
        assert not (validation_S & ~seen_S).any()
        assert not set(unit_S[validation_S]) & set(unit_S[seen_S & ~validation_S])
    assert not (splits[1] & splits[2]).any()
    assert [validation_S.tolist() for validation_S in other_splits(curved)] == [s.tolist() for s in splits]


def test_the_test_part_has_no_influence(curved, found):
    y_SY = curved.coordinates.y_SY.copy()
    y_SY[curved.test_S] *= -5
    turned = replace(curved)
    turned.__dict__["coordinates"] = replace(curved.coordinates, y_SY=y_SY)
    assert measure_architectures(turned).finding == found.finding


def test_each_split_is_won_by_the_least_error_and_errors_are_those_of_retraining(curved, found):
    contests = found.tables["architecture_splits"]
    assert len(contests) == 3 * len(CELLS)
    for _, own in contests.groupby("split"):
        assert own.loc[own["won"], "error"].tolist() == [own["error"].min()]
        assert own["selected"].sum() == 1
    pca = contests[contests["depth"] == 0]
    assert (pca["error"] == pca["pca_error"]).all()
    validation_S = other_splits(curved)[1]
    train_S = (curved.part_S != "test") & ~validation_S
    # hidden layers keep their width, though other retrainings are narrower
    spec = curved.retraining("architectures/split 1/depth 1, width 3", train_S, validation_S)
    assert spec.hyper.hidden_width == 16
    again = retrain(replace(spec, hyper=hyper(1, 3)))
    row = contests[(contests["split"] == 1) & (contests["depth"] == 1) & (contests["bottleneck_width"] == 3)].iloc[0]
    total = again.mean_error_S[validation_S].sum()
    assert row["error"] == again.error_S[validation_S].sum() / total
    assert row["pca_error"] == again.pca_error_S[validation_S].sum() / total


def test_metrics_count_what_the_splits_say(curved, found):
    splits, contests = found.finding.splits, found.tables["architecture_splits"]
    others = contests[contests["split"] > 0]
    picked = others[others["selected"]]
    assert splits.n == len(picked) == 2
    is_chosen = (picked["depth"] == 1) & (picked["bottleneck_width"] == 3)
    assert splits.selected == is_chosen.sum()
    assert splits.selected_depth == (picked["depth"] == 1).sum()
    assert splits.selected_width == (picked["bottleneck_width"] == 3).sum()
    errors = others.pivot(index="split", columns=["depth", "bottleneck_width"], values="error")
    rival = (splits.rival.depth, splits.rival.bottleneck_width)
    assert rival == errors.drop(columns=[(1, 3)]).mean().idxmin()
    assert splits.over_rival.value == pytest.approx((errors[1, 3] / errors[rival]).mean())
    # curved profiles: PCA of equal width is beaten on every split
    assert splits.ratio_to_pca.value < 1


def test_an_interval_over_splits_is_wider_for_what_they_share():
    draws = np.array([0.7, 0.8, 0.75, 0.9])
    plain, corrected = t_interval(draws, 0.95, 0.0), t_interval(draws, 0.95, 0.2)
    assert (plain.low, plain.high) == pytest.approx(stats.t.interval(0.95, 3, draws.mean(), stats.sem(draws)))
    assert corrected.low < plain.low < plain.value == corrected.value < plain.high < corrected.high
    assert t_interval(draws[:1], 0.95, 0.2).low is None


def test_workers_change_nothing(curved, found):
    with make_executor(2, running=[retrain]) as workers:
        again = measure_architectures(replace(curved, workers=workers))
    assert again.finding == found.finding
    for name, table in found.tables.items():
        assert table.to_csv() == again.tables[name].to_csv()


def test_with_a_fixed_width_only_that_width_competes(curved):
    search = curved.params.search.model_copy(update={"bottleneck_width": (2, 3), "width": 3, "select": "fixed_width"})
    _, finalists = searched()
    narrowed = replace(
        curved,
        params=curved.params.model_copy(update={"search": search}),
        finalists=finalists[finalists["bottleneck_width"] == 3],
    )
    found = measure_architectures(narrowed)
    assert set(found.tables["architectures"]["bottleneck_width"]) == {3} and found.finding.cells == 3
    assert set(found.tables["architecture_splits"]["bottleneck_width"]) == {3}


def test_depth_0_alone_needs_no_training(tmp_path):
    trials, finalists = searched([(0, 2), (0, 3)])
    of = subject(curved_profiles(n_samples=120), {"rank": 0, "epochs": 5, "split_seeds": 2}, depth=0)
    found = measure_architectures(replace(of, trials=trials, finalists=finalists))
    splits = found.finding.splits
    assert found.finding.trained_again == 0 and found.finding.chosen.ratio_to_pca == pytest.approx(1.0)
    assert splits.ratio_to_pca == Interval(1.0, 1.0, 1.0)
    assert splits.selected == splits.won == 2  # a wider PCA is always nearer
    (sentence,) = architectures_sentences(found.finding, some_facts())
    assert sentence.standing == "bad" and "PCA" in sentence.text
    assert "no hidden layer was tried" in sentence.claim and "worth" not in sentence.claim
    assert sentence.details not in section_of(found, tmp_path).notes, "the page adds it itself"


def test_without_a_search_or_another_split_it_says_why(curved, tmp_path):
    for missing in ({"finalists": None}, {"trials": None}):
        found = measure_architectures(replace(curved, **missing))
        assert found.finding is None and "architectures" in found.left_out
    one_study = replace(curved, samples=curved.samples.assign(group="one"))
    found = measure_architectures(one_study)
    assert found.finding.splits is None and found.finding.cells == 6
    assert "architectures.splits" in found.left_out
    assert list(found.tables) == ["architectures"]
    section = section_of(found, tmp_path)
    assert len(section.table.columns) == len(section.table.rows[0]) == 6


def test_profiles_without_labels_groups_or_replicates_are_split_too(curved):
    bare = replace(curved, samples=curved.samples[[]])
    splits = other_splits(bare)
    assert len(splits) == 3
    assert [validation_S.sum() for validation_S in splits[1:]] == pytest.approx([splits[0].sum()] * 2, abs=4)


def test_more_splits_than_folds_begin_anew(curved):
    few = curved.params.model_copy(update={"evaluate": curved.params.evaluate.model_copy(update={"split_seeds": 9})})
    of_nine = replace(curved, params=few, samples=curved.samples[[]])
    splits = other_splits(of_nine)
    assert len({validation_S.tobytes() for validation_S in splits}) == 10


def test_the_spread_between_seeds_widens_what_a_split_accepts(curved, found):
    """A cell of a smaller width within the spread of the best one's seeds is taken."""
    trials, finalists = searched()
    cells_C = search_cells(trials, finalists, None, 0.95)
    cells_C["chosen"] = False
    wide = cells_C.assign(standard_error=cells_C["standard_error"].where(cells_C["depth"] == 0, 10.0))
    splits = other_splits(curved)[:1]
    contests = contest(curved, wide, splits)
    picked = contests[contests["selected"]].iloc[0]
    assert (picked["depth"], picked["bottleneck_width"]) == (0, 2)


def sentence_of(found, **changes):
    return architectures_sentences(changed(found.finding, splits=changes), some_facts())[0]


def test_sentences_claim_no_more_than_the_intervals(found):
    below = {"value": 0.6, "low": 0.5, "high": 0.7}
    across, above = {"value": 0.9, "low": 0.7, "high": 1.1}, {"value": 1.2, "low": 1.1, "high": 1.3}
    none = {"value": 0.9, "low": None, "high": None}
    agreed = {"selected": 2, "own": {"depth": 1, "bottleneck_width": 3}}
    assert sentence_of(found, ratio_to_pca=below, **agreed).standing == "good"
    assert sentence_of(found, ratio_to_pca=below, **(agreed | {"selected": 1})).standing == "open"
    assert sentence_of(found, ratio_to_pca=none, **(agreed | {"selected": 1})).standing == "open"
    for ratio in (across, above):
        assert sentence_of(found, ratio_to_pca=ratio, **agreed).standing == "bad"
    rivals = [sentence_of(found, over_rival=ratio).text for ratio in (below, across, above)]
    assert len(set(rivals)) == 3
    other = sentence_of(found, selected=0, own={"depth": 2, "bottleneck_width": 3}, selected_as_own=2)
    assert "depth 2, width 3" in other.text


def test_the_section_shows_every_cell_and_is_the_same_bytes(found, tmp_path):
    section = section_of(found, tmp_path / "a")
    again = section_of(found, tmp_path / "b")
    assert section.picture.svg == again.picture.svg
    assert len(section.table.rows) == 6 and sum("(chosen)" in row[0] for row in section.table.rows) == 1
    for text in ("PCA (depth 0)", "depth 1", "depth 2", "chosen", "On other splits"):
        assert text in section.picture.svg
    assert {"2", "3"} <= set(re.findall(r"\d+", section.n)), "other splits, and new seeds"

"""What a model never saw it never saw, and what is made of it is said beside PCA and the model that did see it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from evaluated import curved_profiles, some_evidence, some_facts, subject
from scipy.stats import spearmanr
from sklearn.decomposition import PCA

from cic.evaluation.left_out import types as unseen
from cic.evaluation.left_out.errors import rank_correlation
from cic.evaluation.left_out.found import LeftOutErrors
from cic.evaluation.questions.unknown.measure import measure as measure_unknown
from cic.evaluation.questions.unseen_groups import measure as unseen_groups
from cic.evaluation.questions.unseen_groups.found import Found as UnseenGroups
from cic.evaluation.questions.unseen_groups.measure import measure as measure_unseen_groups
from cic.evaluation.questions.unseen_groups.say import unseen_groups_section, unseen_groups_sentences
from cic.evaluation.questions.unseen_types.found import Found as UnseenTypes
from cic.evaluation.questions.unseen_types.measure import measure as measure_unseen_types
from cic.evaluation.questions.unseen_types.say import unseen_types_section, unseen_types_sentences
from cic.evaluation.statistics.intervals import Interval
from cic.workers.executor import make_executor


def without_column(one, *names):
    return replace(one, samples=one.samples.drop(columns=list(names)))


def relabelled(one, change):
    """Give the subject with the labels that `change(label_S, part_S)` makes."""
    label_S = change(one.samples["label"].to_numpy(dtype=object).copy(), one.part_S)
    return replace(one, samples=one.samples.assign(label=label_S))


@pytest.fixture(scope="module")
def curved():
    return subject(curved_profiles(n_labels=6, n_samples=240, seed=4))


@pytest.fixture(scope="module")
def linear():
    """Depth 0 is PCA, trained in no time, with errors that can be had by hand."""
    return subject(curved_profiles(n_labels=6, n_samples=240), depth=0)


@pytest.fixture(scope="module")
def found(curved):
    return measure_unseen_types(curved), measure_unseen_groups(curved)


@pytest.fixture
def specs(monkeypatch):
    seen = []

    def recorded(given, workers, label):
        seen.extend(given)
        return real(given, workers, label)

    real = unseen.retrain_all
    for module in (unseen, unseen_groups):
        monkeypatch.setattr(module, "retrain_all", recorded)
    return seen


def pca_errors_by_hand(one, train_S):
    """Squared error over genes of PCA fitted on `train_S`, and squared distance from its mean."""
    x_SG = one.x_SG.astype(np.float64)
    pca = PCA(one.hyper.bottleneck_width, svd_solver="full").fit(x_SG[train_S])
    made_SG = pca.inverse_transform(pca.transform(x_SG))
    return np.square(x_SG - made_SG).sum(axis=1), np.square(x_SG - pca.mean_).sum(axis=1)


def test_types_are_those_of_gene_space_without_the_type(linear):
    finding = measure_unseen_types(linear)
    assert finding.finding.ratio_to_pca.value == pytest.approx(1, abs=1e-4)
    label_S, train_S = linear.samples["label"].to_numpy(), linear.part_S == "train"
    seen_S, total_S = pca_errors_by_hand(linear, train_S)
    unseen_S = np.full(len(label_S), np.nan)
    for row in finding.tables["unseen_types"].to_dict("records"):
        subset_S = linear.test_S & (label_S == row["label"])
        unseen_S[subset_S] = pca_errors_by_hand(linear, train_S & (label_S != row["label"]))[0][subset_S]
        assert row["n"] == subset_S.sum()
        assert row["n_train"] == (train_S & (label_S == row["label"])).sum()
        assert row["unexplained_pca"] == pytest.approx(unseen_S[subset_S].sum() / total_S[subset_S].sum(), rel=1e-3)
        assert row["unexplained_seen"] == pytest.approx(seen_S[subset_S].sum() / total_S[subset_S].sum(), rel=1e-3)
        assert row["ratio_to_seen"] == pytest.approx(unseen_S[subset_S].sum() / seen_S[subset_S].sum(), rel=1e-3)
    test_S = linear.test_S
    ratio = unseen_S[test_S].sum() / seen_S[test_S].sum()
    assert finding.finding.ratio_to_seen.value == pytest.approx(ratio, rel=1e-3)
    # replicates stand next to each other, two a specimen
    x_SG = linear.x_SG
    between = np.square(x_SG[0::2] - x_SG[1::2])[test_S[0::2]].sum()
    over = np.sqrt(unseen_S[test_S].reshape(-1, 2).mean(axis=1).sum() / between)
    assert finding.finding.ratio_to_replicates.value == pytest.approx(over, rel=1e-3)


def test_distance_is_to_the_nearest_other_type(linear):
    row = measure_unseen_types(linear).tables["unseen_types"].iloc[0]
    x_SG = linear.x_SG
    label_S, train_S = linear.samples["label"].to_numpy(), linear.part_S == "train"
    subset_G = x_SG[label_S == row["label"]].mean(axis=0)
    distances = {
        name: np.sqrt(np.square(x_SG[train_S & (label_S == name)].mean(axis=0) - subset_G).mean())
        for name in set(label_S) - {row["label"]}
    }
    assert row["nearest"] == min(distances, key=distances.get)
    assert row["distance"] == pytest.approx(min(distances.values()), rel=1e-4)


def test_no_retraining_sees_what_it_leaves_out(linear, specs):
    table = measure_unseen_types(replace(linear)).tables["unseen_types"]
    label_S = linear.samples["label"].to_numpy()
    reference, *others = specs
    assert set(label_S[reference.train_S]) >= set(table["label"])
    for spec, name in zip(others, table["label"], strict=True):
        assert not (label_S[spec.train_S | spec.validation_S] == name).any()
        assert not (spec.train_S | spec.validation_S)[linear.test_S].any()
        np.testing.assert_array_equal(spec.train_S, (linear.part_S == "train") & (label_S != name))


def test_every_group_is_left_out_once_and_validation_never(linear, specs):
    few = replace(linear, params=linear.params.model_copy(deep=True))
    few.params.evaluate.__dict__["group_sets"] = 4
    finding = measure_unseen_groups(few)
    group_S, used_S = few.samples["group"].to_numpy(), few.part_S != "validation"
    fitted, *others = specs
    assert len(others) == finding.finding.n_sets == 4
    np.testing.assert_array_equal(fitted.train_S, used_S)
    left_out = [used_S & ~spec.train_S for spec in others]
    np.testing.assert_array_equal(np.sum(left_out, axis=0), used_S.astype(int))
    for spec, out_S in zip(others, left_out, strict=True):
        assert not set(group_S[out_S]) & set(group_S[spec.train_S])
        np.testing.assert_array_equal(spec.validation_S, ~used_S)
    assert "in 4 sets of whole groups" in finding.cautions["unseen_groups.sets"]
    sizes = [out_S.sum() for out_S in left_out]
    assert max(sizes) < 2 * min(sizes)
    seen_S, total_S = pca_errors_by_hand(few, used_S)
    unseen_S = np.full(len(used_S), np.nan)
    for out_S in left_out:
        unseen_S[out_S] = pca_errors_by_hand(few, used_S & ~out_S)[0][out_S]
    assert finding.finding.pca_ratio_to_seen.value == pytest.approx(
        unseen_S[used_S].sum() / seen_S[used_S].sum(), rel=1e-3
    )
    assert finding.finding.unexplained_variance.pca.value == pytest.approx(
        unseen_S[used_S].sum() / total_S[used_S].sum(), rel=1e-3
    )


def test_linked_groups_go_together(linear, specs):
    samples = linear.samples.copy()
    one, other = samples.loc[linear.part_S == "train", "group"].unique()[:2]
    linked = [samples.index[samples["group"] == name][0] for name in (one, other)]
    samples.loc[linked, "replicate"] = "the same specimen"
    measure_unseen_groups(replace(linear, samples=samples))
    group_S = samples["group"].to_numpy()
    for spec in specs[1:]:
        assert spec.train_S[group_S == one].all() == spec.train_S[group_S == other].all()


def test_a_curve_is_followed_beyond_what_was_seen_but_not_as_well(found):
    types, groups = (one.finding for one in found)
    assert types.n_types == 6
    assert types.ratio_to_pca.high < 1
    assert types.ratio_to_seen.low > 1
    assert types.ratio_to_replicates.value > types.replicates.seen.value
    assert types.seen_ratio_to_pca.value == pytest.approx(
        types.unexplained_variance.seen.value / types.unexplained_variance.pca_seen.value
    )
    assert types.n_better_than_pca + types.n_worse_than_pca + types.n_undecided == 6
    assert groups.by == "group" and groups.ratio_to_pca.high < 1
    assert groups.ratio_to_seen.low > 1
    assert (found[1].tables["unseen_groups"]["n"]).sum() == groups.n


def test_workers_do_not_change_the_numbers(curved, found):
    with make_executor(2) as workers:
        again = measure_unseen_types(replace(curved, workers=workers))
    assert again.finding == found[0].finding
    for name, table in again.tables.items():
        pd.testing.assert_frame_equal(table, found[0].tables[name], check_exact=True)


def test_without_labels_or_with_one_nothing_is_claimed(linear):
    bare = measure_unseen_types(without_column(linear, "label"))
    assert bare.finding is None and "no labels" in bare.left_out["unseen_types"]
    one = measure_unseen_types(relabelled(linear, lambda label_S, _: np.full(len(label_S), "only", dtype=object)))
    assert one.finding is None
    assert "only" in one.left_out["unseen_types.too_little"] and "unseen_types" in one.left_out


def test_types_that_cannot_be_left_out_are_named(linear):
    def change(label_S, part_S):
        train, test = np.flatnonzero(part_S == "train"), np.flatnonzero(part_S == "test")
        label_S[train[:2]], label_S[test[:1]], label_S[test[1:3]] = "only trained", "only tested", None
        label_S[train[2]], label_S[test[3]] = "one each", "one each"
        return label_S

    finding = measure_unseen_types(relabelled(linear, change))
    assert "only trained" in finding.left_out["unseen_types.not_held_out"]
    assert "only tested" in finding.left_out["unseen_types.not_trained"]
    assert "2 profiles have no label" in finding.cautions["unseen_types.unlabelled"]
    table = finding.tables["unseen_types"].set_index("label")
    assert not {"only trained", "only tested"} & set(table.index)
    assert table.loc["one each", ["n", "n_train"]].tolist() == [1, 1]
    assert np.isnan(table.loc["one each", "low"])


def test_profiles_without_a_label_are_not_trained_on(linear, specs):
    def change(label_S, part_S):
        label_S[::3] = None
        return label_S

    measure_unseen_types(relabelled(linear, change))
    assert all(not spec.train_S[::3].any() and not spec.validation_S[::3].any() for spec in specs)


def test_no_groups_no_replicates(linear):
    bare = without_column(linear, "group", "replicate")
    assert measure_unseen_groups(bare).finding is None
    assert "no group" in measure_unseen_groups(bare).left_out["unseen_groups"]
    types = measure_unseen_types(bare)
    assert types.finding.ratio_to_replicates is None and types.finding.by == "profile"
    assert "unseen_types.replicates" in types.left_out


def few_studies(one, n_groups):
    """Give every part studies of its own, as the split does: train, test and validation of the first three."""
    of_part = {"train": 0, "test": 1, "validation": 2}
    number_S = np.array([min(of_part[part], n_groups - 1) for part in one.part_S])
    specimen_S = np.arange(len(number_S)) // 2
    if n_groups > 3:  # the training part has a fourth one
        number_S = np.where((number_S == 0) & (specimen_S % 2 == 1), 3, number_S)
    return replace(one, samples=one.samples.assign(group=[f"study {number}" for number in number_S]))


@pytest.mark.parametrize("n_groups", [3, 4])
def test_of_three_or_four_groups_each_is_left_out_and_shown_without_an_interval(linear, specs, tmp_path, n_groups):
    few = few_studies(linear, n_groups)
    finding, group_S = measure_unseen_groups(few), few.samples["group"].to_numpy()
    table = finding.tables["unseen_groups"]
    assert table["group"].tolist() == sorted(set(group_S)) and table["n"].sum() == len(group_S)
    bounds = table[["low", "high", "seen_low", "seen_high"]]
    assert bounds.isna().all(axis=None) and table["ratio_to_pca"].notna().all()
    metrics = finding.finding
    assert metrics.ratio_to_pca.low is None and metrics.units == metrics.n_sets == n_groups
    assert metrics.n_better_than_pca == metrics.n_worse_than_pca == 0
    assert [one.group for one in metrics.each] == table["group"].tolist()
    for spec, name in zip(specs[1:], pd.unique(group_S), strict=True):
        assert not (group_S[spec.train_S | spec.validation_S] == name).any()
        assert set(group_S[spec.train_S]) == set(group_S) - {name}
        assert not (spec.train_S & spec.validation_S).any()
        # replicates stand next to each other, and stay on one side
        np.testing.assert_array_equal(spec.train_S[::2], spec.train_S[1::2])
    errors = {}
    for spec, name in zip(specs[1:], pd.unique(group_S), strict=True):
        subset_S, (model_S, _) = group_S == name, pca_errors_by_hand(few, spec.train_S)
        errors[name] = model_S[subset_S].sum() / pca_errors_by_hand(few, specs[0].train_S)[1][subset_S].sum()
    assert table.set_index("group")["unexplained_pca"].to_dict() == pytest.approx(errors, rel=1e-3)
    (sentence,) = unseen_groups_sentences(finding.finding, some_facts(finding))
    section = unseen_groups_section(finding.finding, some_evidence(finding), tmp_path)
    assert sentence.standing == "open" and "too few to claim" in sentence.claim
    assert [row[0] for row in section.table.rows] == table["group"].tolist()
    for text in (sentence.text, section.claim):
        assert "interval" not in text and "better than PCA" not in text
        assert all(f"{row.group} {row.ratio_to_pca:.2f} ({row.n} profiles)" in text for row in metrics.each)


def test_of_two_groups_none_can_be_left_out(linear, specs):
    finding = measure_unseen_groups(few_studies(linear, 2))
    assert finding.finding is None and not specs
    assert "come from 2 groups" in finding.left_out["unseen_groups"]
    assert "it takes 3" in finding.left_out["unseen_groups"]
    samples = few_studies(linear, 3).samples
    linked = samples.index[[np.flatnonzero(samples["group"] == f"study {number}")[0] for number in (0, 1)]]
    samples.loc[linked, "replicate"] = "the same specimen"
    finding = measure_unseen_groups(replace(linear, samples=samples))
    assert "3 groups in 2 sets that share no sample" in finding.left_out["unseen_groups"]


def test_two_types_get_no_trend_and_no_unknown(linear):
    two = measure_unseen_types(relabelled(linear, lambda label_S, _: np.where(label_S < "type 3", "a", "b")))
    assert two.finding.n_types == 2
    assert two.finding.distance is None and "unseen_types.distance" in two.left_out
    unknown = measure_unknown(relabelled(linear, lambda label_S, _: np.where(label_S < "type 3", "a", "b")))
    assert unknown.finding is None and "unknown" in unknown.left_out


def test_rank_correlation_is_spearmans():
    draw = np.random.default_rng(0)
    left, right = draw.normal(size=30), draw.integers(5, size=30).astype(float)
    found = rank_correlation(left, right, (300, 0.95, 1))
    assert found.value == pytest.approx(spearmanr(left, right).statistic)
    assert found.low < found.value < found.high
    same = rank_correlation(left, np.exp(left), (300, 0.95, 1))
    assert (same.value, same.low) == pytest.approx((1, 1))
    assert np.isnan(rank_correlation(left, np.ones(30), (300, 0.95, 1)).value)


def sections_of(found, evidence, folder):
    types, groups = found
    return (
        unseen_types_section(types.finding, evidence, folder),
        unseen_groups_section(groups.finding, evidence, folder),
    )


def test_sections_say_what_was_measured(found, tmp_path):
    types, groups = sections_of(found, some_evidence(*found), tmp_path)
    assert "type 3" in types.picture.svg and "study" in groups.picture.svg
    assert f"{found[0].finding.ratio_to_pca.value:.2f}" in types.claim
    assert any("flattering" in note for note in groups.notes)
    assert len(types.table.rows) == 6
    assert [one.standing for one in unseen_types_sentences(found[0].finding, some_facts())] == ["good"]
    assert [one.standing for one in unseen_groups_sentences(found[1].finding, some_facts())] == ["good"]


@pytest.mark.parametrize(
    ("low", "high", "unexplained", "standing"),
    [
        (0.8, 0.9, 0.5, "good"),
        (0.8, 0.9, 1.1, "bad"),  # better than PCA, but the mean profile is as good
        (0.9, 1.1, 0.5, "bad"),
        (1.1, 1.2, 0.5, "bad"),
        (None, None, 0.5, "open"),
    ],
)
def test_only_a_whole_interval_below_1_is_good(low, high, unexplained, standing):
    ratio, left = Interval(1.0, low, high), Interval(unexplained, unexplained - 0.1, unexplained + 0.1)
    errors = LeftOutErrors(model=left, pca=left, seen=left, pca_seen=left)
    base = {"ratio_to_pca": ratio, "ratio_to_seen": ratio, "unexplained_variance": errors, "n": 9}
    (types,) = unseen_types_sentences(UnseenTypes.model_construct(**base, n_types=3), some_facts())
    (groups,) = unseen_groups_sentences(UnseenGroups.model_construct(**base, n_groups=5, each=None), some_facts())
    assert types.standing == groups.standing == standing
    assert ("better than PCA" in types.text.replace("no better than PCA", "")) == (standing == "good")


def test_depth_0_is_not_called_better(linear, tmp_path):
    (sentence,) = unseen_types_sentences(measure_unseen_types(linear).finding, some_facts())
    assert sentence.standing == "bad"


@pytest.mark.parametrize("n", [2, 61])
def test_figures_hold_few_and_many(found, tmp_path, n):
    evidence = some_evidence(*found)
    for name, column in (("unseen_types", "label"), ("unseen_groups", "group")):
        table = evidence.tables[name]
        many = table.iloc[np.arange(n) % len(table)].assign(**{column: [f"T <cells> & $x_{i}$" for i in range(n)]})
        evidence.tables[name] = many
    types, groups = sections_of(found, evidence, tmp_path)
    assert f"$x_{n - 1}$" in types.picture.svg
    assert (f"$x_{n - 1}$" in groups.picture.svg) == (n <= 60)

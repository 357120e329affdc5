"""Splits and folds: whole groups and replicates, labels spread, the same whatever the order of the rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cic.config import Split
from cic.data.corrected import CORRECTION, REFERENCE, correction_of
from cic.data.split import PARTS, grouped_folds, split_samples, unit_of_samples
from cic.errors import DataError


@st.composite
def sample_tables(draw: st.DrawFn) -> pd.DataFrame:
    n_samples = draw(st.integers(3, 60))
    columns = {}
    for role, most in (("label", 4), ("group", 25), ("replicate", 40)):
        if draw(st.booleans()):
            values = st.integers(0, most).map(str) if role == "group" else st.none() | st.integers(0, most).map(str)
            columns[role] = draw(st.lists(values, min_size=n_samples, max_size=n_samples))
    return pd.DataFrame(columns, index=pd.Index([f"s{number}" for number in range(n_samples)], name="sample_id"))


def linked_sets(samples: pd.DataFrame) -> list[set[str]]:
    """Merge, by hand, all samples that share a group or a replicate."""
    sets = [{name} for name in samples.index]
    for role in {"group", "replicate"} & set(samples.columns):
        for _, rows in samples.dropna(subset=[role]).groupby(role):
            touched = [one for one in sets if one & set(rows.index)]
            sets = [one for one in sets if one not in touched] + [set().union(*touched)]
    return sets


@settings(max_examples=80, deadline=None)
@given(
    samples=sample_tables(),
    seed=st.integers(0, 5),
    held_out=st.floats(0.05, 0.4),
    sealed=st.sampled_from([0.0, 0.1]),
)
def test_linked_samples_stay_together_and_no_part_is_empty(
    samples: pd.DataFrame, seed: int, held_out: float, sealed: float
) -> None:
    sets = linked_sets(samples)
    config = Split(test=held_out, validation=held_out, sealed=sealed)
    parts = PARTS if sealed else PARTS[:3]
    if len(sets) < len(parts):
        with pytest.raises(DataError, match="must stay together"):
            split_samples(samples, config, seed)
        return
    part = split_samples(samples, config, seed)
    assert part.index.equals(samples.index)
    assert set(part) == set(parts)
    assert all(part.loc[list(one)].nunique() == 1 for one in sets)


@settings(max_examples=40, deadline=None)
@given(samples=sample_tables(), seed=st.integers(0, 5), n_folds=st.integers(2, 5), order=st.randoms())
def test_neither_split_nor_folds_depend_on_the_order_of_rows(
    samples: pd.DataFrame, seed: int, n_folds: int, order: object
) -> None:
    assume(len(linked_sets(samples)) >= max(3, n_folds))
    turned = samples.sample(frac=1, random_state=order.randrange(1000))  # type: ignore[attr-defined]
    part = split_samples(samples, Split(), seed)
    pd.testing.assert_series_equal(split_samples(turned, Split(), seed).loc[samples.index], part)
    folds = pd.Series(grouped_folds(samples, n_folds, seed), index=samples.index)
    again = pd.Series(grouped_folds(turned, n_folds, seed), index=turned.index).loc[samples.index]
    pd.testing.assert_series_equal(again, folds)
    assert set(folds) == set(range(n_folds))
    assert all(folds.loc[list(one)].nunique() == 1 for one in linked_sets(samples))


def numbered(n_samples: int, **columns: list[str]) -> pd.DataFrame:
    return pd.DataFrame(columns, index=pd.Index([f"s{number:03d}" for number in range(n_samples)], name="sample_id"))


def test_without_groups_every_label_gets_its_share() -> None:
    samples = numbered(200, label=["liver"] * 120 + ["brain"] * 60 + ["skin"] * 20)
    counts = pd.crosstab(samples["label"], split_samples(samples, Split(test=0.2, validation=0.1), 4))
    for label, n in (("liver", 120), ("brain", 60), ("skin", 20)):
        assert counts.loc[label, "test"] == pytest.approx(0.2 * n, abs=1)
        assert counts.loc[label, "validation"] == pytest.approx(0.1 * n, abs=1)


def test_with_groups_shares_and_labels_are_close_to_what_was_asked() -> None:
    draw = np.random.default_rng(5)
    study = draw.integers(0, 30, size=600)
    label = (study + draw.integers(0, 4, size=600)) % 8
    samples = numbered(600, group=[f"g{n}" for n in study], label=[f"t{n}" for n in label])
    for seed in range(5):
        part = split_samples(samples, Split(), seed)
        share = part.value_counts(normalize=True)
        assert share["test"] == pytest.approx(0.15, abs=0.05)
        assert share["validation"] == pytest.approx(0.15, abs=0.05)
        assert (pd.crosstab(samples["label"], part) > 0).all().all()


def test_seeds_give_different_splits_and_one_seed_the_same() -> None:
    samples = numbered(100, group=[f"g{number % 20}" for number in range(100)])
    splits = [tuple(split_samples(samples, Split(), seed)) for seed in (0, 0, 1, 2)]
    assert splits[0] == splits[1]
    assert len(set(splits)) == 3


def test_a_replicate_that_joins_two_groups_keeps_them_together() -> None:
    samples = numbered(8, group=list("aabbccdd"), replicate=["x", "y", "y", "z", None, None, None, None])
    unit_S = unit_of_samples(samples)
    assert unit_S[0] == unit_S[3] != unit_S[4]
    assert len(set(unit_S)) == 3


def test_too_few_groups_or_a_sample_without_group_say_why() -> None:
    with pytest.raises(DataError, match=r"2 set\(s\).*(?s:.*)finer group"):
        split_samples(numbered(10, group=list("ab" * 5)), Split(), 0)
    with pytest.raises(DataError, match=r"1 sample\(s\) have no group: s003"):
        split_samples(numbered(4, group=["a", "b", "c", None]), Split(), 0)  # type: ignore[list-item]
    with pytest.raises(DataError, match="for 5 parts"):
        grouped_folds(numbered(12, group=list("abcd" * 3)), 5, 0)


def test_of_two_groups_one_is_tested_and_the_other_validates_too() -> None:
    replicate = [f"r{number // 2}" for number in range(60)]
    samples = numbered(60, group=["a"] * 40 + ["b"] * 20, label=list("xy" * 30), replicate=replicate)
    with pytest.raises(DataError, match=r"split\.validation_from: training"):
        split_samples(samples, Split(), 0)
    part = split_samples(samples, Split(validation_from="training"), 0)
    assert set(part[samples["group"] == "b"]) == {"test"}
    assert part[samples["group"] == "a"].value_counts().to_dict() == {"train": 32, "validation": 8}
    assert (part.groupby(replicate).nunique() == 1).all()
    assert part.equals(split_samples(samples.iloc[::-1], Split(validation_from="training"), 0).loc[samples.index])
    assert (part != split_samples(samples, Split(validation_from="training"), 1)).any()


@settings(max_examples=8, deadline=None)
@given(sizes=st.lists(st.integers(1, 30), min_size=3, max_size=8), at=st.integers(0, 7), seed=st.integers(0, 9))
def test_the_study_to_which_others_were_corrected_is_always_in_training(sizes: list[int], at: int, seed: int) -> None:
    study = [f"s{number}" for number, size in enumerate(sizes) for _ in range(size)]
    reference = f"s{at % len(sizes)}"
    said = [correction_of(name, REFERENCE if name == reference else "centre") for name in study]
    samples = numbered(len(study), group=study, **{CORRECTION: said})
    for config in (Split(), Split(validation_from="training")):
        assume(config.validation_from == "groups" or min(sizes) > 1)
        part = split_samples(samples, config, seed)
        assert set(part) == {"train", "validation", "test"}
        assert set(part[samples["group"] == reference]) <= {"train", "validation"}
        if config.validation_from == "groups":
            assert set(part[samples["group"] == reference]) == {"train"}


def test_groups_that_break_corrected_studies_are_refused() -> None:
    said = [correction_of("a", REFERENCE)] * 6 + [correction_of("b", "combat")] * 6
    with pytest.raises(DataError, match=r"2 of them are not in one group each(?s:.*)`study` in data\.group"):
        split_samples(numbered(12, group=list("abcd" * 3), **{CORRECTION: said}), Split(), 0)


def test_one_label_a_group_still_fills_every_part() -> None:
    tissue = [f"t{number // 10}" for number in range(60)]
    part = split_samples(numbered(60, label=tissue, group=tissue), Split(), 0)
    assert part.value_counts().to_dict() == {"train": 40, "validation": 10, "test": 10}

"""Groups are told from codes as far as codes hold them, and what a penalty on that costs is said first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from evaluated import changed, curved_profiles, some_evidence, some_facts, subject
from hypothesis import given, settings
from hypothesis import strategies as st

from cic.data.matrix import ExpressionMatrix
from cic.evaluation.finding import Answer
from cic.evaluation.questions.groups import measure as groups
from cic.evaluation.questions.groups import telling
from cic.evaluation.questions.groups.found import Found
from cic.evaluation.questions.groups.measure import measure
from cic.evaluation.questions.groups.say import groups_section, groups_sentences, penalty_sentences
from cic.evaluation.questions.groups.telling import comparable, sets_of, told
from cic.evaluation.statistics.intervals import Interval, against
from cic.evaluation.subject import Subject


def shifted(shift: float, n_groups: int = 40) -> ExpressionMatrix:
    """Profiles of groups that each lie elsewhere in two directions of gene space."""
    matrix = curved_profiles(n_samples=320, n_groups=n_groups)
    draw = np.random.default_rng(5)
    shift_TG = shift * draw.normal(size=(n_groups, 2)) @ draw.normal(size=(2, matrix.n_genes))
    group_S = matrix.samples["group"].str.removeprefix("study ").astype(int).to_numpy()
    return replace(matrix, values=(matrix.values + shift_TG[group_S]).astype(np.float32))


@pytest.fixture(scope="module", autouse=True)
def few_shuffles() -> Iterator[None]:
    """Most of the time goes into chance."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(telling, "SHUFFLES", 6)
        yield


@pytest.fixture(scope="module")
def apart() -> Subject:
    """Groups that are told apart, from a code with room for that."""
    return subject(shifted(1.0), width=5)


def penalised(one: Subject, penalty: float = 1.0) -> Subject:
    training = one.params.training.model_copy(update={"group_penalty": penalty})
    return replace(one, params=one.params.model_copy(update={"training": training}))


def found_of(answer: Answer) -> Found:
    assert isinstance(answer.finding, Found)
    return answer.finding


@pytest.fixture(scope="module")
def priced(apart: Subject) -> Answer:
    """The answer where the penalty is on."""
    return measure(penalised(apart))


# told from codes


def samples_of(group_S: np.ndarray, label_S: np.ndarray) -> pd.DataFrame:
    """Specimens measured twice."""
    names = {"group": group_S, "label": label_S, "replicate": np.arange(len(group_S))}
    samples = pd.DataFrame({name: np.repeat(one, 2).astype(str) for name, one in names.items()})
    return samples.rename(index=lambda number: f"s{number}")


@pytest.mark.parametrize("shift", [0.0, 3.0])
def test_groups_are_told_as_far_as_they_differ_and_replicates_do_not_give_them_away(shift: float) -> None:
    draw = np.random.default_rng(2)
    group_T, label_T = draw.integers(5, size=150), draw.integers(4, size=150)
    place_TW = 9 * draw.normal(size=(4, 3))[label_T] + shift * draw.normal(size=(5, 3))[group_T]
    code_SW = np.repeat(place_TW + draw.normal(size=(150, 3)), 2, axis=0) + 0.001 * draw.normal(size=(300, 3))
    found = told(code_SW, samples_of(group_T, label_T), 1)
    assert found.chance_S.mean() == pytest.approx(0.2, abs=0.05)
    if shift:
        assert found.hit_S.mean() > 0.7 and found.share > 3 * found.share_by_chance
    else:
        assert found.hit_S.mean() == pytest.approx(found.chance_S.mean(), abs=3 * np.sqrt(0.16 / 150))
        assert found.share < 3 * found.share_by_chance


def test_groups_of_other_cells_are_not_told_by_them() -> None:
    draw = np.random.default_rng(0)
    label_T = np.repeat([0, 1, 2], 60)
    group_T = (draw.random(180) < np.array([0.1, 0.5, 0.9])[label_T]).astype(int)
    code_SW = np.repeat(5.0 * label_T[:, None] + draw.normal(size=(180, 2)), 2, axis=0)
    found = told(code_SW, samples_of(group_T, label_T), 1)
    # by chance most are right, since most groups of a label are the same
    assert found.hit_S.mean() == pytest.approx(found.chance_S.mean(), abs=3 * np.sqrt(0.25 / 180))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), n=st.integers(0, 25))
def test_profiles_are_compared_where_a_label_is_in_two_groups(seed: int, n: int) -> None:
    draw = np.random.default_rng(seed)
    samples = samples_of(draw.integers(4, size=n), draw.integers(6, size=n))
    kept = samples[comparable(samples)].assign(set=lambda one: sets_of(one))
    assert (kept.groupby("label")["group"].nunique() >= 2).all()
    assert (kept.groupby("group")["set"].nunique() >= 2).all()
    assert kept.groupby("replicate").size().eq(2).all()
    assert comparable(kept).all()


# of a model


def test_groups_that_differ_are_told_and_others_are_not(apart: Subject) -> None:
    answer = measure(apart)
    found = found_of(answer)
    assert found.held_out == 1 and found.n_groups >= 5 and found.penalty is None
    assert against(found.model.over_chance, 0.0) == "above" and found.model.accuracy.value > 0.5
    assert answer.tables["groups"]["n"].sum() == found.n
    alike = found_of(measure(subject(shifted(0.0), width=5)))
    assert against(alike.model.over_chance, 0.0) == "undecided"
    assert alike.model.accuracy.value < found.model.accuracy.value - 0.2


def test_the_penalty_is_held_against_the_same_training_without_it(
    apart: Subject, priced: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    penalty = found_of(priced).penalty
    assert penalty is not None and penalty.weight == 1.0 and penalty.n == int(apart.test_S.sum())
    assert against(penalty.error_ratio) == "above"
    assert penalty.told.share < penalty.told_without.share
    assert penalty.share_training < penalty.share_training_without
    assert penalty.difference.value == pytest.approx(
        penalty.told.accuracy.value - penalty.told_without.accuracy.value, abs=1e-9
    )
    assert penalty.error_ratio.value == pytest.approx(
        penalty.ratio_to_pca.value / penalty.ratio_to_pca_without.value, rel=1e-6
    )
    specs = []

    def stop(given, workers, label):
        specs.extend(given)
        raise InterruptedError

    monkeypatch.setattr(groups, "retrain_all", stop)
    with pytest.raises(InterruptedError):
        measure(penalised(apart))
    one, other = specs
    assert (one.training.group_penalty, other.training.group_penalty) == (1.0, 0.0)
    assert one.group_S is not None and other.group_S is None
    assert one.seed == other.seed and (one.train_S == other.train_S).all()
    assert not (one.train_S & apart.test_S).any()


def test_where_the_test_part_has_few_groups_halves_of_the_others_are_left_out() -> None:
    few = subject(shifted(1.0, n_groups=10), width=5)
    answer = measure(few)
    found = found_of(answer)
    assert found.held_out == 0 and "groups.halves" in answer.cautions
    validation = few.samples["group"][few.part_S == "validation"].nunique()
    assert found.n_groups == 10 - validation
    assert against(found.model.over_chance, 0.0) == "above"


def test_what_cannot_be_told_is_left_out_with_its_reason(apart: Subject) -> None:
    bare = replace(apart, samples=apart.samples.drop(columns="group"))
    assert measure(bare).finding is None and "no group" in measure(bare).left_out["groups"]
    parts = replace(apart, samples=apart.samples.assign(group=apart.part_S))
    assert "it takes 4" in measure(parts).left_out["groups"]
    own = replace(apart, samples=apart.samples.assign(label=apart.samples["group"]))
    assert "a label in common" in measure(own).left_out["groups"]
    without = measure(replace(apart, samples=apart.samples.drop(columns="label")))
    assert found_of(without).n_labels is None and "no labels" in without.cautions["groups.labels"]
    flat = measure(penalised(subject(shifted(1.0), width=5, depth=0)))
    assert found_of(flat).penalty is None and "depth 0" in flat.left_out["groups.penalty"]


# in words


def test_the_section_says_what_was_measured(priced: Answer, tmp_path: Path) -> None:
    found = found_of(priced)
    section = groups_section(found, some_evidence(priced), tmp_path)
    assert section.table is not None and len(section.table.rows) == 4
    assert "without" in section.claim and section.picture is not None and "again, without" in section.picture.svg
    plain = groups_section(found.model_copy(update={"penalty": None}), some_evidence(priced), tmp_path)
    assert plain.table is not None and len(plain.table.rows) == 2 and "penalty" not in plain.claim


OVER = {"below": (-0.2, -0.1), "undecided": (-0.1, 0.1), "above": (0.1, 0.2)}


@pytest.mark.parametrize(
    ("chance", "pca", "standing", "claim"),
    [
        ("above", "above", "bad", "better than by chance, and better than from PCA's"),
        ("above", "undecided", "bad", "no less than from PCA's"),
        ("above", "below", "good", "better than by chance, but less well than from PCA's"),
        ("undecided", "undecided", "open", "no better than by chance"),
        ("undecided", "below", "good", "no better than by chance"),
    ],
)
def test_what_tells_groups_counts_against_the_model(
    priced: Answer, chance: str, pca: str, standing: str, claim: str
) -> None:
    found = found_of(priced)
    model = found.model.model_copy(update={"over_chance": Interval(0.0, *OVER[chance])})
    changes = {"model": model, "difference_to_pca": Interval(0.0, *OVER[pca])}
    (sentence,) = groups_sentences(found.model_copy(update=changes), some_facts())
    assert sentence.standing == standing and claim in sentence.claim


@pytest.mark.parametrize(
    ("cost", "told", "standing", "claim"),
    [
        ("above", "below", "bad", "costs error, and hides groups"),
        ("above", "undecided", "bad", "costs error, and hides them no better"),
        ("undecided", "below", "good", "costs no error that these profiles can tell, and hides groups"),
        ("below", "undecided", "bad", "but hides them no better"),
    ],
)
def test_the_cost_of_the_penalty_is_said_first(priced: Answer, cost: str, told: str, standing: str, claim: str) -> None:
    low, high = OVER[cost]
    found = changed(
        found_of(priced),
        penalty={
            "error_ratio": {"value": 1.0, "low": 1 + low, "high": 1 + high},
            "difference": {"value": 0.0, "low": OVER[told][0], "high": OVER[told][1]},
        },
    )
    (sentence,) = penalty_sentences(found, some_facts())
    assert sentence.standing == standing and claim in sentence.claim
    assert penalty_sentences(found.model_copy(update={"penalty": None}), some_facts()) == []

"""The bench of cell types: its draws leak nothing, its tellers tell one profile at a time, its scores are paired."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench import identity, identity_ours
from bench.identity_draws import FEW, REDEALT, Pool, Setting, Source, Teller, dealt, draw, rotated
from bench.identity_ours import OURS
from bench.identity_rivals import RIVALS, on_components, on_genes, on_ranks
from bench.identity_scores import Asked, scores
from bench.identity_sets import Design, source_of, twins
from bench.identity_shown import table_of_fields
from cic.config import Training
from cic.data.matrix import ExpressionMatrix

COUNTS = (2, 4, 0)
seeds = st.integers(0, 2**32 - 1)


@pytest.fixture(scope="module")
def source(profiles: ExpressionMatrix) -> Source:
    return source_of(profiles)


def test_three_draws_ask_every_profile_once_and_keep_groups_whole(source: Source) -> None:
    truths = [truth for number in range(3) for _, truth in draw(source, "toy", (0,), number, 1)]
    units = [set(truth.unit_T) for truth in truths]
    assert sum(len(truth.label_T) for truth in truths) == len(source.samples)
    assert len(set.union(*units)) == sum(map(len, units)), "no group is asked in two draws"


@pytest.mark.parametrize("sizes", [(4, 9, 10, 12), (2, 4, 4, 4, 5, 9, 14), range(2, 26)], ids=len)
def test_few_groups_are_dealt_anew_and_many_as_ever(sizes: Sequence[int]) -> None:
    group_S = np.arange(len(sizes)).repeat(sizes).astype(str)
    samples = pd.DataFrame({"label": np.resize(["a", "b", "c"], len(group_S)), "group": group_S})
    first, second, anew = (
        [frozenset(group_S[dealt(samples, at + third, 1, elsewhere=False)[1]]) for third in range(3)]
        for at in (0, 3, REDEALT)
    )
    assert (set(first) == set(second)) == (len(sizes) < FEW), "few groups fall into the same thirds"
    assert not set(first) & set(anew), "what was asked together is not asked together again"
    assert sum(map(len, anew)) == len(frozenset.union(*anew)) == len(sizes), "each is asked once"


def test_labels_are_nested_and_only_labelled_profiles_have_inner_folds(source: Source) -> None:
    found = [setting for setting, _ in draw(source, "toy", COUNTS, 0, 1)]
    for few, more in pairwise(found):
        told_N = few.label_N >= 0
        assert (more.label_N[told_N] == few.label_N[told_N]).all() and (more.label_N >= 0).sum() > told_N.sum()
    for count, setting in zip(COUNTS, found, strict=True):
        assert ((setting.inner_N >= 0) == (setting.label_N >= 0)).all()
        assert not count or np.bincount(setting.label_N[setting.label_N >= 0]).tolist() == [count] * 3


@given(seeds)
@settings(max_examples=20)
def test_coordinates_keep_products_with_the_pool_and_distances_to_it(seed: int) -> None:
    of = np.random.default_rng(seed)
    known_NX, asked_TX = (of.normal(size=(n, 30)).astype(np.float32) for n in (12, 5))
    view, mean_X = rotated(known_NX, asked_TX, 30), known_NX.mean(axis=0)
    assert np.allclose(view.asked_TY @ view.known_NY.T, (asked_TX - mean_X) @ (known_NX - mean_X).T, atol=1e-3)
    distance_TN = np.linalg.norm(asked_TX[:, None] - known_NX, axis=2)
    assert np.allclose(np.linalg.norm(view.asked_TY[:, None] - view.known_NY, axis=2), distance_TN, atol=1e-3)


def test_twins_are_never_on_both_sides_and_what_they_lack_is_foretold(source: Source) -> None:
    gone_SG = np.random.default_rng(1).random(source.log2_SX.shape) < 0.5
    lacking = twins(source.samples[["label"]], source.log2_SX, np.where(gone_SG, np.nan, source.log2_SX))
    whole = twins(source.samples[["label"]], source.log2_SX, source.log2_SX)
    (setting, _), (true, _) = (next(draw(one, "toy", (0,), 0, 1)) for one in (lacking, whole))
    known_NY, true_TY = true.pool.log2.known_NY, true.pool.log2.asked_TY
    assert np.array_equal(setting.pool.log2.known_NY, known_NY)
    nearest_T = np.linalg.norm(true_TY[:, None] - known_NY, axis=2).min(axis=1)
    assert (nearest_T > 1e-3).all(), "a profile is asked whose twin is known"
    missed = np.square(setting.pool.log2.asked_TY - true_TY).sum() / np.square(true_TY).sum()
    assert missed < 0.1, "of the half that is missing"


def few_asked(setting: Setting, n: int) -> Setting:
    pool = setting.pool
    log2, ranks, top = (replace(one, asked_TY=one.asked_TY[:n]) for one in (pool.log2, pool.ranks, pool.top))
    return replace(setting, pool=Pool(log2, ranks, top, pool.unit_N, pool.label_unit_N))


@pytest.mark.parametrize("teller", [on_genes, on_ranks, on_components, *OURS], ids=lambda teller: teller.__name__)
def test_a_profile_is_told_alike_whoever_else_is_asked(
    source: Source, teller: Teller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identity_ours, "Training", partial(Training, epochs=5))
    monkeypatch.setattr(identity_ours, "WEIGHTS", (0.3,))
    setting, truth = next(draw(source, "toy", (4,), 0, 1))
    setting = replace(setting, inner_N=np.minimum(setting.inner_N, 1))  # two folds, which are soon done
    told, alone = teller(setting), teller(few_asked(setting, 7))
    for method, told_T in told.items():
        assert (told_T[:7] == alone[method]).all(), method
        assert (told_T == truth.label_T).mean() > 0.6, f"{method} does not tell three types that lie apart"


def test_who_sees_labelled_profiles_alone_does_not_see_others(source: Source) -> None:
    setting, _ = next(draw(source, "toy", (4,), 0, 1))
    told_N = setting.label_N >= 0
    view = setting.pool.log2
    moved = replace(view, known_NY=np.where(told_N[:, None], view.known_NY, np.float32(7)))
    told, other = on_genes(setting), on_genes(replace(setting, pool=replace(setting.pool, log2=moved)))
    for method, told_T in told.items():
        assert (told_T == other[method]).all(), method


def test_scores_are_paired_and_find_the_best_rival_in_hindsight() -> None:
    of = np.random.default_rng(1)
    draws = []
    for _ in range(4):
        label_T = np.repeat([0, 1, 2], [60, 20, 10])
        right_T, good_T = of.random((2, 90)) < [[0.6], [0.9]]
        hit = {"ours": good_T, "same": good_T, "poor": right_T, "never": np.zeros(90, dtype=bool)}
        draws.append(Asked(label_T, np.arange(90), hit))
    found = scores(draws, 1)
    assert found.best(["poor", "never"]) == "poor" and found.value["never"] == 0
    same, over = found.difference("ours", "same"), found.difference("ours", "poor")
    assert same.bounds == (0, 0) and over.low is not None and over.low > 0
    recall_L = [np.mean([one.hit["poor"][one.label_T == label] for one in draws]) for label in range(3)]
    assert found.value["poor"] == pytest.approx(np.mean(recall_L))


def test_each_field_of_rivals_has_its_own_best() -> None:
    of, label_T = np.random.default_rng(1), np.repeat([0, 1], 50)
    poor_T, good_T = of.random((2, 100)) < [[0.6], [0.9]]
    hit = {"ours": good_T, "lda, genes": poor_T, "logistic, ranks": ~good_T, "nearest, genes": good_T}
    found = {"toy, 2": scores([Asked(label_T, np.arange(100), hit)], 1)}
    lines = [line.split(" | ") for line in table_of_fields(found, ["ours"], "ours").splitlines()[2:]]
    assert [line[1:3] for line in lines] == [["1 of 1", "0"], ["1 of 1", "0"], ["0 of 1", "0"]]
    assert len({lines[0][4], lines[2][4]}) == 2 and lines[0][4] == lines[1][4], "means of the best"


def test_the_short_form_keeps_records_and_shows_them(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(identity_ours, "Training", partial(Training, epochs=10))
    design, path = Design(lambda _: source, (2, 0)), tmp_path / "kept.jsonl"
    monkeypatch.setattr(identity, "TELLERS", {"rivals": RIVALS[:1], "ours": OURS[1:]})
    monkeypatch.setattr(identity, "DESIGNS", {"toy": design})
    for number in range(2):
        records = identity.measured("toy", tmp_path, number, ("rivals", "ours"))
        with path.open("a") as file:
            file.writelines(json.dumps(one) + "\n" for one in records)
    monkeypatch.setattr("sys.argv", ["identity", "show", str(path), "--of", "lda, code"])
    identity.main()
    said = capsys.readouterr().out
    assert "| toy, 2 |" in said and "| toy, all |" in said and "**lda, code**" in said

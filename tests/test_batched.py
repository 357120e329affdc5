"""Trainings of one shape at once: each comes to what it comes to alone, whatever the others do."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from store_parts import new_store

from cic.config import Params, Search, Training, parse_params
from cic.data.synthetic import Recipe, simulate
from cic.errors import ConfigError
from cic.folders import read_parts
from cic.model.batched import alike, fit_specs, run_trials
from cic.model.definite import cholesky
from cic.model.fold import Fold
from cic.model.guard import Guard
from cic.model.left_out import groups_by_size, left_out_error
from cic.model.stacked import StackedTraining
from cic.model.training import EpochResult, Hyperparameters, new_network, train
from cic.model.trial import Fitted, NotFitted, TrialResult, TrialSpec, fit_from_spec, run_trial
from cic.pipeline import run_stage, workspace
from cic.seeds import derive_seed
from cic.settings import Settings
from cic.stages.crew import crew
from cic.stages.fit import fit_seeds
from cic.stages.search import identity_of
from cic.workers.at_once import AtOnce
from cic.workers.workers import InThisProcess

CONFIG = Training(epochs=24, validate_every=4, exact_components=3, sketched_components=4)
HYPER = Hyperparameters(depth=1, bottleneck_width=2, hidden_width=24)
HERE = AtOnce(alike, run_trials)
AS_A_CARD = "cpu:0"
"""The processor by another name, so that it is taken for a card."""


def fold_of(n_samples: int = 90, labelled: bool = False, seed: int = 2, dtype: type = np.float64) -> Fold:
    """Profiles on a closed curve, in groups of one to seven, a third of them for validation; some have no label."""
    draw = np.random.default_rng(seed)
    angle_S = draw.uniform(0, 2 * np.pi, size=n_samples)
    waves_SK = np.concatenate([wave(angle_S[:, None] * np.arange(1, 6)) for wave in (np.cos, np.sin)], axis=1)
    scale_K = np.array([1.4, 0.9, 0.5, 0.3, 0.2, 1.3, 0.8, 0.6, 0.3, 0.2])
    z_SK = waves_SK * scale_K + 0.05 * draw.normal(size=waves_SK.shape)
    z_SK = z_SK[:, np.argsort(-scale_K)].astype(dtype)
    n = 2 * n_samples // 3
    z_SK -= z_SK[:n].mean(axis=0)
    unit_S = np.repeat(np.arange(n_samples), draw.integers(1, 8, size=n_samples))[:n]
    outside_S = np.full(n_samples - n, 0.1)
    total_S = np.square(z_SK[n:], dtype=np.float64).sum(axis=1) + outside_S
    label_S = np.where(draw.random(n_samples) < 0.2, -1, (angle_S // 2.1).astype(np.int64))
    labels = (label_S[:n], label_S[n:], 3) if labelled else (None, None, 0)
    return Fold(z_SK[:n], z_SK[n:], draw.permutation(unit_S), outside_S, total_S, *labels)


@pytest.fixture(scope="module", autouse=True)
def _double_precision() -> Iterator[None]:
    """Train in float64: a training blows up what rounding begins, so in float32 only calm ones stay together."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@contextmanager
def single_precision() -> Iterator[None]:
    """Train as users do."""
    torch.set_default_dtype(torch.float32)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float64)


def hypers_of(draw: np.random.Generator, count: int, **shape: int | str) -> list[Hyperparameters]:
    """Settings that differ in all that may differ in a stack."""
    return [
        HYPER.model_copy(
            update={
                **shape,
                "learning_rate": float(draw.uniform(0.01, 0.05)),
                "weight_decay": float(draw.uniform(0, 1)),
                "input_noise": float(draw.uniform(0, 0.06)),
                "feature_scale": float(draw.uniform(0.2, 1.2)),
            }
        )
        for _ in range(count)
    ]


def curves(results: Sequence[EpochResult]) -> np.ndarray:
    return np.array(
        [
            (each.epoch, each.train_error, each.validation_error, each.validation_loss, each.validation_accuracy or 0)
            for each in results
        ]
    )


def same(at_once: Sequence[TrialResult], alone: Sequence[TrialResult], rtol: float = 1e-6) -> None:
    """Hold that trials came to the same, but for rounding and for the time they took."""
    for one, other in zip(at_once, alone, strict=True):
        assert (one.number, one.state, one.epochs, one.seed) == (other.number, other.state, other.epochs, other.seed)
        assert re.sub(r"\d\.\d+", "", one.reason) == re.sub(r"\d\.\d+", "", other.reason)
        if other.error is None:
            assert one.error is one.error_ratio_to_pca is None
        else:
            assert one.error == pytest.approx(other.error, rel=rtol)
            assert one.error_ratio_to_pca == pytest.approx(other.error_ratio_to_pca, rel=rtol)
        assert [epoch for epoch, _ in one.ratios_at_rungs] == [epoch for epoch, _ in other.ratios_at_rungs]
        np.testing.assert_allclose(one.ratios_at_rungs, other.ratios_at_rungs, rtol=rtol)


def specs_of(hypers: Sequence[Hyperparameters], *folds: Fold, config: Training = CONFIG) -> list[TrialSpec]:
    return [TrialSpec(number, hyper, 40 + number, config, folds) for number, hyper in enumerate(hypers)]


# equal to the loop


@given(
    depth=st.integers(1, 3),
    width=st.integers(1, 4),
    hidden=st.sampled_from([8, 24, 90]),
    activation=st.sampled_from(["elu", "gelu"]),
    labelled=st.booleans(),
    shifted=st.booleans(),
    batch_size=st.sampled_from([1024, 23]),
    refinements=st.integers(0, 2),
    exact=st.sampled_from([0, 3]),
    count=st.integers(1, 4),
    seed=st.integers(0, 10**6),
)
@settings(max_examples=15, deadline=None, derandomize=True)
def test_each_training_of_a_stack_takes_the_path_that_it_takes_alone(
    depth: int, width: int, hidden: int, activation: str, labelled: bool, shifted: bool, batch_size: int,
    refinements: int, exact: int, count: int, seed: int,
) -> None:  # fmt: skip
    config = CONFIG.model_copy(
        update={
            "epochs": 10,
            "batch_size": batch_size,
            "refinements": refinements,
            "exact_components": exact,
            "label_weight": 0.5 if labelled else 0.0,
        }
    )
    fold = fold_of(labelled=labelled, seed=seed)
    fold = replace(fold, shift_train_S=fold.unit_train_S if shifted else None)
    shape = {"depth": depth, "bottleneck_width": width, "hidden_width": hidden, "activation": activation}
    hypers = hypers_of(np.random.default_rng(seed), count, **shape)
    seeds = [derive_seed(seed, number) for number in range(count)]
    stacked = list(zip(*StackedTraining(fold, hypers, config, seeds).run(), strict=True))
    for hyper, of_one, at_once in zip(hypers, seeds, stacked, strict=True):
        alone = list(train(new_network(fold, hyper, config, of_one), fold, hyper, config, of_one))
        assert len(alone) == 3
        np.testing.assert_allclose(curves(at_once), curves(alone), rtol=1e-6)


@pytest.mark.parametrize(("depth", "labelled", "batch_size"), [(1, False, 1024), (2, True, 23), (3, False, 23)])
def test_a_penalty_on_groups_is_the_same_in_a_stack(depth: int, labelled: bool, batch_size: int) -> None:
    config = CONFIG.model_copy(update={"batch_size": batch_size, "group_penalty": 0.3, "label_weight": float(labelled)})
    fold = fold_of(labelled=labelled)
    kinds_S = np.arange(len(fold.z_train_SK)) % 6
    fold = replace(fold, group_train_S=kinds_S % 3, kind_train_S=kinds_S // 3)
    hypers = hypers_of(np.random.default_rng(depth), 2, depth=depth)
    stacked = list(zip(*StackedTraining(fold, hypers, config, [1, 2]).run(), strict=True))
    for hyper, seed, at_once in zip(hypers, (1, 2), stacked, strict=True):
        alone = list(train(new_network(fold, hyper, config, seed), fold, hyper, config, seed))
        without = train(new_network(fold, hyper, config, seed), replace(fold, group_train_S=None), hyper, config, seed)
        # the penalty divides by the code's variances, which magnifies rounding where one of them is small
        np.testing.assert_allclose(curves(at_once), curves(alone), rtol=1e-4)
        assert not np.allclose(curves(alone), curves(list(without)), rtol=1e-3)


@pytest.mark.parametrize(("labelled", "batch_size"), [(False, 1024), (True, 23)])
def test_profiles_that_are_lent_count_the_same_in_a_stack(labelled: bool, batch_size: int) -> None:
    config = CONFIG.model_copy(update={"batch_size": batch_size, "label_weight": float(labelled)})
    fold = replace(fold_of(labelled=labelled), n_lent=20, lent_weight=0.3)
    hypers = hypers_of(np.random.default_rng(1), 2)
    stacked = list(zip(*StackedTraining(fold, hypers, config, [1, 2]).run(), strict=True))
    for hyper, seed, at_once in zip(hypers, (1, 2), stacked, strict=True):
        alone, alike = (
            curves(list(train(new_network(one, hyper, config, seed), one, hyper, config, seed)))
            for one in (fold, replace(fold, lent_weight=1.0))
        )
        np.testing.assert_allclose(curves(at_once), alone, rtol=1e-6)
        assert not np.allclose(alone, alike, rtol=1e-3)


@pytest.mark.parametrize("folds", [1, 3])
@pytest.mark.parametrize(("depth", "labelled", "batch_size"), [(1, False, 1024), (2, True, 25), (3, False, 25)])
def test_trials_at_once_are_those_of_the_loop(folds: int, depth: int, labelled: bool, batch_size: int) -> None:
    update = {"batch_size": batch_size, "label_weight": float(labelled)}
    parts = [fold_of(80 + 9 * number, labelled, seed=number) for number in range(folds)]
    hypers = hypers_of(np.random.default_rng(depth), 3, depth=depth)
    specs = specs_of(hypers, *parts, config=CONFIG.model_copy(update=update))
    at_once = run_trials(specs)
    same(at_once, [run_trial(spec) for spec in specs])
    assert len({one.error for one in at_once}) == 3 and all(one.error_ratio_to_pca < 0.9 for one in at_once)


@pytest.mark.parametrize("depth", [1, 2])
def test_in_single_precision_errors_differ_by_rounding_alone(depth: int) -> None:
    calm = {"learning_rate": 0.02, "depth": depth}
    hypers = [one.model_copy(update=calm) for one in hypers_of(np.random.default_rng(depth), 3)]
    specs = specs_of(hypers, fold_of(dtype=np.float32))
    with single_precision():
        at_once, alone = run_trials(specs), [run_trial(spec) for spec in specs]
    same(at_once, alone, rtol=1e-3)


def test_seconds_are_shares_of_the_whole() -> None:
    results = run_trials(specs_of([HYPER] * 3, fold_of()))
    assert len({round(one.seconds, 9) for one in results}) == 1 and results[0].seconds > 0


# one member alone


WILD = HYPER.model_copy(update={"learning_rate": 30.0})
NO_NUMBER = HYPER.model_copy(update={"input_noise": 1e300})


@pytest.mark.parametrize("wild", [WILD, NO_NUMBER], ids=["blows up", "no number"])
def test_a_training_led_astray_leaves_no_trace_in_the_others(wild: Hyperparameters) -> None:
    fold, calm = fold_of(), hypers_of(np.random.default_rng(5), 3)
    specs = specs_of([calm[0], wild, *calm[1:]], fold)
    at_once = run_trials(specs)
    alone = [run_trial(spec) for spec in specs]
    same([one for one in at_once if one.number != 1], [one for one in alone if one.number != 1])
    assert at_once[1].state == alone[1].state == ("failed" if wild is NO_NUMBER else "complete")
    assert at_once[1].reason == alone[1].reason


@pytest.mark.parametrize(
    ("spoiled", "epochs"), [({3, 6, 7, 19}, 24), (set(range(5, 99)), 15)], ids=["undone", "given up"]
)
def test_steps_are_undone_as_in_the_loop(monkeypatch: pytest.MonkeyPatch, spoiled: set[int], epochs: int) -> None:
    """The second of three trainings has no loss at some steps; alone it has none at the same."""

    def spoil(module: str, member: int | None) -> None:
        steps = iter(range(1, 99))

        def spoiling(*given: Any) -> torch.Tensor:
            error = left_out_error(*given)
            lost = torch.zeros_like(error)
            if next(steps) in spoiled:
                lost[member if member is not None else ...] = torch.nan
            return error + lost

        monkeypatch.setattr(f"cic.model.{module}.left_out_error", spoiling)

    fold, config = fold_of(), CONFIG.model_copy(update={"validate_every": 1})
    hypers, seeds = hypers_of(np.random.default_rng(9), 3), (3, 4, 5)
    undone = []
    undo = Guard.undo
    monkeypatch.setattr(Guard, "undo", lambda guard: undone.append(guard) or undo(guard))
    spoil("stacked", 1)
    stacked = list(zip(*StackedTraining(fold, hypers, config, seeds).run(), strict=True))
    for number, (hyper, seed) in enumerate(zip(hypers, seeds, strict=True)):
        monkeypatch.setattr("cic.model.objective.left_out_error", left_out_error)
        if number == 1:
            spoil("objective", None)
        alone = list(train(new_network(fold, hyper, config, seed), fold, hyper, config, seed))
        np.testing.assert_allclose(curves(stacked[number][: len(alone)]), curves(alone), rtol=1e-6)
        assert alone[-1].epoch == (epochs if number == 1 else 24)
    assert len(undone) == min(len(spoiled), 11)


def test_a_trial_that_is_pruned_stops_alone() -> None:
    fold, hypers = fold_of(), hypers_of(np.random.default_rng(7), 3)
    free = specs_of(hypers, fold)
    epoch, ratio = run_trial(free[1]).ratios_at_rungs[0]
    limits = [((epoch, 9.0),), ((epoch, ratio * 0.98),), ()]
    specs = [replace(spec, thresholds=limit) for spec, limit in zip(free, limits, strict=True)]
    at_once = run_trials(specs)
    same(at_once, [run_trial(spec) for spec in specs])
    assert [one.state for one in at_once] == ["complete", "pruned", "complete"]
    assert [one.epochs for one in at_once] == [CONFIG.epochs, epoch, CONFIG.epochs]


def test_a_trial_out_of_patience_stops_alone() -> None:
    config = CONFIG.model_copy(update={"epochs": 60, "validate_every": 2, "patience": 6})
    hypers = [HYPER, HYPER.model_copy(update={"learning_rate": 2.0}), HYPER.model_copy(update={"learning_rate": 0.01})]
    specs = specs_of(hypers, fold_of(), config=config)
    at_once = run_trials(specs)
    same(at_once, [run_trial(spec) for spec in specs])
    assert len({one.epochs for one in at_once}) > 1 and "no better for 6 epochs" in at_once[1].reason


def test_a_trial_past_its_time_fails_alone() -> None:
    specs = specs_of(hypers_of(np.random.default_rng(1), 3), fold_of())
    specs[2] = replace(specs[2], seconds=0.0)
    at_once = run_trials(specs)
    same(at_once, [run_trial(spec) for spec in specs])
    assert at_once[2].state == "failed" and "past 0 s" in at_once[2].reason


def test_an_error_in_a_stack_fails_the_trial_at_fault_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    specs = specs_of([HYPER] * 3, fold_of())

    def broken(network, *arguments):
        raise RuntimeError("a diagonal element is zero")

    monkeypatch.setattr("cic.model.stacked.left_out_error", broken)
    results = dict(HERE.each(run_trial, specs))
    same([results[number] for number in range(3)], [run_trial(spec) for spec in specs])
    bad = replace(specs[1], hyper=HYPER.model_copy(update={"activation": "none"}))
    mixed = dict(AtOnce(lambda _: [[0, 1, 2]], run_trials).each(run_trial, [specs[0], bad, specs[2]]))
    assert [mixed[number].state for number in range(3)] == ["complete", "failed", "complete"]


def test_one_of_several_regressions_is_no_number_and_the_others_are_as_alone() -> None:
    draw = torch.Generator().manual_seed(3)
    unit_NB = torch.randint(0, 6, (3, 20), generator=draw)
    feature_NBF = torch.randn(3, 20, 5, generator=draw)
    target_NBT, ridge_NF = torch.randn(3, 20, 4, generator=draw), torch.rand(3, 5, generator=draw) + 0.1
    feature_NBF[1, 4, 2] = torch.nan
    for n_features in (5, 30):
        wide_NBF = feature_NBF.repeat(1, 1, n_features // 5).requires_grad_()
        wide_NF = ridge_NF.repeat(1, n_features // 5).requires_grad_()
        groups = groups_by_size((unit_NB + 6 * torch.arange(3)[:, None]).flatten())
        error_N = left_out_error(wide_NBF, target_NBT, wide_NF, groups)
        gradients = torch.autograd.grad(error_N.sum(), [wide_NBF, wide_NF])
        assert torch.isfinite(error_N).tolist() == [True, False, True]
        for n in (0, 2):
            one = [each[n].detach().requires_grad_() for each in (wide_NBF, wide_NF)]
            alone = left_out_error(one[0], target_NBT[n], one[1], groups_by_size(unit_NB[n]))
            torch.testing.assert_close(error_N[n], alone)
            for stacked, of_one in zip(gradients, torch.autograd.grad(alone, one), strict=True):
                torch.testing.assert_close(stacked[n], of_one)


def test_each_matrix_of_a_stack_is_judged_by_itself() -> None:
    good = torch.tensor([[2.0, 0.5], [0.5, 1.0]])
    stack = torch.stack([good, torch.full((2, 2), torch.nan), torch.ones(2, 2), -torch.eye(2)])
    factors = cholesky(stack)
    assert torch.equal(factors[0], torch.linalg.cholesky(good)) and factors[1].isnan().all()
    for matrix, factor in zip(stack[2:], factors[2:], strict=True):
        assert torch.equal(factor, cholesky(matrix)) and torch.isfinite(factor).all()


# a round


def test_a_mixed_round_comes_back_whole() -> None:
    fold, draw = fold_of(), np.random.default_rng(4)
    shapes = [(1, 2), (0, 2), (2, 3), (1, 2), (0, 3), (2, 3), (1, 3), (1, 2)]
    hypers = [hypers_of(draw, 1, depth=depth, bottleneck_width=width)[0] for depth, width in shapes]
    specs = specs_of(hypers, fold)
    assert alike(specs) == [[0, 3, 7], [1], [2, 5], [4], [6]]
    results = dict(HERE.each(run_trial, specs))
    same([results[number] for number in range(8)], [run_trial(spec) for spec in specs])
    assert [one.number for one in HERE.map(run_trial, specs)] == list(range(8))
    others = [replace(specs[0], folds=(fold_of(),)), replace(specs[0], training=Training())]
    assert alike([specs[0], *others]) == [[0], [1], [2]]


# fits, and the stages


def test_fits_at_once_are_those_of_the_loop() -> None:
    fold = fold_of()
    config = Params(seed=3, training=CONFIG, search={"workers": 1}, fit={"seeds": 3})
    alone, _ = fit_seeds(fold, HYPER, config, "cpu", InThisProcess())
    calls = []

    def counted(specs: Sequence[TrialSpec], device: str) -> Sequence[Fitted | NotFitted]:
        calls.append(specs)
        return fit_specs(specs)

    with crew(config.search, AS_A_CARD, fit_from_spec, counted) as workers:
        at_once, failed = fit_seeds(fold, HYPER, config, AS_A_CARD, workers)
    assert len(calls) == 1 and not failed
    z_SK = torch.from_numpy(fold.z_validation_SK)
    for one, other in zip(at_once, alone, strict=True):
        assert (one.seed, one.best_epoch) == (other.seed, other.best_epoch)
        np.testing.assert_allclose(curves(one.curve), curves(other.curve), rtol=1e-6)
        with torch.no_grad():
            torch.testing.assert_close(one.network(z_SK), other.network(z_SK), rtol=1e-6, atol=1e-6)
            inside = (one.network(z_SK) - z_SK).square().sum().item()
        error = (inside + fold.outside_validation_S.sum()) / fold.total_validation_S.sum()
        assert error == pytest.approx(one.validation_error, rel=1e-6)


def test_a_fit_that_comes_to_nothing_leaves_the_others() -> None:
    specs = specs_of([HYPER, NO_NUMBER, HYPER], fold_of())
    at_once, alone = fit_specs(specs), [fit_from_spec(spec) for spec in specs]
    assert isinstance(at_once[0], Fitted) and isinstance(at_once[2], Fitted)
    assert isinstance(at_once[1], NotFitted) and at_once[1] == alone[1]


def test_a_card_and_a_scheduler_exclude_each_other() -> None:
    search = Search(scheduler="tcp://127.0.0.1:9")
    with pytest.raises(ConfigError, match="CIC_DEVICE=cpu"), crew(search, "cuda", run_trial, run_trials):
        pass
    with crew(Search(workers=1), "cpu", run_trial, run_trials) as workers:
        assert isinstance(workers, InThisProcess)
    with crew(Search(), "cuda", run_trial, run_trials) as workers:
        assert isinstance(workers, AtOnce) and workers.count == 1


def stages_run(folder: Path, data: Path) -> tuple[dict, dict, dict]:
    """Run the stages up to fit; give what was chosen, the study, and the fit."""
    params = parse_params(
        {
            "seed": 5,
            "data": {"file": str(data), "label": "cell_type", "group": "study", "replicate": "replicate_of"},
            "training": {"epochs": 8, "validate_every": 2, "rank": 30},
            "search": {"trials": 7, "round_size": 4, "workers": 1, "bottleneck_width": [2], "depth": [0, 1],
                       "hidden_width": [16], "finalists": 1, "repeats": 2},
            "fit": {"seeds": 2},
        }
    )  # fmt: skip
    folders = workspace(folder / "build")
    for name in ("ingest", "split", "search", "fit"):
        run_stage(name, params, folders, Settings(project=folder, home=folder / "home", device="cpu"))
    choice, study = (json.loads((folders["search"] / name).read_text()) for name in ("choice.json", "study.json"))
    return choice, study, json.loads((folders["fit"] / "fit.json").read_text())


def test_the_stages_choose_the_same_at_once_and_keep_studies_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, template: Path
) -> None:
    for name in ("loop", "at_once"):
        new_store(tmp_path / name / "home", template)
    with single_precision():
        _compare_stages(tmp_path, monkeypatch)


def _compare_stages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tmp_path / "profiles.parquet"
    simulate(Recipe(samples=72, genes=80, cell_types=3, studies=9, programs=6, replicate_pairs=8, seed=2), data)
    choice, study, fit = stages_run(tmp_path / "loop", data)
    monkeypatch.setattr(Settings, "torch_device", AS_A_CARD)
    choice_at_once, study_at_once, fit_at_once = stages_run(tmp_path / "at_once", data)
    assert choice_at_once["trial"] == choice["trial"] and choice["hyperparameters"]["depth"] == 1
    assert choice_at_once["mean_error"] == pytest.approx(choice["mean_error"], rel=1e-3)
    assert fit_at_once["validation_errors"] == pytest.approx(fit["validation_errors"], rel=1e-3)
    assert study_at_once["study"] != study["study"] and study_at_once["workers"] == 1
    assert 0 <= study_at_once["not_training"] < 1
    matrix, part_S = read_parts(workspace(tmp_path / "loop" / "build"))
    identities = [identity_of(Params(seed=1), matrix, part_S, device) for device in ("cpu", "cuda", AS_A_CARD)]
    assert "device" not in identities[0] and [one["device"] for one in identities[1:]] == ["cuda", AS_A_CARD]

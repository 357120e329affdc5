"""A shift per gene: found without labels, small where there is none, never silent, and of one model only."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from evaluated import curved_profiles, trained
from hypothesis import given as for_any
from hypothesis import strategies as st
from typer.testing import CliRunner

import cic
from cic.cli import app
from cic.data.matrix import ExpressionMatrix
from cic.errors import DataError, ModelError
from cic.model.bundle import Bundle
from cic.model.bundle_files import save_bundle
from cic.model.reference import Reference
from cic.using import Model, read_correction, write_correction
from cic.using.correction import FEWEST, MOST, Correction, corrected, fit_correction, shrunken, spread


@pytest.fixture(scope="module")
def fitted() -> tuple[Bundle, ExpressionMatrix]:
    """A model that keeps codes of its training profiles, and the profiles that it was not trained on."""
    matrix = curved_profiles(n_samples=320)
    bundle, part, _ = trained(matrix)
    training, others = (matrix.select((part == "train").to_numpy() == asked) for asked in (True, False))
    z_train_SK, _ = bundle.project(training.values)
    return replace(bundle, reference=Reference.of(bundle, others.values, z_train_SK=z_train_SK)), others


@pytest.fixture(scope="module")
def model(fitted: tuple[Bundle, ExpressionMatrix], tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder = tmp_path_factory.mktemp("correction") / "bundle"
    save_bundle(folder, fitted[0])
    return cic.load(folder)


@pytest.fixture(scope="module")
def frame(fitted: tuple[Bundle, ExpressionMatrix]) -> pd.DataFrame:
    """Profiles of another platform, where every gene is shifted."""
    _, others = fitted
    return pd.DataFrame(others.values + shifts(7, others.n_genes), others.samples.index, list(others.genes))


def shifts(seed: int, n_genes: int, size: float = 1.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, size, n_genes).astype(np.float32)


# what is found


# how well is a matter of chance, so it is held over draws that are fixed, and not for every draw


def test_a_known_shift_is_found_and_taken_off(fitted) -> None:
    bundle, others = fitted
    right_over_usual = []
    for seed, size in enumerate(np.linspace(0.3, 0.8, 12)):
        shift_G = shifts(seed, others.n_genes, size)
        found = fit_correction(bundle, others.values + shift_G, "others")
        error_G = found.shift_G - shift_G
        assert np.sqrt(np.mean(error_G**2)) < 0.3 * size
        seen = corrected(bundle, found)
        wrong, right, usual = (
            float(np.median(one.squared_errors(values_SG)))
            for one, values_SG in (
                (bundle, others.values + shift_G), (seen, others.values + shift_G), (bundle, others.values)
            )
        )  # fmt: skip
        assert right < 2 * usual < wrong
        right_over_usual.append(right / usual)
        off_SW, code_SW = (bundle.encode(others.values + add_G) for add_G in (shift_G, 0))
        assert np.mean((seen.encode(others.values + shift_G) - code_SW) ** 2) < np.mean((off_SW - code_SW) ** 2) / 2
    assert np.median(right_over_usual) < 1.2


def known_shift(bundle: Bundle, shift_G: np.ndarray) -> Correction:
    return Correction((shift_G / bundle.preprocessor.scale_G).astype(np.float32), bundle.digest, "others", FEWEST, 1.0)


def test_ranks_are_those_of_the_profile_without_the_shift(fitted) -> None:
    bundle, others = fitted
    shift_G, missing_G = shifts(3, others.n_genes), np.arange(others.n_genes) % 5 == 0
    seen = corrected(bundle, known_shift(bundle, shift_G))
    for gone_G in (np.zeros_like(missing_G), missing_G):
        as_they_are, shifted = (np.where(gone_G, np.nan, others.values + add_G) for add_G in (0, shift_G))
        right_SG = bundle.ranks(as_they_are)
        off, taken = (np.abs(one.ranks(shifted) - right_SG).mean() for one in (bundle, seen))
        assert taken < off / 20


@pytest.mark.parametrize("onto", ["log2", "sqrt"])
def test_genes_without_counts_go_on_to_share_a_rank(fitted, onto: str) -> None:
    bundle, others = fitted
    counts_SG = np.random.default_rng(2).poisson(1.0, others.values.shape).astype(np.float32)
    ready = replace(bundle.preprocessor, unit="counts", onto=onto)
    bundle = replace(bundle, preprocessor=ready)
    seen = corrected(bundle, known_shift(bundle, shifts(3, others.n_genes, 0.5)))
    rank_SG, none_SG = seen.ranks(counts_SG), counts_SG == 0
    for rank_G, none_G in zip(rank_SG, none_SG, strict=True):
        assert np.ptp(rank_G[none_G]) == 0 and rank_G[none_G][0] == rank_G.min() < rank_G.max()
    nothing = corrected(bundle, known_shift(bundle, np.zeros(others.n_genes)))
    np.testing.assert_array_equal(nothing.ranks(counts_SG), bundle.ranks(counts_SG))


def test_where_nothing_is_shifted_next_to_nothing_is_found(fitted) -> None:
    bundle, others = fitted
    sizes = []
    for seed, n in enumerate(np.linspace(FEWEST, 64, 40).astype(int)):
        rows = np.random.default_rng(seed).choice(others.n_samples, n, replace=False)
        x_SG = bundle.preprocessor.transform(others.values[rows])
        found = fit_correction(bundle, others.values[rows], "others")
        sizes.append(found.size / x_SG.std(axis=0).mean())
        assert found.n_apart <= n
    assert np.median(sizes) < 0.03 and np.mean(np.array(sizes) < 0.1) >= 0.95


@pytest.mark.parametrize("label", ["type 0", "type 1", "type 2", "type 3"])
def test_another_mix_alone_is_little_of_a_shift(fitted, label: str) -> None:
    bundle, others = fitted
    one_kind = others.select((others.samples["label"] == label).to_numpy())
    mean_G = bundle.preprocessor.transform(one_kind.values).mean(axis=0)
    found = fit_correction(bundle, one_kind.values, "one kind")
    assert found.size < 0.15 * np.sqrt(np.mean(mean_G**2))
    assert found.n_apart < fit_correction(bundle, others.values, "all").n_apart


@for_any(seed=st.integers(0, 1000), n=st.integers(2, 40), size=st.floats(0, 3))
def test_shrinking_never_turns_a_shift_nor_makes_it_larger(seed: int, n: int, size: float) -> None:
    draw = np.random.default_rng(seed)
    difference_SG = draw.normal(size=(n, 30)) + size * draw.normal(size=30)
    difference_SG[:, 3] = np.nan
    mean_G, shift_G = np.nan_to_num(difference_SG.mean(axis=0)), shrunken(difference_SG, n)
    assert (np.abs(shift_G) <= np.abs(mean_G) + 1e-12).all() and (shift_G * mean_G >= 0).all()
    assert shift_G[3] == 0
    assert (np.abs(shrunken(difference_SG, n / 2)) <= np.abs(shift_G) + 1e-12).all()


@for_any(sizes=st.lists(st.integers(1, 900), min_size=1, max_size=12))
def test_of_many_profiles_some_are_held_spread_evenly_in_their_order(sizes: list[int]) -> None:
    row_S1 = np.arange(sum(sizes), dtype=np.float32)[:, None]
    kept_S1, n = spread(np.split(row_S1, np.cumsum(sizes)[:-1]))
    assert n == len(row_S1) and min(n, MOST) <= len(kept_S1) < 2 * MOST
    every = 1 if len(kept_S1) == n else int(kept_S1[1, 0])
    np.testing.assert_array_equal(kept_S1, row_S1[::every])


# what is kept and said


def test_a_correction_is_kept_and_every_answer_says_that_it_was_corrected(model, frame, tmp_path, caplog) -> None:
    found = model.correction(frame)
    write_correction(tmp_path / "shift.safetensors", found)
    back = read_correction(tmp_path / "shift.safetensors")
    np.testing.assert_array_equal(back.shift_G, found.shift_G)
    assert back.digest == found.digest and back.model == model.bundle.digest
    plain = model.encode(frame)
    assert "correction" not in plain
    with caplog.at_level(logging.WARNING, logger="cic.using.told"):
        codes = model.encode(frame, correction=back)
    assert "corrected by a shift" in caplog.text
    assert set(codes["correction"]) == {found.digest[:12]} and (codes["model"] == plain["model"]).all()
    assert codes["error_ratio"].median() < plain["error_ratio"].median()
    np.testing.assert_array_equal(
        codes[model.bundle.code_columns], corrected(model.bundle, found).encode(frame.to_numpy(np.float32))
    )
    assert model.correction(frame).digest == found.digest


def test_what_does_not_fit_is_refused(model, frame, tmp_path) -> None:
    found = model.correction(frame)
    with pytest.raises(ModelError, match="fitted for the model abc, not for"):
        model.encode(frame, correction=replace(found, model="abc"))
    with pytest.raises(DataError, match=rf"{FEWEST - 1} profiles are too few(.|\n)*at least {FEWEST}"):
        model.correction(frame.iloc[: FEWEST - 1])
    forgetful = replace(model.bundle, reference=replace(model.bundle.reference, code_RW=np.empty((0, 0))))
    with pytest.raises(ModelError, match="keeps no codes"):
        Model(forgetful, "old").correction(frame)
    save_bundle(tmp_path / "bundle", model.bundle)
    (tmp_path / "cut").write_bytes((tmp_path / "bundle" / "model.safetensors").read_bytes()[:50])
    for other in ("gone", "cut", "bundle/model.safetensors", "bundle/model.json"):
        with pytest.raises(DataError, match=r"no such file|no correction"):
            read_correction(tmp_path / other)


def test_the_command_line_corrects_alike(model, fitted, frame, tmp_path: Path) -> None:
    save_bundle(tmp_path / "bundle", fitted[0])
    frame.to_parquet(tmp_path / "others.parquet")

    def run(*words: str) -> str:
        told = CliRunner().invoke(app, [*words, "-m", str(tmp_path / "bundle"), "--samples-in", "rows"])
        assert told.exit_code == 0, (told.output, told.exception)
        return told.output

    shift, codes, profiles = (str(tmp_path / name) for name in ("shift.safetensors", "codes.csv", "others.parquet"))
    found = read_correction(Path(shift)) if f"{shift}: correction" in run("correct", profiles, "-o", shift) else None
    assert found is not None and found.fitted_to == profiles
    np.testing.assert_allclose(found.shift_G, model.correction(frame).shift_G, atol=1e-5)
    run("encode", profiles, "-o", codes, "--correct", shift)
    assert set(pd.read_csv(codes)["correction"]) == {found.digest[:12]}
    refused = CliRunner().invoke(app, ["correct", profiles, "-o", str(tmp_path / "shift.csv")])
    assert refused.exit_code == 2 and not (tmp_path / "shift.csv").exists()

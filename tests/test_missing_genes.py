"""Profiles that lack genes of the model, call them otherwise, or come in another unit."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from evaluated import curved_profiles, in_use
from hypothesis import given, settings
from hypothesis import strategies as st

from cic.config import Preprocess
from cic.data.matrix import ExpressionMatrix
from cic.data.preprocess import Preprocessor
from cic.errors import DataError, ModelError
from cic.model.bundle_files import load_bundle, save_bundle
from cic.model.familiarity import answers
from cic.model.missing_genes import Prior, sought
from cic.using import Model

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")


@pytest.fixture(scope="module")
def known() -> tuple[Model, ExpressionMatrix]:
    """A model with all that a fit keeps, and its test part."""
    matrix = curved_profiles()
    bundle, part = in_use(matrix, label_weight=0.1)
    return Model(bundle, "cic/1"), matrix.select((part == "test").to_numpy())


def without(test: ExpressionMatrix, share: float, seed: int = 0) -> pd.DataFrame:
    frame = pd.DataFrame(test.values, test.samples.index, list(test.genes))
    gone = np.random.default_rng(seed).random(frame.shape[1]) < share
    return frame.loc[:, ~gone]


def error_of(model: Model, frame: pd.DataFrame, test: ExpressionMatrix) -> float:
    """Squared error over all genes, those that were taken away included."""
    made = model.decode(model.encode(frame, least_coverage=0.0))
    return float(np.square(made.to_numpy() - test.values).sum())


def test_missing_genes_are_inferred_and_not_taken_for_their_mean(known) -> None:
    model, test = known
    whole = error_of(model, without(test, 0), test)
    mean_G = model.bundle.preprocessor.inverse(np.zeros((1, len(model.bundle.genes))))[0]
    for share in (0.2, 0.5, 0.8):
        frame = without(test, share)
        by_mean = pd.DataFrame(np.tile(mean_G, (len(frame), 1)), frame.index, list(model.bundle.genes)).assign(
            **{name: frame[name] for name in frame}
        )
        lost, lost_by_mean = (error_of(model, one, test) - whole for one in (frame, by_mean))
        assert lost < 0.2 * lost_by_mean and lost < whole


def test_what_is_said_of_missing_genes_is_what_they_cost(known, caplog) -> None:
    model, test = known
    whole, factors, coverages = error_of(model, without(test, 0), test), [], []
    for share in (0.3, 0.6, 0.9):
        frame = without(test, share)
        present_G = np.isin(model.bundle.genes, frame.columns)
        found = model.bundle.inference(present_G)
        factors.append((found.error_factor, error_of(model, frame, test) / whole))
        coverages.append(found.coverage)
        assert found.variance == pytest.approx(1 - share, abs=0.15)
    assert sorted(coverages, reverse=True) == coverages and coverages[0] <= 1
    for foretold, measured in factors:
        assert foretold == pytest.approx(measured, rel=0.5)
    with caplog.at_level(logging.WARNING):
        table = model.encode(without(test, 0.3))
    assert "genes that are modelled are missing" in caplog.text and "times that with all genes" in caplog.text
    assert table["coverage"].iloc[0] == pytest.approx(coverages[0])
    with pytest.raises(ModelError, match="a coverage of at least 100%"):
        model.encode(without(test, 0.3), least_coverage=1.0)


def test_without_missing_genes_nothing_is_inferred_and_doubt_is_as_it_was(known) -> None:
    model, test = known
    table = model.encode(pd.DataFrame(test.values, test.samples.index, list(test.genes)))
    assert (table["coverage"] == 1).all()
    np.testing.assert_array_equal(table[model.bundle.code_columns].to_numpy(), model.bundle.encode(test.values))
    assert table["familiar"].mean() > 0.8 and 5 < table["percentile"].median() < 100
    assert table["distance_ratio"].astype(float).median() < 3


def test_the_error_of_profiles_with_missing_genes_compares_with_the_held_out_ones(known) -> None:
    model, test = known
    whole, part = model.encode(without(test, 0)), model.encode(without(test, 0.4))
    assert part["error_ratio"].astype(float).median() == pytest.approx(
        whole["error_ratio"].astype(float).median(), rel=0.5
    )
    assert part["familiar"].mean() > 0.8


def test_codes_far_from_those_of_training_are_told(known) -> None:
    model, test = known
    far_SG = test.values[:5] + 3 * (test.values[:5] - test.values.mean(axis=0))
    told, _ = answers(model.bundle, far_SG)
    far_S = told["distance_ratio"] > 2
    assert far_S.sum() >= 4 and (told["distance_percentile"][far_S] > 90).all()


def test_sets_of_types_hold_the_true_one_as_often_as_is_promised(known) -> None:
    model, test = known
    table = model.classify(test)
    held = [label in types.split("|") for label, types in zip(test.samples["label"], table["types"], strict=True)]
    assert np.mean(held) >= 0.85
    assert all(one in types.split("|") for one, types in zip(table["likeliest"], table["types"], strict=True))


def test_a_bundle_keeps_what_missing_genes_are_inferred_by(known, tmp_path: Path) -> None:
    model, test = known
    save_bundle(tmp_path / "kept", model.bundle)
    back = Model(load_bundle(tmp_path / "kept"), "cic/1")
    frame = without(test, 0.5)
    pd.testing.assert_frame_equal(back.encode(frame), model.encode(frame))
    before = Model(replace(model.bundle, reference=None), "cic/1")
    with pytest.raises(ModelError, match="genes that the model needs are missing"):
        before.encode(frame)


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 1000), n_present=st.integers(1, 11), n_centres=st.integers(1, 3))
def test_the_inference_is_the_mean_of_the_mixture(seed: int, n_present: int, n_centres: int) -> None:
    """Against the textbook form: of each normal distribution m + C_mo (C_oo + noise)^-1 (x_o - m_o), weighted."""
    draw = np.random.default_rng(seed)
    components_GK, _ = np.linalg.qr(draw.normal(size=(12, 4)))
    prior = Prior(components_GK, draw.uniform(0.5, 5, 4), draw.normal(size=(n_centres, 4)))
    noise, spread = 0.3, 0.4
    there = np.isin(np.arange(12), draw.permutation(12)[:n_present])
    x_G = draw.normal(size=12)
    covariance_GG = (components_GK * spread * prior.variance_K) @ components_GK.T
    noisy = covariance_GG[np.ix_(there, there)] + noise * np.eye(n_present)
    told, weights = [], []
    for mean_G in prior.centre_RK @ components_GK.T:
        off_G = x_G[there] - mean_G[there]
        told.append(mean_G[~there] + covariance_GG[np.ix_(~there, there)] @ np.linalg.solve(noisy, off_G))
        weights.append(np.exp(-off_G @ np.linalg.solve(noisy, off_G) / 2))
    expected_G = np.average(told, axis=0, weights=weights)
    z_SK = prior.expected(x_G[None], there, prior.gram(there), noise, spread)
    np.testing.assert_allclose(components_GK[~there] @ z_SK[0], expected_G, atol=1e-8)


def test_more_noise_is_found_where_there_is_more(known) -> None:
    model, test = known
    bundle = model.bundle
    prior = Prior.of(bundle, bundle.reference.code_RW)
    x_PG = bundle.preprocessor.transform(test.values)
    noisy_PG = x_PG + 3 * np.random.default_rng(0).normal(size=x_PG.shape).astype(np.float32)
    assert sought(prior, noisy_PG)[0] > sought(prior, x_PG)[0] > 0


def test_counts_without_some_genes_keep_their_level() -> None:
    draw = np.random.default_rng(0)
    rate_G = np.exp(draw.normal(2, 1.5, size=400))
    counts_SG = draw.poisson(rate_G * draw.gamma(20, 1 / 20, size=(40, 400))).astype(np.float32)
    samples = pd.DataFrame(index=[f"s{row}" for row in range(40)])
    matrix = ExpressionMatrix(counts_SG, tuple(f"g{place}" for place in range(400)), samples, "counts")
    fitted = Preprocessor.fit(matrix, Preprocess())
    some_SG = counts_SG.copy()
    some_SG[:, ::2] = np.nan
    level_S = np.nanmean(fitted.log2(some_SG) - fitted.log2(counts_SG), axis=1)
    assert np.abs(level_S).max() < 0.5 and abs(level_S.mean()) < 0.2  # half of the counts are gone, or one log2 unit
    with pytest.raises(DataError, match="missing or infinite"):
        some_SG[0, 1] = np.nan
        fitted.log2(some_SG)


# other names


@pytest.fixture(scope="module")
def named() -> tuple[Model, ExpressionMatrix]:
    """A model of genes called by symbols, one of them by an old one."""
    matrix = curved_profiles(n_genes=40)
    matrix = replace(matrix, genes=("OLD1", *(f"SYM{place}" for place in range(1, 40))))
    bundle, part = in_use(matrix)
    return Model(bundle, "cic/1"), matrix.select((part == "test").to_numpy())


@pytest.fixture(scope="module")
def table(tmp_path_factory) -> Path:
    """A table of names, in which one symbol is a newer one."""
    path = tmp_path_factory.mktemp("names") / "names.csv"
    lines = ["ensembl_gene_id,symbol,synonyms", "ENSG00000000000,NEW1,OLD1"]
    lines += [f"ENSG{place:011d},SYM{place}," for place in range(1, 40)]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_ids_of_another_kind_are_found_by_a_table(named, table, tmp_path: Path) -> None:
    model, test = named
    expected = model.encode(test)
    ids = [f"ENSG{place:011d}.7" for place in range(40)]
    frame = pd.DataFrame(test.values, test.samples.index, ids)
    with pytest.raises(ModelError, match=r"missing(.|\n)*called by symbol, these by ensembl(.|\n)*--gene-map"):
        model.encode(frame)
    pd.testing.assert_frame_equal(model.encode(frame, gene_map=table), expected)
    frame.to_csv(tmp_path / "ids.csv")
    found = model.encode(tmp_path / "ids.csv", gene_map=table)
    pd.testing.assert_frame_equal(found, expected, check_names=False, rtol=1e-3, atol=1e-4)


def test_a_newer_name_is_found_by_a_table(named, table, caplog) -> None:
    model, test = named
    frame = pd.DataFrame(test.values, test.samples.index, ["NEW1", *test.genes[1:]])
    assert model.encode(frame)["coverage"].iloc[0] < 1
    with caplog.at_level(logging.WARNING):
        pd.testing.assert_frame_equal(model.encode(frame, gene_map=table), model.encode(test))
    assert "NEW1 is the model's OLD1" in caplog.text


def test_genes_in_other_case_as_of_another_species_are_told(named, caplog) -> None:
    model, test = named
    more = pd.DataFrame(0.0, test.samples.index, [f"More{number}" for number in range(200)])
    mouse = pd.DataFrame(test.values, test.samples.index, [gene.capitalize() for gene in test.genes]).join(more)
    with pytest.raises(ModelError, match=r"other case: 40, as Old1 for OLD1(.|\n)*--species-to"):
        model.encode(mouse)
    frame = mouse.set_axis([*test.genes[:10], *(f"Else{number}" for number in range(20)), *mouse.columns[30:]], axis=1)
    with caplog.at_level(logging.WARNING):
        model.encode(frame, least_coverage=0.0)
    assert "of missing genes there in other case: 10, as Sym30 for SYM30" in caplog.text
    assert "--species-to" not in caplog.text
    caplog.clear()
    model.encode(frame.iloc[:, :30], least_coverage=0.0)
    assert "other case" not in caplog.text


def test_probes_that_share_a_gene_need_a_word(named, tmp_path: Path) -> None:
    model, test = named
    path = tmp_path / "probes.csv"
    lines = [f"{place}_at,{gene}" for place, gene in enumerate(test.genes)] + ["99_at,SYM1"]
    path.write_text("probe_id,symbol\n" + "\n".join(lines) + "\n")
    frame = pd.DataFrame(
        np.hstack([test.values, test.values[:, [1]]]), test.samples.index, [*(f"{n}_at" for n in range(40)), "99_at"]
    )
    with pytest.raises(DataError, match="several names in the file"):
        model.encode(frame, gene_map=path)


# other units


def test_other_units_are_brought_to_the_models_and_it_is_said(known, tmp_path: Path, caplog) -> None:
    model, test = known
    expected = model.encode(test)
    linear = pd.DataFrame(np.exp2(test.values.astype(float)) - 1, test.samples.index, list(test.genes))
    with caplog.at_level(logging.WARNING):
        found = model.encode(linear, unit="intensity")
    assert "brought to the model's `log2`: log2(x + 1)" in caplog.text
    np.testing.assert_allclose(found["code_1"], expected["code_1"], atol=1e-3)
    naturally = pd.DataFrame(test.values * np.log(2), test.samples.index, list(test.genes))
    naturally.to_csv(tmp_path / "ln.csv")
    np.testing.assert_allclose(model.encode(tmp_path / "ln.csv", unit="ln")["code_1"], expected["code_1"], atol=1e-3)
    with pytest.raises(ModelError, match="the profiles are in `log_ratio`"):
        model.encode(replace(test, values=test.values - 6, unit="log_ratio"))

"""Profiles from elsewhere and on a wrong scale: what is refused, what is warned of, what is said beside the answers."""

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
from store_parts import tiny_bundle

from cic.data.matrix import ExpressionMatrix
from cic.errors import ModelError
from cic.model.bundle import Bundle
from cic.model.bundle_files import bundle_digest, load_bundle, save_bundle
from cic.model.familiarity import UNKNOWN, answers, judged, named_types, verdict
from cic.model.reference import MOST_KEPT, Reference, mean_errors
from cic.model.scales import ABLE, READINGS, least_errors

OLD_FORMAT = Path(__file__).parent / "data" / "bundle_format_2"


def spread_profiles() -> ExpressionMatrix:
    """Profiles whose genes differ in level, as real ones do: without that no scale shows."""
    matrix = curved_profiles()
    level_G = np.random.default_rng(3).uniform(-4, 6, size=len(matrix.genes))
    return replace(matrix, values=np.maximum(matrix.values + level_G, 0).astype(np.float32))


@pytest.fixture(scope="module")
def fitted() -> tuple[Bundle, np.ndarray]:
    """A model with its reference, and test profiles."""
    matrix = spread_profiles()
    bundle, part, _ = trained(matrix, label_weight=0.1)
    part_S = part.to_numpy()
    reference = Reference.of(bundle, matrix.values[part_S == "validation"])
    return replace(bundle, reference=reference), matrix.values[part_S == "test"]


def table_of(bundle: Bundle, values_SG: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(values_SG, [f"s{row}" for row in range(len(values_SG))], list(bundle.genes_in))


def judged_of(bundle: Bundle, values_SG: np.ndarray) -> pd.DataFrame:
    return judged(bundle, np.asarray(values_SG, np.float32), table_of(bundle, values_SG).index)


# the reference


def test_the_bundle_keeps_the_reference(tmp_path, fitted):
    bundle, _ = fitted
    for name, one in (("with", bundle), ("without", replace(bundle, reference=None))):
        save_bundle(tmp_path / name, one)
    back = load_bundle(tmp_path / "with").reference
    for name, kept in bundle.reference.arrays().items():
        np.testing.assert_array_equal(back.arrays()[name], kept)
        assert not name.endswith("_P") or ((np.diff(kept) >= 0).all() and kept.dtype == np.float64)
    assert load_bundle(tmp_path / "without").reference is None
    assert bundle_digest(tmp_path / "with") != bundle_digest(tmp_path / "without")


def test_a_bundle_of_the_format_before_still_loads_and_nothing_is_claimed(caplog):
    bundle = load_bundle(OLD_FORMAT)
    assert bundle.reference is None
    values_SG = curved_profiles(n_samples=60, n_genes=30, n_groups=10).values[:3]
    with caplog.at_level(logging.WARNING):
        table = judged(bundle, bundle.align(table_of(bundle, values_SG)), pd.Index(["a", "b", "c"]))
    assert not caplog.records
    assert table[["error_ratio", "percentile", "familiar"]].isna().all(axis=None)
    assert (table["unexplained"].between(0, 1)).all()
    said = verdict(table)
    assert said.text.startswith("nothing is known") and not said.foreign
    assert UNKNOWN not in set(answers(bundle, values_SG)[0]["cell_type"])


def test_too_few_held_out_profiles_are_no_reference(fitted):
    bundle, test_SG = fitted
    assert Reference.of(bundle, test_SG[:4]) is None
    assert len(Reference.of(bundle, test_SG[:5]).error_P) == 5


def test_of_many_profiles_quantiles_are_kept(fitted):
    bundle, test_SG = fitted
    many_SG = np.repeat(test_SG, -(-3 * MOST_KEPT // len(test_SG)), axis=0)
    kept, all_of_them = Reference.of(bundle, many_SG), Reference.of(bundle, test_SG)
    assert len(kept.error_P) == MOST_KEPT
    assert kept.median_error == pytest.approx(all_of_them.median_error, rel=0.1)
    # how many profiles go together decides how sums are rounded
    np.testing.assert_allclose(kept.error_P[[0, -1]], all_of_them.error_P[[0, -1]], rtol=1e-5)


@for_any(error=st.floats(0, 10))
def test_percentile_counts_the_smaller_errors(error):
    reference = Reference(np.array([1.0, 2.0, 3.0, 4.0]), np.zeros(4))
    assert reference.percentile(np.array([error]))[0] == 25 * sum(one < error for one in (1, 2, 3, 4))


# what is said


@pytest.fixture(scope="module")
def wide(tmp_path_factory, profiles) -> Bundle:
    """A model of more genes than it has training profiles, so that its basis leaves most directions out."""
    return load_bundle(tiny_bundle(tmp_path_factory.mktemp("wide"), profiles, 4))


@for_any(level=st.floats(0.1, 3), spread=st.floats(0, 3), seed=st.integers(0, 1000))
def test_no_profile_is_nearer_to_the_model_than_is_said_without_making_a_code(wide, profiles, level, spread, seed):
    drawn_SG = np.random.default_rng(seed).normal(size=profiles.values.shape) * spread
    values_SG = np.maximum(profiles.values * level + drawn_SG, 0).astype(np.float32)
    assert (least_errors(wide, values_SG) <= mean_errors(wide, values_SG) * ABLE + 1e-6).all()


def test_what_no_code_reaches_is_the_part_along_the_mean_outside_the_basis(tmp_path, profiles):
    bundle = load_bundle(tiny_bundle(tmp_path, profiles, 4, top_genes=150))
    bundle = replace(bundle, preprocessor=replace(bundle.preprocessor, scale_G=np.linspace(0.5, 2, 150)))
    mean_G = bundle.preprocessor.mean_G / bundle.preprocessor.scale_G
    rest_G = mean_G - bundle.basis.components_GK @ (bundle.basis.components_GK.T @ mean_G)
    along_S = bundle.preprocessor.transform(profiles.values) @ (rest_G / np.linalg.norm(rest_G))
    np.testing.assert_allclose(least_errors(bundle, profiles.values), along_S**2 / 150, rtol=1e-4)
    values_SG = profiles.values.copy()
    values_SG[:, 3] = np.nan
    assert not least_errors(bundle, values_SG).any(), "of missing genes nothing is known"


def test_without_making_a_code_most_readings_are_told_apart(wide, profiles):
    for reading in READINGS.values():
        least_S = least_errors(wide, reading(profiles.values))
        assert np.median(least_S / mean_errors(wide, profiles.values)) > ABLE


def test_profiles_like_those_held_out_are_familiar(fitted):
    bundle, test_SG = fitted
    table = judged_of(bundle, test_SG)
    assert table["familiar"].mean() > 0.8 and not verdict(table).foreign
    assert set(table["note"]) == {""}
    errors_S = bundle.squared_errors(test_SG)
    distance_S = np.square(bundle.preprocessor.transform(test_SG).astype(float)).sum(axis=1)
    np.testing.assert_allclose(table["unexplained"], errors_S / distance_S, rtol=1e-5)
    np.testing.assert_allclose(
        table["error_ratio"], errors_S / len(bundle.genes) / bundle.reference.median_error, rtol=1e-6
    )


def test_foreign_profiles_are_counted_and_the_worst_named_first(fitted):
    bundle, test_SG = fitted
    mixed_SG = test_SG[:12].copy()
    noise_SG = np.random.default_rng(0).normal(size=mixed_SG[:3].shape)
    mixed_SG[[2, 5, 7]] += np.float32([1, 3, 2])[:, None] * noise_SG
    table = judged_of(bundle, mixed_SG)
    assert not table["familiar"].iloc[[2, 5, 7]].any()
    said = verdict(table.assign(familiar=[row not in (2, 5, 7) for row in range(12)], percentile=50.0))
    assert said.text.startswith("3 of 12 profiles are unlike those that the model was tried on: s5 (error ")
    assert said.text.index("s5 (") < said.text.index("s7 (") < said.text.index("s2 (")
    assert f"{table['error_ratio'].iloc[5]:.2g} times the usual" in said.text and not said.foreign


@pytest.mark.parametrize(
    ("n", "n_unfamiliar", "n_beyond", "foreign"),
    [(1, 0, 1, False), (1, 1, 1, True), (4, 2, 4, False), (4, 3, 4, True), (5, 0, 3, True), (5, 0, 2, False)],
)
def test_more_than_half_makes_all_of_them_foreign(n, n_unfamiliar, n_beyond, foreign):
    table = pd.DataFrame(
        {
            "error_ratio": 1.5,
            "percentile": [95.0 if row < n_beyond else 40.0 for row in range(n)],
            "familiar": [row >= n_unfamiliar for row in range(n)],
            "note": "",
        },
        index=[f"s{row}" for row in range(n)],
    )
    assert verdict(table).foreign is foreign


def test_a_foreign_profile_gets_no_cell_type_but_the_likeliest_is_told(fitted):
    bundle, test_SG = fitted
    values_SG = test_SG[:2].copy()
    values_SG[1] = values_SG[1][::-1]
    probability_SL = bundle.classify_codes(bundle.encode(values_SG))
    types = named_types(probability_SL, bundle.labels, foreign_S=np.array([False, True]))
    assert [*types["cell_type"]] == [types["likeliest"][0], UNKNOWN]
    assert set(types["likeliest"]) <= set(bundle.labels)


# scale


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda x_SG: x_SG * np.log(2), "natural logarithms"),
        (lambda x_SG: x_SG * np.log10(2), "logarithms to base 10"),
        (lambda x_SG: (x_SG - x_SG.mean(axis=0)) / (x_SG.std(axis=0) + 1e-6), "z-scores"),
        (lambda x_SG: x_SG[:, ::-1], "genes misnamed"),
    ],
)
def test_another_scale_is_warned_of_with_its_evidence(fitted, caplog, change, told):
    bundle, test_SG = fitted
    with caplog.at_level(logging.WARNING, logger="cic.model.bundle"):
        values_SG = bundle.align(table_of(bundle, change(test_SG)), "mine.csv")
    (record,) = caplog.records
    assert told in record.getMessage() and record.getMessage().startswith("mine.csv: ")
    table = judged_of(bundle, values_SG)
    assert not table["familiar"].any() and told in table["note"].iloc[0] and verdict(table).foreign


def test_the_right_scale_is_not_warned_of(fitted, caplog):
    bundle, test_SG = fitted
    with caplog.at_level(logging.WARNING):
        for row in range(len(test_SG)):
            bundle.align(table_of(bundle, test_SG[[row]]))
    assert not caplog.records


def test_where_profiles_do_not_follow_the_mean_their_shape_says_nothing(fitted, caplog):
    bundle, test_SG = fitted
    loose = replace(bundle.reference, correlation_P=np.linspace(-0.4, 0.4, 20))
    with caplog.at_level(logging.WARNING):
        replace(bundle, reference=loose).align(table_of(bundle, test_SG[:, ::-1]))
    assert "mean training profile" not in caplog.text


# values that an import refuses


@pytest.mark.parametrize("value", [100.0, 1e9, True, "7.5", None, float("inf"), 1 + 2j, 10**400])
def test_what_an_import_refuses_is_refused(fitted, value):
    bundle, test_SG = fitted
    table = table_of(bundle, test_SG[:2]).astype(object)
    table.iloc[1, 4] = value
    with pytest.raises(ModelError) as refused:
        bundle.align(table, "mine.csv")
    assert str(refused.value.where).startswith("mine.csv")
    assert {"s1", bundle.genes_in[4]} <= set(refused.value.where.replace(",", "").split())


def test_columns_of_truth_values_are_refused_too(fitted):
    bundle, test_SG = fitted
    table = table_of(bundle, test_SG[:2])
    table[bundle.genes_in[3]] = [True, False]
    with pytest.raises(ModelError, match="True is no number"):
        bundle.align(table)


def test_values_that_contradict_a_linear_unit_are_refused(fitted):
    bundle, test_SG = fitted
    for unit, values_SG, told in (
        ("tpm", -test_SG, "a value of -"),
        ("counts", test_SG, "contradict the unit `counts`"),
    ):
        preprocessor = replace(bundle.preprocessor, unit=unit)
        with pytest.raises(ModelError, match=told) as refused:
            replace(bundle, preprocessor=preprocessor).align(table_of(bundle, values_SG))
        assert f"the model was trained on `{unit}`" in str(refused.value) and "declare" not in str(refused.value)


def test_nothing_at_all_is_refused(fitted):
    bundle, test_SG = fitted
    with pytest.raises(ModelError, match="no profiles"):
        bundle.align(table_of(bundle, test_SG[:0]))

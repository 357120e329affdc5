"""The audit finds every planted leak, and nothing where there is none."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cic.config import Split
from cic.data.audit import Audit, audit_split
from cic.data.corrected import CORRECTION, REFERENCE, correction_of
from cic.data.matrix import ExpressionMatrix, read_matrix
from cic.data.readers import read_table
from cic.data.split import split_samples
from cic.data.synthetic import Recipe, simulate
from cic.errors import DataError


@pytest.fixture(scope="module")
def profiles(tmp_path_factory: pytest.TempPathFactory) -> ExpressionMatrix:
    """160 simulated profiles, 20 of them measured twice, with their roles."""
    path = tmp_path_factory.mktemp("audit") / "simulated.parquet"
    simulate(Recipe(samples=160, genes=1500, cell_types=6, studies=12, programs=20, replicate_pairs=20), path)
    matrix = read_matrix(path)
    roles = {"cell_type": "label", "study": "group", "replicate_of": "replicate"}
    return replace(matrix, samples=matrix.samples.rename(columns=roles))


def parts_of(matrix: ExpressionMatrix, seed: int = 0) -> pd.Series:
    return split_samples(matrix.samples, Split(), seed)


def with_copy(
    matrix: ExpressionMatrix, source: int, into: str, copy_G: np.ndarray
) -> tuple[ExpressionMatrix, pd.Series]:
    """Add a profile of its own id, group and specimen to a part."""
    sample = matrix.samples.iloc[[source]].set_axis(["copy"]).assign(group="own", replicate="own")
    samples = pd.concat([matrix.samples, sample]).rename_axis("sample_id")
    values_SG = np.vstack([matrix.values, copy_G[None]]).astype(np.float32)
    part = pd.concat([parts_of(matrix), pd.Series({"copy": into})])
    return replace(matrix, values=values_SG, samples=samples), part


def kinds(audit: Audit) -> set[str]:
    return {finding.kind for finding in audit.findings if finding.blocks}


def first_in(part: pd.Series, name: str) -> int:
    return int(np.flatnonzero(part == name)[0])


def test_a_split_by_group_is_clean(profiles: ExpressionMatrix) -> None:
    for seed in range(3):
        audit = audit_split(profiles, parts_of(profiles, seed), Split())
        assert audit.passed
        assert kinds(audit) == set()
        assert sum(audit.sizes.values()) == profiles.n_samples


def test_groups_and_replicates_astride_are_named(profiles: ExpressionMatrix) -> None:
    part = parts_of(profiles)
    twice = profiles.samples["replicate"].duplicated(keep=False) & (part == "train")
    moved = profiles.samples.index[twice][0]
    part[moved] = "test"
    audit = audit_split(profiles, part, Split())
    assert not audit.passed
    assert {"group_astride", "replicate_astride"} <= kinds(audit)
    named = {example.split(":")[0] for finding in audit.findings for example in finding.examples}
    assert {profiles.samples.loc[moved, "group"], profiles.samples.loc[moved, "replicate"]} <= named


def test_validation_profiles_of_training_groups_are_told_of_where_asked_for(profiles: ExpressionMatrix) -> None:
    asked = Split(validation_from="training")
    part = split_samples(profiles.samples, asked, 0)
    audit = audit_split(profiles, part, asked)
    # of one type and study there are few, and nearer to each other than to all others
    told = {finding.kind for finding in audit.findings if not finding.blocks}
    assert audit.passed and {"validation_of_training_groups", "near_identical"} <= told
    assert "group_astride" in kinds(audit_split(profiles, part, Split())), "where it was not asked for"
    group = profiles.samples["group"]
    moved = part.mask((group == group[part == "train"].iloc[0]) & (part == "validation"), "test")
    moved[part[part == "train"].index[0]] = "test"
    assert "group_astride" in kinds(audit_split(profiles, moved, asked))


@pytest.mark.parametrize("held_out", ["validation", "test"])
def test_a_reference_outside_training_and_a_corrected_study_astride(profiles: ExpressionMatrix, held_out: str) -> None:
    study = profiles.samples["group"]
    part = parts_of(profiles)
    inside, outside = (study[part == name].iloc[0] for name in ("train", held_out))

    def corrected_to(reference: str) -> ExpressionMatrix:
        said = [correction_of(name, REFERENCE if name == reference else "centre") for name in study]
        return replace(profiles, samples=profiles.samples.assign(**{CORRECTION: said}))

    clean = audit_split(corrected_to(inside), part, Split())
    assert clean.passed and "corrected" in {finding.kind for finding in clean.findings}
    assert kinds(audit_split(corrected_to(outside), part, Split())) == {"reference_held_out"}
    other = next(name for name in study[part == "train"] if name != inside)
    mixed = corrected_to(inside)
    mixed = replace(mixed, samples=mixed.samples.assign(group=[f"own{number}" for number in range(len(study))]))
    astride = part.copy()
    astride[study.index[study == other][0]] = held_out
    assert "correction_astride" in kinds(audit_split(mixed, astride, Split()))


def test_an_identical_profile_under_another_id(profiles: ExpressionMatrix) -> None:
    source = first_in(parts_of(profiles), "train")
    matrix, part = with_copy(profiles, source, "test", profiles.values[source])
    audit = audit_split(matrix, part, Split())
    assert kinds(audit) == {"identical"}
    (finding,) = (one for one in audit.findings if one.blocks)
    assert profiles.samples.index[source] in finding.examples[0] and "copy (test)" in finding.examples[0]
    within = audit_split(matrix, part.replace({"test": "test"}).where(part.index != "copy", "train"), Split())
    assert within.passed
    assert [finding.kind for finding in within.findings] == ["identical"]


DISGUISES = {
    "rounded": lambda x_SG, row, draw: np.round(x_SG[row], 1),
    "noise": lambda x_SG, row, draw: x_SG[row] + 0.2 * x_SG.std(axis=0) * draw.normal(size=x_SG.shape[1]),
    "scaled": lambda x_SG, row, draw: 1.3 * x_SG[row],
    "shifted": lambda x_SG, row, draw: x_SG[row] + 1,
    "zeros": lambda x_SG, row, draw: np.where(draw.random(x_SG.shape[1]) < 0.2, 0, x_SG[row]),
}


@pytest.mark.parametrize("disguise", DISGUISES)
def test_a_twin_in_disguise_is_found(profiles: ExpressionMatrix, disguise: str) -> None:
    source = first_in(parts_of(profiles), "train")
    copy_G = DISGUISES[disguise](profiles.values, source, np.random.default_rng(0))
    matrix, part = with_copy(profiles, source, "validation", np.maximum(copy_G, 0))
    audit = audit_split(matrix, part, Split())
    assert kinds(audit) == {"near_identical"}
    assert profiles.samples.index[source] in audit.findings[0].examples[0]


@pytest.mark.parametrize("linear", [True, False])
def test_a_mixture_of_two_is_found_and_its_components_named(profiles: ExpressionMatrix, linear: bool) -> None:
    one, other = np.flatnonzero(parts_of(profiles) == "train")[[0, 5]]
    x_SG = np.exp2(profiles.values) if linear else profiles.values
    mixed_G = (x_SG[one] + x_SG[other]) / 2
    matrix, part = with_copy(profiles, int(one), "test", np.log2(mixed_G) if linear else mixed_G)
    audit = audit_split(matrix, part, Split())
    assert kinds(audit) == {"mixture"}
    assert all(profiles.samples.index[row] in audit.findings[0].examples[0] for row in (one, other))


def test_twins_are_found_where_every_profile_has_one(profiles: ExpressionMatrix) -> None:
    single = profiles.select(~profiles.samples["replicate"].duplicated().to_numpy())
    draw = np.random.default_rng(0)
    noisy_SG = single.values + 0.2 * single.values.std(axis=0) * draw.normal(size=single.values.shape)
    ids = pd.Index([f"{name} {turn}" for turn in (1, 2) for name in single.samples.index], name="sample_id")
    values_SG = np.vstack([single.values, noisy_SG]).astype(np.float32)
    doubled = replace(single, values=values_SG, samples=pd.DataFrame(index=ids))
    part = split_samples(doubled.samples, Split(), 0)
    part_S = part.to_numpy()
    n_astride = int((part_S[: len(ids) // 2] != part_S[len(ids) // 2 :]).sum())
    (finding,) = (one for one in audit_split(doubled, part, Split()).findings if one.blocks)
    assert finding.kind == "near_identical" and int(finding.message.split()[0]) >= 0.8 * n_astride > 0


def test_undeclared_replicates_across_the_split_are_found(profiles: ExpressionMatrix) -> None:
    bare = replace(profiles, samples=profiles.samples[["label"]])
    part = pd.Series("train", index=bare.samples.index)
    specimen = profiles.samples["replicate"]
    part[specimen.duplicated()] = "test"  # the second of each pair
    part.iloc[first_in(part, "train")] = "validation"
    audit = audit_split(bare, part, Split())
    assert kinds(audit) == {"near_identical"}


def test_thresholds_are_those_of_the_configuration(profiles: ExpressionMatrix) -> None:
    part = parts_of(profiles)
    assert not audit_split(profiles, part, Split(near_identical=0.3)).passed
    assert not audit_split(profiles, part, Split(near_distance=0.99)).passed
    assert audit_split(profiles, part, Split(near_identical=1.0, near_distance=0)).passed


def test_ids_that_differ_only_in_case_or_spaces(profiles: ExpressionMatrix) -> None:
    part = parts_of(profiles)
    names = list(profiles.samples.index)
    names[first_in(part, "test")] = f" {names[first_in(part, 'train')].upper()}"
    renamed = replace(profiles, samples=profiles.samples.set_axis(pd.Index(names, name="sample_id")))
    audit = audit_split(renamed, part.set_axis(names), Split())
    assert kinds(audit) == {"repeated_id"}


def test_a_label_without_training_profiles_is_told_and_does_not_block(profiles: ExpressionMatrix) -> None:
    samples = profiles.samples.drop(columns=["group", "replicate"])
    part = pd.Series(np.where(samples["label"] == "aaa", "test", "train"), index=samples.index)
    part.iloc[first_in(part, "train")] = "validation"
    bare = replace(profiles, samples=samples)
    audit = audit_split(bare, part, Split(near_identical=1.0, near_distance=0))
    assert audit.passed
    told = {finding.kind: finding.examples for finding in audit.findings}
    assert told["label_not_in_train"] == ("aaa",)
    assert "validation" in told["share"][0]


def test_a_split_of_other_samples_is_an_error(profiles: ExpressionMatrix) -> None:
    part = parts_of(profiles)
    with pytest.raises(DataError, match="have no part"):
        audit_split(profiles, part.iloc[1:], Split())
    with pytest.raises(DataError, match="not among the profiles: stranger"):
        audit_split(profiles, pd.concat([part, pd.Series({"stranger": "test"})]), Split())
    with pytest.raises(DataError, match="more than one part"):
        audit_split(profiles, pd.concat([part, part.iloc[:1]]), Split())
    with pytest.raises(DataError, match="unknown part"):
        audit_split(profiles, part.replace({"test": "Test"}), Split())


def test_findings_are_plain_json(profiles: ExpressionMatrix) -> None:
    audit = audit_split(profiles, parts_of(profiles), Split(near_identical=0.3))
    plain = json.loads(json.dumps(audit.to_json()))
    assert plain["passed"] is False
    assert plain["findings"][0].keys() == {"kind", "message", "examples", "blocks"}


@pytest.mark.parametrize(
    ("name", "file", "samples_in", "unit"),
    [
        ("tcga", "expression.parquet", "rows", "log2"),
        ("gtex26", "expression.tsv.gz", "columns", "log2"),
        ("chowdary", "expression.parquet", "rows", "intensity"),
    ],
)
def test_ordinary_profiles_of_one_tissue_are_no_finding(
    real_data: Path, name: str, file: str, samples_in: str, unit: str
) -> None:
    folder = real_data / name
    matrix = read_table(folder / file, samples_in=samples_in, unit=unit, labels=folder / "samples.csv")  # type: ignore[arg-type]
    for seed in range(2):
        assert audit_split(matrix, parts_of(matrix, seed), Split()).passed


def test_two_numbers_for_one_tumour_in_khan_are_found(real_data: Path) -> None:
    folder = real_data / "khan"
    matrix = read_table(folder / "expression.csv", samples_in="rows", unit="log_ratio", labels=folder / "samples.csv")
    part = pd.Series("train", index=matrix.samples.index)
    part["khan_4"], part["khan_10"] = "test", "validation"
    (finding,) = (one for one in audit_split(matrix, part, Split()).findings if one.blocks)
    assert finding.kind == "near_identical"
    assert "khan_4" in finding.examples[0] and "khan_7" in finding.examples[0]

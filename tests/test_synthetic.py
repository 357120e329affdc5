"""The simulated default data: the same each time, and what its ground truth says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from cic.config import Split
from cic.data.matrix import read_matrix
from cic.data.split import split_samples
from cic.data.synthetic import Recipe, Truth, cell_type_names, draw_truth, planted_activity, program_names, simulate
from cic.data.synthetic_hard import RAREST, HardRecipe, draw_hard_truth, simulate_hard
from cic.evaluation.gene_sets.gene_sets import read_gmt

SMALL = Recipe(samples=300, genes=2000, cell_types=8, studies=15, programs=24, replicate_pairs=40)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("synthetic") / "small"
    simulate(SMALL, path)
    return path


def test_shape_columns_and_unit(made: Path) -> None:
    matrix = read_matrix(made)
    assert matrix.values.shape == (300, 2000)
    assert matrix.unit == "log2"
    assert matrix.values.min() >= 0
    np.testing.assert_allclose((np.exp2(matrix.values.astype(float)) - 1).sum(axis=1), 1e6, rtol=1e-3)
    assert matrix.samples["cell_type"].nunique() == 8
    assert matrix.samples["study"].nunique() == 15
    assert matrix.samples["replicate_of"].value_counts().value_counts().to_dict() == {1: 220, 2: 40}


def test_the_same_recipe_gives_the_same_bytes_and_another_seed_other_data(made: Path, tmp_path: Path) -> None:
    simulate(SMALL, tmp_path / "small")
    names = {file.name for file in made.iterdir()}
    assert names == {"profiles.parquet", "samples.csv", "genes.csv", "provenance.json", "programs.gmt", "truth.parquet"}
    for name in names:
        assert (tmp_path / "small" / name).read_bytes() == (made / name).read_bytes()
    simulate(SMALL.model_copy(update={"seed": 2}), tmp_path / "small")
    assert (tmp_path / "small" / "profiles.parquet").read_bytes() != (made / "profiles.parquet").read_bytes()


def test_the_default_setting_gives_what_it_always_gave(tmp_path: Path) -> None:
    """Last bits differ between processors, so values are held and not bytes; the recipe is part of the record."""
    recipe = Recipe(samples=60, genes=80, cell_types=4, studies=9, programs=6, replicate_pairs=8, seed=2)
    simulate(recipe, tmp_path / "golden")
    values = read_matrix(tmp_path / "golden").values.astype(float)
    np.testing.assert_allclose(values[1, :4], [6.1961, 18.3456, 12.2419, 10.5832], atol=1e-3)
    assert values.sum() == pytest.approx(47936.084, abs=0.1)
    assert np.square(values).sum() == pytest.approx(525395.22, abs=1)
    assert Recipe().model_dump() == {
        "samples": 1040, "genes": 20_000, "cell_types": 16, "studies": 40, "programs": 80, "replicate_pairs": 120,
        "study_shift": 0.25, "noise": 1.0, "seed": 1,
    }  # fmt: skip


def test_progress_counts_every_profile(tmp_path: Path) -> None:
    done: list[int] = []
    simulate(SMALL.model_copy(update={"genes": 60}), tmp_path / "a", done.append)
    assert sum(done) == 300 and len(done) > 1


def test_replicates_share_type_study_and_activity_and_differ_in_noise(made: Path) -> None:
    matrix = read_matrix(made)
    truth = pd.read_parquet(made / "truth.parquet").set_index("sample_id")
    pairs = [rows for _, rows in matrix.samples.groupby("replicate_of") if len(rows) == 2]
    for pair in pairs:
        assert pair["study"].nunique() == pair["cell_type"].nunique() == 1
        np.testing.assert_array_equal(truth.loc[pair.index[0]], truth.loc[pair.index[1]])
    profile = pd.DataFrame(matrix.values, index=matrix.samples.index)
    agreement = [np.corrcoef(profile.loc[pair.index])[0, 1] for pair in pairs]
    assert 0.97 < np.median(agreement) < 0.9999
    assert not any(np.array_equal(*profile.loc[pair.index].to_numpy()) for pair in pairs)


def test_noise_falls_with_expression(made: Path) -> None:
    matrix = read_matrix(made)
    pairs = [matrix.values[rows] for rows in matrix.samples.reset_index().groupby("replicate_of").indices.values()
             if len(rows) == 2]  # fmt: skip
    apart_G = np.mean([np.abs(pair[0] - pair[1]) for pair in pairs], axis=0)
    mean_G = matrix.values.mean(axis=0)
    assert apart_G[(mean_G > 1) & (mean_G < 3)].mean() > 1.2 * apart_G[mean_G > 6].mean()


def test_programs_that_few_genes_leave_without_any_are_no_sets(tmp_path: Path) -> None:
    few = SMALL.model_copy(update={"genes": 60})
    simulate(few, tmp_path / "few")
    sets = read_gmt(tmp_path / "few" / "programs.gmt")
    assert 0 < len(sets) < len(program_names(few))
    assert len(pd.read_parquet(tmp_path / "few" / "truth.parquet").columns) == 1 + len(program_names(few))


def test_the_programs_of_the_truth_move_their_genes(made: Path) -> None:
    matrix = read_matrix(made)
    truth = pd.read_parquet(made / "truth.parquet").set_index("sample_id")
    assert list(truth.index) == list(matrix.samples.index)
    assert list(truth.columns) == list(program_names(SMALL))
    assert truth.to_numpy().min() >= 0 and truth.to_numpy().max() <= 1
    lines = [line.split("\t") for line in (made / "programs.gmt").read_text().splitlines()]
    programs = {line[0]: line[2:] for line in lines}
    assert set(programs) == set(truth.columns)
    column = {gene: number for number, gene in enumerate(matrix.genes)}
    x_SG = matrix.values - matrix.values.mean(axis=0)
    inside, outside = [], []
    for name, genes in programs.items():
        activity_S = truth[name] - truth[name].mean()
        r_G = np.abs(activity_S.to_numpy() @ x_SG) / (np.linalg.norm(activity_S) * np.linalg.norm(x_SG, axis=0) + 1e-9)
        rows = [column[gene] for gene in genes]
        inside.append(r_G[rows].mean())
        outside.append(np.delete(r_G, rows).mean())
    assert np.mean(inside) > 1.3 * np.mean(outside)


def test_neighbours_in_the_tree_are_more_alike(made: Path) -> None:
    matrix = read_matrix(made)
    types = matrix.samples["cell_type"].to_numpy()
    centre = {name: matrix.values[types == name].mean(axis=0) for name in set(types)}
    near = [np.linalg.norm(centre[a] - centre[b]) for a in centre for b in centre if a < b and a[:-1] == b[:-1]]
    far = [np.linalg.norm(centre[a] - centre[b]) for a in centre for b in centre if a < b and a[0] != b[0]]
    assert np.mean(near) < np.mean(far)


def test_what_is_left_to_principal_components_is_more_than_noise(made: Path) -> None:
    """The rank of the activities is far above the width of the state: depth has something to find."""
    activity_SP = draw_truth(SMALL).activity_SP
    singular = np.linalg.svd(activity_SP - activity_SP.mean(axis=0), compute_uv=False)
    share = np.cumsum(singular**2) / (singular**2).sum()
    assert share[9] < 0.99 and share[-1] == pytest.approx(1)


@pytest.mark.parametrize("n_types", [2, 3, 7, 16])
def test_cell_types_are_the_leaves_of_one_tree(n_types: int) -> None:
    names = cell_type_names(n_types)
    assert len(set(names)) == n_types
    assert not any(a != b and b.startswith(a) for a in names for b in names)


def test_the_default_design_can_be_split_by_study_with_all_types_everywhere() -> None:
    samples = draw_truth(Recipe(genes=50)).samples
    roles = {"cell_type": "label", "study": "group", "replicate_of": "replicate"}
    samples = samples.rename(columns=roles)
    assert samples.groupby("label")["group"].nunique().min() >= 5
    for seed in range(3):
        part = split_samples(samples, Split(), seed)
        assert (pd.crosstab(samples["label"], part) > 0).all().all()
        assert part.value_counts(normalize=True)["train"] == pytest.approx(0.7, abs=0.05)


@pytest.mark.parametrize("wrong", [{"replicate_pairs": 600}, {"studies": 5000}, {"samples": 5}, {"genez": 3}])
def test_a_recipe_that_cannot_be_made(wrong: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        Recipe.model_validate(wrong)


def test_truth_that_belongs_to_other_samples_is_not_taken(made: Path) -> None:
    samples = read_matrix(made).samples.index
    activity = planted_activity(made, samples)
    assert activity is not None and list(activity.columns) == list(program_names(SMALL))
    assert planted_activity(made, samples[1:]) is None
    assert planted_activity(made.with_name("other.parquet"), samples) is None


# the harder setting


@pytest.fixture(scope="module")
def truths() -> tuple[Truth, Truth]:
    recipe = {"genes": 4000, "samples": 600, "replicate_pairs": 60}
    return draw_truth(Recipe(**recipe)), draw_hard_truth(HardRecipe(**recipe))


def nearest_overlap(truth: Truth) -> float:
    member_PG = (truth.effect_PG != 0).astype(float)
    shared_PP = member_PG @ member_PG.T
    share_PP = shared_PP / np.minimum.outer(np.diag(shared_PP), np.diag(shared_PP))
    np.fill_diagonal(share_PP, 0)
    return float(np.median(share_PP.max(axis=1)))


def test_hard_programs_overlap_and_are_rare(truths: tuple[Truth, Truth]) -> None:
    easy, hard = truths
    assert nearest_overlap(easy) < 0.15 and nearest_overlap(hard) > 0.25
    share_P = (hard.activity_SP > 0.5).mean(axis=0)
    assert share_P.min() >= RAREST / 2 and np.median(share_P) < 0.1
    assert np.median((easy.activity_SP > 0.5).mean(axis=0)) > 0.25


def test_hard_siblings_go_together(truths: tuple[Truth, Truth]) -> None:
    r_PP = np.corrcoef(truths[1].activity_SP.T)
    sibling_PP = np.arange(80)[:, None] // 4 == np.arange(80) // 4
    np.fill_diagonal(sibling_PP, False)
    assert np.median(r_PP[sibling_PP]) > 0.4
    assert np.median(np.abs(r_PP[~sibling_PP])) < 0.25


def test_hard_studies_shift_genes_of_programs(truths: tuple[Truth, Truth]) -> None:
    easy, hard = truths
    moved_TG = hard.shift_TG - easy.shift_TG
    moved_G = np.abs(moved_TG).sum(axis=0) > 0
    assert 0.05 < moved_G.mean() < 0.6
    assert (hard.effect_PG[:, moved_G] != 0).any(axis=0).all()
    assert moved_TG[:, moved_G].std() > easy.shift_TG.std()


def test_hard_profiles_are_written_with_their_truth_and_told_from_others(tmp_path: Path) -> None:
    recipe = HardRecipe(samples=60, genes=80, cell_types=4, studies=9, programs=6, replicate_pairs=8, seed=2)
    simulate_hard(recipe, tmp_path / "hard")
    assert "hard" in (tmp_path / "hard" / "provenance.json").read_text()
    matrix = read_matrix(tmp_path / "hard")
    activity = planted_activity(tmp_path / "hard", matrix.samples.index)
    assert activity is not None
    np.testing.assert_allclose(activity, draw_hard_truth(recipe).activity_SP)
    for _, pair in matrix.samples.groupby("replicate_of"):
        assert (activity.loc[pair.index] == activity.loc[pair.index[0]]).all(axis=None)

"""The whole main job on cells that are many and sparse, made small: every stage, publishing, the gate, and encoding."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from store_parts import new_store

from cic.config import Params, parse_params
from cic.data import sparse
from cic.data.cells import CellRecipe, simulate_cells
from cic.data.matrix import ExpressionMatrix, fingerprints, read_matrix, write_matrix
from cic.folders import Folders, read_part
from cic.model.bundle_files import bundle_digest, load_bundle
from cic.pipeline import run_stage, workspace
from cic.publishing import judge, publish
from cic.settings import Settings
from cic.stage_list import STAGES
from cic.using.profiles import taken

CELLS, MEASURED = 400, 120


def params_of(file: Path) -> Params:
    return parse_params(
        {
            "seed": 5,
            "data": {"file": str(file), "label": "cell_type", "group": "donor"},
            "training": {"epochs": 6, "rank": 12, "batch_size": 64, "most_steps": 12},
            "search": {"trials": 2, "round_size": 2, "workers": 1, "bottleneck_width": [2], "depth": [0, 1],
                       "hidden_width": [16], "finalists": 1, "repeats": 2},
            "fit": {"seeds": 1},
            "evaluate": {"measures": ["genes"], "bootstrap": 100, "most_profiles": MEASURED},
        }
    )  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _small() -> Iterator[None]:
    """Let a hundred profiles be many, so that they pass in several blocks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cic.data.sparse.FEW", 100)
        patch.setattr("cic.data.sparse.BLOCK_ROWS", 64)
        patch.setattr("cic.model.basis.EXACT_UP_TO", 96)
        patch.setattr("cic.model.basis.GRAM_UP_TO", 96)
        yield


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("many") / "cells.parquet"
    recipe = CellRecipe(samples=CELLS, genes=200, cell_types=4, studies=20, programs=8, molecules=500, seed=3)
    simulate_cells(recipe, path)
    return path


def run(folder: Path, file: Path, template: Path) -> tuple[Params, Folders, Settings]:
    params, folders = params_of(file), workspace(folder / "build")
    settings = Settings(project=folder, home=folder / "home", device="cpu")
    new_store(settings.home, template)
    for name in STAGES:
        run_stage(name, params, folders, settings)
    return params, folders, settings


@pytest.fixture(scope="module")
def ran(cells: Path, tmp_path_factory: pytest.TempPathFactory, template: Path) -> tuple[Params, Folders, Settings]:
    return run(tmp_path_factory.mktemp("sparse"), cells, template)


def test_profiles_stay_sparse_from_stage_to_stage(ran: tuple[Params, Folders, Settings]) -> None:
    assert sparse.is_sparse(read_matrix(ran[1]["ingest"] / "matrix.parquet").values)


def test_the_evaluation_says_that_it_measured_a_sample(ran: tuple[Params, Folders, Settings]) -> None:
    metrics = json.loads((ran[1]["evaluate"] / "metrics.json").read_text())
    sizes = metrics["profiles"]
    assert sizes["train"] + sizes["validation"] + sizes["test"] == MEASURED
    assert f"{MEASURED} of {CELLS} profiles" in metrics["cautions"]["sample"]
    assert f"{MEASURED} of {CELLS} profiles" in (ran[1]["evaluate"] / "report.html").read_text()
    profiles = pd.read_csv(ran[1]["evaluate"] / "profiles.csv")
    n_test = int((read_part(ran[1]) == "test").sum())
    assert len(profiles) == sizes["test"] == min(n_test, MEASURED // 2)


def test_the_audit_says_what_it_compared(ran: tuple[Params, Folders, Settings]) -> None:
    audit = json.loads((ran[1]["split"] / "audit.json").read_text())
    assert "compared" in {finding["kind"] for finding in audit["findings"]}


def test_the_model_knows_every_profile_that_it_saw(ran: tuple[Params, Folders, Settings]) -> None:
    matrix = read_matrix(ran[1]["ingest"] / "matrix.parquet")
    seen_S = read_part(ran[1]).loc[matrix.samples.index].isin(["train", "validation"]).to_numpy()
    bundle = load_bundle(ran[1]["fit"] / "bundle")
    assert bundle.about["trained_on"] == sorted(fingerprints(matrix.select(seen_S).values))
    assert bundle.reference is not None
    assert len(bundle.reference.error_P) == int((read_part(ran[1]) == "validation").sum())


def test_the_gate_decides_upon_the_profiles_that_were_measured(ran: tuple[Params, Folders, Settings]) -> None:
    run_of_model = publish(*ran)
    decision = judge(*ran)
    assert run_of_model.version
    assert decision.outcome


def test_many_profiles_are_encoded_block_by_block_as_all_at_once(
    ran: tuple[Params, Folders, Settings], cells: Path
) -> None:
    bundle, matrix = load_bundle(ran[1]["fit"] / "bundle"), read_matrix(cells)
    read = list(taken(bundle, cells, str(cells)))
    assert [len(samples) for _, samples in read] == [64] * 6 + [16]
    assert [name for _, samples in read for name in samples] == list(matrix.samples.index)
    codes_SW = np.concatenate([bundle.encode(values_SG) for values_SG, _ in read])
    np.testing.assert_allclose(codes_SW, bundle.encode(matrix.values.toarray()), atol=1e-3)


def test_the_same_bundle_again(
    ran: tuple[Params, Folders, Settings], cells: Path, tmp_path_factory: pytest.TempPathFactory, template: Path
) -> None:
    _, folders, _ = run(tmp_path_factory.mktemp("again"), cells, template)
    assert bundle_digest(folders["fit"] / "bundle") == bundle_digest(ran[1]["fit"] / "bundle")


def test_dense_profiles_give_nearly_the_same_model(
    ran: tuple[Params, Folders, Settings], cells: Path, tmp_path_factory: pytest.TempPathFactory, template: Path
) -> None:
    """Sums over blocks are the same but for rounding, so errors are too, whichever way profiles are kept."""
    matrix, folder = read_matrix(cells), tmp_path_factory.mktemp("dense")
    dense = ExpressionMatrix(matrix.values.toarray(), matrix.genes, matrix.samples, matrix.unit)
    write_matrix(folder / "cells.parquet", dense)
    _, folders, _ = run(folder, folder / "cells.parquet", template)
    errors = [
        pd.read_csv(each["evaluate"] / "profiles.csv").set_index("sample_id")["squared_error_pca"]
        for each in (ran[1], folders)
    ]
    np.testing.assert_allclose(errors[0], errors[1].loc[errors[0].index], rtol=1e-3)

"""Time per profile and peak memory from a thousand cells to a hundred thousand: `python -m bench.scale`.

Cells are simulated as sparse counts over 20,000 genes, of which about 5% are not zero, and go through `cic data import`
as an `.h5ad` and through the stages of the main job, each a process of its own. Beside these: what preparing a training
takes (genes, basis, coordinates), and one epoch of training. Memory is that of a process and all its children, what
they share counted once, and of this bench, which waits meanwhile. Writes bench/scale.json.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
from anndata.io import write_elem
from rich.console import Console
from rich.table import Table

from bench.load import watched
from cic.data.matrix_file import read_matrix_rows

CIC = (sys.executable, "-c", "from cic.cli import main; main()")
STAGES = ("ingest", "split", "search", "fit", "evaluate")
IDENTITY = ("-c", "user.name=bench", "-c", "user.email=bench@localhost", "-c", "commit.gpgsign=false")
PARAMS = """
seed: 1806
data: {file: data/raw/cells, label: cell_type, group: donor}
search: {rank: 256, trials: 6, depth: [0, 1], bottleneck_width: [16, 30], finalists: 1, repeats: 2}
fit: {seeds: 6}
evaluate: {measures: [genes, unseen_types, identity]}
"""


def measured(command: Sequence[str], folder: Path) -> dict[str, float]:
    """Run a command; give its seconds and the peak of memory."""
    home = {"CIC_HOME": str(folder / "home"), "PYTHONPATH": str(Path(__file__).parent.parent)}
    with (folder / "log.txt").open("a") as log, watched(memory=True) as watch:
        status = subprocess.run(command, cwd=folder, env={**os.environ, **home}, stdout=log, stderr=log).returncode
    if status:
        raise SystemExit(f"{' '.join(command[-4:])} ended with {status}: {(folder / 'log.txt').read_text()[-3000:]}")
    return {"seconds": watch.seconds, "peak_gb": watch.peak_mib * 2**20 / 1e9}


def write_h5ad(source: Path, target: Path) -> None:
    """Write a sparse file of cic as `.h5ad`, in a stream."""
    parts = {"data": np.float32, "indices": np.int32, "indptr": np.int64}
    with h5py.File(target, "w") as file:
        x = file.create_group("X")
        x.attrs.update({"encoding-type": "csr_matrix", "encoding-version": "0.1.0"})
        more = {"maxshape": (None,), "chunks": (1 << 20,)}
        sets = {name: x.create_dataset(name, (0,), kind, **more) for name, kind in parts.items()}
        sets["indptr"].resize((1,))
        stored, frames = 0, []
        for samples, rows_SG in read_matrix_rows(source, 4096):
            frames.append(samples)
            starts = rows_SG.indptr[1:].astype(np.int64) + stored
            for name, values in (("data", rows_SG.data), ("indices", rows_SG.indices), ("indptr", starts)):
                at = len(sets[name])
                sets[name].resize((at + len(values),))
                sets[name][at:] = values
            stored += rows_SG.nnz
        obs = pd.concat(frames)
        x.attrs["shape"] = np.array([len(obs), rows_SG.shape[1]])
        write_elem(file, "obs", obs)
        genes = [f"SIM{number:05d}" for number in range(1, rows_SG.shape[1] + 1)]
        write_elem(file, "var", pd.DataFrame(index=genes))


def prepare_and_train(file: Path) -> dict[str, float]:
    """Time preparing a training on seven tenths of the cells, and an epoch over all of these."""
    from cic.config import load_params
    from cic.data.matrix import read_matrix
    from cic.model.prepare import prepare
    from cic.model.threads import one_thread
    from cic.model.training import Hyperparameters, new_network, train

    params = load_params("params.yaml")
    matrix = read_matrix(file)
    matrix = type(matrix)(matrix.values, matrix.genes, matrix.samples.rename(columns={"donor": "group"}), matrix.unit)
    order = np.random.default_rng(0).permutation(matrix.n_samples)
    n_train = int(0.7 * matrix.n_samples)
    ends = [n_train, n_train + int(0.15 * matrix.n_samples)]
    parts = [matrix.select(np.sort(part)) for part in np.split(order, ends)]
    began = time.perf_counter()
    fold = prepare(parts[0], parts[1], params, params.search.rank).fold
    prepared = time.perf_counter() - began
    training = params.training.model_copy(update={"epochs": 4, "most_steps": 10**9, "validate_every": 4})
    hyper = Hyperparameters(depth=1, bottleneck_width=30)
    with one_thread():
        began = time.perf_counter()
        for _ in train(new_network(fold, hyper, training, 0), fold, hyper, training, 0):
            pass
        epoch = (time.perf_counter() - began) / 4
    return {"prepare": prepared, "epoch": epoch}


def measure(cells: int, folder: Path, genes: int) -> dict[str, Any]:
    """Measure everything at one size, in a project of its own; what an earlier call measured there stays."""
    kept = folder / "found.json"
    found: dict[str, Any] = json.loads(kept.read_text()) if kept.exists() else {}

    def step(name: str, *command: str) -> None:
        if name not in found:
            found[name] = measured(command, folder)
            kept.write_text(json.dumps(found))

    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / ".dvc").exists():
        (folder / "params.yaml").write_text(PARAMS)
        for command in (["git", "init", "-q"], [sys.executable, "-m", "dvc", "init", "-q"]):
            subprocess.run(command, cwd=folder, check=True, capture_output=True)
    size = ("--samples", str(cells), "--genes", str(genes))
    step("simulate", *CIC, "data", "simulate", "--cells", "--name", "made", *size)
    if "import" not in found:
        write_h5ad(folder / "data/raw/made/profiles.parquet", folder / "cells.h5ad")
    declared = ("--name", "cells", "--unit", "counts", "--samples-in", "rows")
    step("import", *CIC, "data", "import", "cells.h5ad", *declared)
    for git in (("add", "data", "params.yaml"), ("commit", "-q", "--allow-empty", "-m", "cells")):
        subprocess.run(["git", *IDENTITY, *git], cwd=folder, check=True, capture_output=True)
    step("prepare and an epoch", sys.executable, "-m", "bench.scale", "--prepare", "data/raw/cells")
    both = json.loads((folder / "prepared.json").read_text())
    for name in ("prepare", "epoch"):
        found[name] = {"seconds": both[name], "peak_gb": found["prepare and an epoch"]["peak_gb"]}
    for stage in STAGES:
        step(stage, *CIC, stage)
    whole = [found[stage] for stage in STAGES]
    found["whole job"] = {
        "seconds": sum(stage["seconds"] for stage in whole),
        "peak_gb": max(stage["peak_gb"] for stage in whole),
    }
    return found


def show(results: dict[str, dict[str, Any]]) -> None:
    """Print the table."""
    table = Table("cells", "step", "seconds", "ms a cell", "peak GB")
    for cells, found in results.items():
        for name in ("import", "prepare", "epoch", *STAGES, "whole job"):
            if name in found:
                one = found[name]
                each = 1000 * one["seconds"] / int(cells)
                table.add_row(cells, name, f"{one['seconds']:.1f}", f"{each:.2f}", f"{one['peak_gb']:.2f}")
    Console().print(table)


def main() -> None:
    """Measure at each size, write the results, print the table."""
    parser = argparse.ArgumentParser(prog="bench.scale", description=__doc__)
    parser.add_argument("--cells", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--genes", type=int, default=20_000)
    parser.add_argument(
        "--folder",
        type=Path,
        help="where to work, and leave what was made; default: a temporary one; a second call goes on there",
    )
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "scale.json")
    parser.add_argument("--prepare", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.prepare:
        Path("prepared.json").write_text(json.dumps(prepare_and_train(options.prepare)))
        return
    results = {}
    with tempfile.TemporaryDirectory() as scratch:
        for cells in options.cells:
            Console(stderr=True).print(f"measuring {cells} cells")
            results[str(cells)] = measure(cells, (options.folder or Path(scratch)) / str(cells), options.genes)
            options.output.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n")
    show(results)


if __name__ == "__main__":
    main()

"""Speed and memory, side by side in one run: `make bench`. Writes bench/results.json and prints a table.

Machines are noisy: read the ratios. The rival is plain PyTorch over genes: the same architecture and start, AdamW on
squared error, all cores.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.measurements import basis_epochs, basis_trials, gene_space_trial, measured, whole_evaluation, whole_search
from cic.config import Training
from cic.data.synthetic import Recipe, simulate


def main() -> None:
    """Measure everything, write the results, print the table."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small data and few epochs, to try the bench itself")
    parser.add_argument("--only", help="measure this one alone, and keep what the output file has of the others")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results.json")
    options = parser.parse_args()
    recipe = Recipe(samples=300, genes=800) if options.quick else Recipe()
    epochs, trials = (20, 6) if options.quick else (Training().epochs, 60)
    with tempfile.TemporaryDirectory() as scratch:
        file = str(Path(scratch) / "synthetic.parquet")
        started = time.perf_counter()
        simulate(recipe, Path(file))
        results: dict[str, Any] = json.loads(options.output.read_text()) if options.only else {}
        results["simulate"] = {"seconds": time.perf_counter() - started}
        jobs: list[tuple[str, Callable[..., dict[str, float]], tuple[Any, ...]]] = [
            ("epochs, basis at full rank", basis_epochs, (file, 0)),
            ("epochs, basis of rank 256", basis_epochs, (file, 256)),
            ("trials, basis at full rank", basis_trials, (file, 0)),
            ("trials, basis of rank 256", basis_trials, (file, 256)),
            ("trial, gene space", gene_space_trial, (file, epochs)),
            ("whole search", whole_search, (file, trials)),
            ("whole evaluation", whole_evaluation, (file, epochs)),
        ]
        if options.only and options.only not in (name for name, _, _ in jobs):
            parser.error(f"no measurement `{options.only}`: there are {', '.join(name for name, _, _ in jobs)}")
        for name, function, arguments in jobs:
            if options.only not in (None, name):
                continue
            Console(stderr=True).print(f"measuring: {name}")
            results[name] = measured(function, *arguments)
    rival = results["trial, gene space"]
    for name in ("epochs, basis at full rank", "epochs, basis of rank 256"):
        results[name]["times_as_fast"] = rival["seconds_per_epoch"] / results[name]["seconds_per_epoch"]
    for name in ("trials, basis at full rank", "trials, basis of rank 256"):
        results[name]["times_as_fast"] = rival["seconds_per_trial"] / results[name]["seconds_per_trial"]
    results["machine"] = {"cores": len(os.sched_getaffinity(0)), "processor": platform.machine()}
    results["profiles"] = {"samples": recipe.samples, "genes": recipe.genes}
    options.output.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n")
    show(results)


def show(results: dict[str, Any]) -> None:
    """Print the table."""
    columns = (
        "seconds_per_epoch",
        "seconds_per_trial",
        "times_as_fast",
        "ratio_to_pca",
        "seconds",
        "not_training",
        "peak_memory_mib",
    )
    table = Table("measurement", *(column.replace("_", " ") for column in columns))
    for name, found in results.items():
        if name not in ("machine", "profiles"):
            table.add_row(name, *(f"{found[column]:.3g}" if column in found else "" for column in columns))
    Console(width=150).print(table)


if __name__ == "__main__":
    main()

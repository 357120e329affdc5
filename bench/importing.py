"""How long a file of each kind takes to read, beside what the field reads it with: `python -m bench.importing`.

1,040 profiles of 20,000 genes, the same values in every kind as far as it can hold them, whole numbers as counts have.
Ours does all that an import does before it writes: the kind found out, names and values checked, samples in rows. The
rivals only read, and turn genes to columns where the file has them in rows. Each call is in a process of its own, after
one of a small file, so that no imports are timed; ours reads in the process beside it that any import uses.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from bench.kinds import KINDS
from bench.load import IDLE_BELOW, busy_elsewhere
from bench.turns import Job, in_turns, summary

SAMPLES, GENES = 1040, 20_000
SMALL = (6, 20)


def counts(n_samples: int, n_genes: int) -> pd.DataFrame:
    """Draw counts of which about a third are zero."""
    draw = np.random.default_rng(1)
    level_G = np.exp(draw.normal(1.0, 2.0, size=n_genes))
    values_SG = draw.poisson(level_G, size=(n_samples, n_genes)).astype(np.float32)
    values_SG[:, 0] += 1
    samples = pd.Index([f"s{number}" for number in range(n_samples)], name="sample_id")
    return pd.DataFrame(values_SG, samples, [f"GENE{number}" for number in range(n_genes)])


def ours(path: str, small: str, options: dict[str, Any]) -> dict[str, float]:
    """Time our reading of a file."""
    from cic.data.readers import read_table

    options = {"unit": "counts", **options}
    read_table(Path(small), **options)
    began = time.perf_counter()
    matrix = read_table(Path(path), **options)
    return {"seconds": time.perf_counter() - began, "total": float(matrix.values.sum(dtype=np.float64))}


def theirs(path: str, small: str, kind: str) -> dict[str, float]:
    """Time the rival's."""
    _, _, _, read, options, _ = KINDS[kind]
    warnings.simplefilter("ignore")
    read(Path(small), **options)
    began = time.perf_counter()
    values = read(Path(path), **options)
    return {"seconds": time.perf_counter() - began, "total": float(values.sum(dtype=np.float64))}


def main() -> None:
    """Measure, write, show."""
    parser = argparse.ArgumentParser(prog="bench.importing", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small files, one round: to try the bench itself")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", action="append", choices=tuple(KINDS), help="these kinds alone")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "importing.json")
    options = parser.parse_args()
    busy, found = busy_elsewhere(), dict[str, dict[str, Any]]()
    size = (40, 300) if options.quick else (SAMPLES, GENES)
    with tempfile.TemporaryDirectory() as scratch:
        for kind in options.only or KINDS:
            name, write, library, _, _, declared = KINDS[kind]
            path, small = Path(scratch) / name, Path(scratch) / "small" / name
            small.parent.mkdir(exist_ok=True)
            write(counts(*size), path)
            write(counts(*SMALL), small)
            jobs: dict[str, Job] = {
                "ours": (ours, (str(path), str(small), declared)),
                library: (theirs, (str(path), str(small), kind)),
            }
            rounds = {
                who: summary(one) for who, one in in_turns(jobs, 1 if options.quick else options.rounds, False).items()
            }
            both = [rounds[who]["total"]["median"] for who in rounds]
            if both[0] != both[1]:
                raise SystemExit(f"{kind}: ours adds up to {both[0]}, {library}'s to {both[1]}")
            files = [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]
            found[kind] = {**rounds, "library": library, "megabytes": sum(file.stat().st_size for file in files) / 1e6}
    show(found)
    elsewhere = max(
        [busy, *(who["elsewhere"]["median"] for one in found.values() for who in (one["ours"], one[one["library"]]))]
    )
    if elsewhere > IDLE_BELOW or options.quick or options.only:
        raise SystemExit(f"not written: others kept {elsewhere:.2f} cores busy, or this was a part")
    options.output.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")


def show(found: dict[str, Any]) -> None:
    """Print a line a kind."""
    table = Table("kind", "MB", "ours, s", "the field's, s", "", "ours / theirs", "ours, GB", "theirs, GB")
    for kind, one in found.items():
        ours_s, theirs_s = (one[who]["seconds"]["median"] for who in ("ours", one["library"]))
        memory = [f"{one[who]['peak_mib']['median'] / 1024:.2f}" for who in ("ours", one["library"])]
        table.add_row(
            kind, f"{one['megabytes']:.0f}", f"{ours_s:.2f}", f"{theirs_s:.2f}", one["library"],
            f"{ours_s / theirs_s:.2f}", *memory,
        )  # fmt: skip
    Console(width=140).print(table)


if __name__ == "__main__":
    main()

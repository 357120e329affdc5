"""Speed and memory, rivals in turns with ours: `make bench`. Writes bench/results.json and prints a table.

Every figure is the median of at least three rounds, in which the rivals take turns, with its minimum and its spread.
On a machine that others keep busy the figures are shown and not written, unless `--busy` says so. Ratios are what to
read: they hold on other machines better than seconds do.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from bench.load import IDLE_BELOW, busy_elsewhere
from bench.parts import errors, evaluated, searched, trials
from bench.tune_rival import RECORD
from cic.data.synthetic import Recipe, simulate

PARTS: dict[str, Callable[[str, int, bool], dict[str, Any]]] = {
    "trials": trials,
    "errors": errors,
    "search": searched,
    "evaluation": evaluated,
}


QUICK = Recipe(samples=160, genes=300, cell_types=4, studies=20, programs=10, replicate_pairs=16)


def main() -> None:
    """Measure, write, show."""
    parser = argparse.ArgumentParser(
        prog="bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="small data, one round: to try the bench itself")
    parser.add_argument(
        "--only", choices=tuple(PARTS), help="this part alone, and keep what the file has of the others"
    )
    parser.add_argument("--rounds", type=int, default=3, help="turns of each, after a warm-up")
    parser.add_argument("--busy", action="store_true", help="write the file even if other processes were busy")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results.json")
    options = parser.parse_args()
    before = busy_elsewhere()
    recipe = QUICK if options.quick else Recipe()
    rounds = 1 if options.quick else options.rounds
    results: dict[str, Any] = json.loads(options.output.read_text()) if options.only else {}
    with tempfile.TemporaryDirectory() as scratch:
        file = str(Path(scratch) / "synthetic.parquet")
        simulate(recipe, Path(file))
        for part in PARTS:
            if options.only in (None, part):
                results[part] = PARTS[part](file, rounds, options.quick)
    results["machine"] = {"cores": len(os.sched_getaffinity(0)), "processor": platform.machine()}
    results["profiles"] = {"samples": recipe.samples, "genes": recipe.genes}
    busy = max(before, *_elsewhere(results))
    results["busy_elsewhere"] = {"before": before, "most": busy}
    show(results)
    if not json.loads(RECORD.read_text())["tuned"]:
        Console().print("The rival over genes has customary settings: `python -m bench.tune_rival` tunes it.")
    if busy > IDLE_BELOW and not options.busy:
        raise SystemExit(
            f"other processes kept {busy:.2f} cores busy, more than {IDLE_BELOW:g}: {options.output} is as it was. "
            "Run it again on an idle machine, or with --busy"
        )
    options.output.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n")


def _elsewhere(results: Any) -> list[float]:
    """Find how busy others were in every measurement."""
    if not isinstance(results, dict):
        return []
    found = [results["elsewhere"]["median"]] if "elsewhere" in results else []
    return found + [value for part in results.values() for value in _elsewhere(part)]


def show(results: dict[str, Any]) -> None:
    """Print a table a part."""
    for part in PARTS:
        rows = results.get(part, {})
        names = list(dict.fromkeys(name for row in rows.values() for name in row if name != "elsewhere"))
        table = Table("", *(name.replace("_", " ") for name in names), title=part)
        for name, row in rows.items():
            table.add_row(name, *(_cell(row.get(figure)) for figure in names))
        if rows:
            Console(width=200).print(table)
    busy = results["busy_elsewhere"]["most"]
    Console().print(f"Others kept at most {busy:.2f} cores busy{' : NOT IDLE' if busy > IDLE_BELOW else ''}.")


def _cell(figure: dict[str, float] | None) -> str:
    if figure is None or np.isnan(figure["median"]):
        return ""
    if "minimum" not in figure:
        return f"{figure['median']:.3g}"
    return f"{figure['median']:.3g} (min {figure['minimum']:.3g}, ±{figure['spread'] / 2:.0%})"


if __name__ == "__main__":
    main()

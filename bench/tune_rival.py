"""Tune the rival over genes, and record the search: `python -m bench.tune_rival --data synthetic.parquet`.

Random settings, each trained for a sixth of the epochs with a schedule as short; the best of these for a third and for
all of them, at the rate that they have and at a third of it, as longer schedules want lower rates. The best of all by
validation error, at its best epoch, is what the bench times. Writes bench/rival.json.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, replace
from itertools import product
from pathlib import Path
from typing import Any

from rich.console import Console

from bench.rivals import Settings, genes_by_torch
from cic.data.synthetic import Recipe, simulate
from cic.seeds import generator

RECORD = Path(__file__).parent / "rival.json"


def drawn(number: int, epochs: int) -> Settings:
    """Give the settings of a trial: those most would write first, then random ones."""
    if number == 0:
        return Settings(epochs=epochs)
    draw = generator(1, "bench", "rival", number)
    return Settings(
        start=str(draw.choice(["pca", "random"])),  # type: ignore[arg-type]
        learning_rate=float(f"{10 ** draw.uniform(-4, -2.3):.2g}"),
        weight_decay=float(f"{10 ** draw.uniform(-3, 1):.2g}"),
        noise=float(f"{draw.choice([0.0, 0.001, 0.003, 0.01, 0.03]):.2g}"),
        batch=int(draw.choice([32, 64, 128, 256])),
        epochs=epochs,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=16)
    parser.add_argument("--finalists", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--data", type=Path, required=True, help="simulated profiles, made if not there")
    parser.add_argument("--output", type=Path, default=RECORD)
    options = parser.parse_args()
    if not options.data.exists():
        simulate(Recipe(), options.data)
    rows: list[dict[str, Any]] = []

    def tried(settings: Settings) -> float:
        """Train, and keep what it came to with all others, the best first."""
        best = min(genes_by_torch(str(options.data), settings), key=lambda point: point.error)
        rows.append({**asdict(settings), "error": best.error, "best_epoch": best.epoch})
        Console(stderr=True).print(rows[-1])
        rows.sort(key=lambda row: row["error"])
        options.output.write_text(json.dumps({"tuned": True, "trials": rows}, indent=1) + "\n")
        return best.error

    short = sorted((drawn(number, -(-options.epochs // 6)) for number in range(options.trials)), key=tried)
    for one in short[: options.finalists]:
        for epochs, lower in product((-(-options.epochs // 3), options.epochs), (1, 3)):
            tried(replace(one, epochs=epochs, learning_rate=float(f"{one.learning_rate / lower:.2g}")))


if __name__ == "__main__":
    main()

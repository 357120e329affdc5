"""Tune the rival over genes, and record the search: `python -m bench.tune_rival --data synthetic.parquet`.

Random settings, each trained for a sixth of the epochs with a schedule as short; the best of these to their end. The
best of all by validation error is what the bench times. Writes bench/rival.json.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from bench.rivals import Settings, genes_by_torch
from cic.data.synthetic import Recipe, simulate
from cic.seeds import generator

RECORD = Path(__file__).parent / "rival.json"


def drawn(number: int) -> Settings:
    """Give the settings of a trial: those most would write first, then random ones."""
    if number == 0:
        return Settings()
    draw = generator(1, "bench", "rival", number)
    return Settings(
        start=str(draw.choice(["pca", "random"])),  # type: ignore[arg-type]
        learning_rate=float(f"{10 ** draw.uniform(-4, -2.3):.2g}"),
        weight_decay=float(f"{10 ** draw.uniform(-3, 1):.2g}"),
        noise=float(f"{draw.choice([0.0, 0.001, 0.003, 0.01, 0.03]):.2g}"),
        batch=int(draw.choice([32, 64, 128, 256])),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=16)
    parser.add_argument("--finalists", type=int, default=4)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--data", type=Path, required=True, help="simulated profiles, made if not there")
    parser.add_argument("--output", type=Path, default=RECORD)
    options = parser.parse_args()
    if not options.data.exists():
        simulate(Recipe(), options.data)
    record: dict[str, Any] = {"epochs": options.epochs, "tuned": True}

    def tried(settings: list[Settings], epochs: int, name: str) -> list[Settings]:
        """Train each, keep what it came to, and give the settings from the best to the worst."""
        rows = []
        for one in settings:
            points = genes_by_torch(str(options.data), one, epochs)
            best = min(points, key=lambda point: point.error)
            rows.append({**asdict(one), "error": best.error, "best_epoch": best.epoch, "epochs": points[-1].epoch})
            Console(stderr=True).print(name, rows[-1])
            record[name] = sorted(rows, key=lambda row: row["error"])
            options.output.write_text(json.dumps(record, indent=1) + "\n")
        return sorted(settings, key=lambda one: rows[settings.index(one)]["error"])

    short = tried([drawn(number) for number in range(options.trials)], -(-options.epochs // 6), "short")
    tried(short[: options.finalists], options.epochs, "trials")


if __name__ == "__main__":
    main()

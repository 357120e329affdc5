"""What the command lines of several benches have in common: what they are told, and the means that they print."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from cic.config import Data


def add_profiles(parser: ArgumentParser) -> None:
    """Add what `data_of` reads: a file of profiles, and its columns of roles."""
    parser.add_argument("file")
    parser.add_argument("--label")
    parser.add_argument("--group")
    parser.add_argument("--replicate")


def data_of(options: Namespace) -> Data:
    """Give what the parameters say of such a file."""
    return Data(file=options.file, label=options.label, group=options.group, replicate=options.replicate)


def add_real_sets(parser: ArgumentParser, names: Sequence[str]) -> None:
    """Add the folder of the real sets, which of them to take (`sets`, `None` for all), widths, seeds, and a file."""
    parser.add_argument("folder", type=Path, help="the real data (that of CIC_REAL_DATA)")
    parser.add_argument("--set", action="append", choices=names, dest="sets")
    parser.add_argument("--width", type=int, action="append", required=True)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--output", type=Path)


def noted(rows: Iterable[dict[str, Any]], output: Path | None) -> list[dict[str, Any]]:
    """Give rows of axes, each told of as it comes, and added to a file of a row a line, as JSON, if one is named."""
    found = []
    for row in rows:
        found.append(row)
        print(row.get("setting", ""), row["seed"], row["method"], row["axes"], file=sys.stderr, flush=True)
        if output:
            with output.open("a") as file:
                file.write(json.dumps(row) + "\n")
    return found


def print_means(rows: Sequence[dict[str, Any]], by: Sequence[str]) -> None:
    """Print what was measured as means over seeds."""
    means = pd.DataFrame(rows).groupby(list(by), sort=False).mean().drop(columns="seed")
    print(means.round(4).to_string())

"""Tables and a figure of what came of axes and planted programs.

    python -m bench.axes_shown build/axes.jsonl --figures docs/figures

What is read is what `bench.axes --output` wrote.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cic.evaluation.axes.matching import medians
from cic.evaluation.drawing.drawing import draw as drawn
from cic.evaluation.drawing.marks import Axis, Look, Panel, Series, Spec, names_at
from cic.evaluation.drawing.style import BLUE, VERMILION
from cic.evaluation.statistics.intervals import Interval, percentile_interval

RESAMPLES, CONFIDENCE, SEED = 2000, 0.95, 1
NAMES = {
    "features": "features",
    "features of the code": "features of the code alone (30)",
    "features of 60 numbers": "of a code of 60",
    "features of 120 numbers": "of a code of 120",
    "features of PCA 30": "features of PCA's code (30)",
    "features of PCA 60": "of PCA's 60",
    "features of PCA 120": "of PCA's 120",
    "ica_genes": "ICA over genes",
    "ica_genes, few a gene": "ICA over genes, three a gene",
    "sparse_pca": "sparse PCA",
    "nmf": "NMF",
    "ica": "ICA over profiles",
    "pca": "PCA",
    "blind": "random directions",
}
"""Methods of the figure, from top to bottom."""
DRAWN = {
    "median r": (0.14, Look(BLUE, "o", size=5), "median |r| of a program with its own axis"),
    "precision": (-0.14, Look(VERMILION, "s", size=4.5), "precision of links"),
}
"""How far from the line of the method, how, and what it is."""


def summary(rows: pd.DataFrame) -> dict[str, Interval]:
    """Put the programs of all seeds of one case together, and draw them anew for intervals."""
    names = [name for name in map(str, rows) if name.endswith("_P")]
    value_P = {name: np.concatenate([np.asarray(one) for one in rows[name]]) for name in names}
    n_programs = len(value_P["matched_P"])
    draw = np.random.default_rng(SEED)
    drawn_RP = draw.multinomial(n_programs, np.full(n_programs, 1 / n_programs), size=RESAMPLES).astype(float)

    def ratio(part_P: np.ndarray, whole_P: np.ndarray) -> Interval:
        with np.errstate(invalid="ignore", divide="ignore"):
            value, value_R = part_P.sum() / whole_P.sum(), drawn_RP @ part_P / (drawn_RP @ whole_P)
        return percentile_interval(float(value), value_R, CONFIDENCE, n_programs)

    found = {
        "median r": percentile_interval(*medians(value_P["matched_P"], RESAMPLES, SEED), CONFIDENCE, n_programs),
        "recurs": Interval(float(rows["recurs"].astype(float).mean()), None, None),
    }
    kinds = {
        "": ("links_P", "true_P"),
        "sets followed, ": ("followed_P", "truly_followed_P"),
        "specific, ": ("specific_P", "truly_specific_P"),
        "rich in, ": ("rich_P", "truly_rich_P"),
        "named, ": ("named_P", "truly_named_P"),
    }
    for kind, (of_P, true_P) in kinds.items():
        one_P = np.ones(n_programs)
        found[f"{kind}precision"] = ratio(value_P[true_P], value_P[of_P])
        found[f"{kind}recall"] = ratio((value_P[true_P] > 0).astype(float), one_P)
        found[f"{kind}share"] = ratio((value_P[of_P] > 0).astype(float), one_P)
    return found


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Give the table of the docs."""
    lines: list[list[str]] = []
    for case, of_case in pd.DataFrame(rows).groupby(["setting", "asked", "method"], sort=False):
        found = {name: _shown(one) for name, one in summary(of_case).items()}
        means = {name: f"{of_case[name].mean():.2f}" for name in ("average_precision", "blind_precision", "seconds")}
        cells = {"axes": f"{of_case['axes'].mean():.0f}", **found, **means}
        lines = lines or [["setting", "asked", "method", *cells], ["---"] * (3 + len(cells))]
        lines.append([*map(str, case), *cells.values()])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def recovered(rows: Sequence[Mapping[str, Any]]) -> Spec:
    """Show how well one axis each follows the programs, and how many links are true, a panel a setting."""
    panels, measured = [], {row["method"] for row in rows if row["asked"] == "as many"}
    names = {method: name for method, name in NAMES.items() if method in measured}
    for number, (setting, found) in enumerate(pd.DataFrame(rows).groupby("setting", sort=False)):
        as_many = {method: summary(one) for method, one in found[found["asked"] == "as many"].groupby("method")}
        at = [float(-place) for place, method in enumerate(names) if method in as_many]
        marks = []
        for figure, (beside, look, label) in DRAWN.items():
            each = [as_many[method][figure] for method in names if method in as_many]
            ends = [[one.value if end is None else end for end in (one.low, one.high)] for one in each]
            y = [place + beside for place in at]
            value = [one.value for one in each]
            low, high = np.transpose(ends)
            marks.append(Series(value, y, look, low, high, along="x", label=label))
        ticks = [(-place, name if number == 0 else "") for place, name in names_at(list(names.values()))]
        limits = (0.5 - len(names), 0.5)
        panels.append(Panel(marks, Axis(limits=(-0.03, 1.03)), Axis(ticks=ticks, limits=limits), title=str(setting)))
    return Spec([panels], [3.4], legend="lower")


def _shown(one: Interval) -> str:
    bounds = "" if one.bounds is None else f" ({one.bounds[0]:.2f} to {one.bounds[1]:.2f})"
    return f"{one.value:.2f}{bounds}" if one.is_defined else "–"


def main() -> None:
    """Print the table of what was measured, and draw the figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--figures", type=Path, help="folder to draw axes.svg into")
    options = parser.parse_args()
    rows = [json.loads(line) for file in options.files for line in file.read_text().splitlines()]
    print(table(rows))
    if options.figures:
        drawn(options.figures, "axes", "axes and planted programs", recovered(rows))


if __name__ == "__main__":
    main()

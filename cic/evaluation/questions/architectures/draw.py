"""Pictures of error by width and depth: what was measured again, and the search's trials alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pandas as pd

from cic.evaluation.drawing.marks import RING, Axis, Look, Mark, Panel, Rule, Series, Spec, names_at
from cic.evaluation.drawing.style import BLUE, GREEN, GREY, INK, OCHRE, PAPER, PURPLE, VERMILION

DEPTH_LOOKS = (
    Look(VERMILION, "s", "--"), Look(BLUE, "o", "-"), Look(GREEN, "^", "-"), Look(PURPLE, "D", "-"),
    Look(OCHRE, "v", "-"), Look(GREY, "P", "-"),
)  # fmt: skip
"""By depth. Depth 0 has PCA's colour and mark, since it is PCA."""
WIDTH_LABEL = "bottleneck width (numbers a profile)"


class Places:
    """Where widths and depths stand: marks of different depths beside each other, depth 0 in the middle."""

    def __init__(self, table: pd.DataFrame) -> None:
        self.depths = [int(depth) for depth in sorted(table["depth"].unique())]
        self.widths = sorted(table["bottleneck_width"].unique())
        self.step = min(0.26, 0.8 / max(1, len(set(self.depths) - {0})))

    def of(self, width: Iterable[int], depth: int) -> np.ndarray:
        """Give the places of `width` for a depth."""
        deeper = [other for other in self.depths if other]
        shift = 0.0 if depth == 0 else self.step * (deeper.index(depth) - (len(deeper) - 1) / 2)
        return np.array([self.widths.index(one) for one in width]) + shift

    def axis(self, label: str = "") -> Axis:
        """Give the axis of widths."""
        return Axis(label, limits=(-0.5, len(self.widths) - 0.5), ticks=names_at([str(one) for one in self.widths]))


def surface(cells: pd.DataFrame, contests: pd.DataFrame | None) -> Spec:
    """Show error over seeds and ratio to PCA over splits, from `architectures` and `architecture_splits`."""
    places = Places(cells)
    errors: list[Mark] = []
    rings: list[Mark] = []
    for depth in places.depths:
        own = cells[cells["depth"] == depth]
        x, look = places.of(own["bottleneck_width"], depth), _look(depth)
        # what was not trained again has only its trial's error, which is too good to be true
        once = own["mean_error"].isna().to_numpy()
        error = own["mean_error"].fillna(own["trial_error"]).to_numpy()
        low, high = (own[end].mask(once) for end in ("low", "high"))
        errors.append(Series(x, error, look, low, high, label=_name(depth)))
        if once.any():
            errors.append(Series(x[once], error[once], replace(look, line="", face=PAPER)))
        rings += _ring(x, error, own["chosen"])
    if cells["mean_error"].isna().any():
        rings.append(Series((), (), Look(GREY, "o", face="none"), label="one trial only"))
    errors += rings
    y = Axis("unexplained variance", "log")
    title = "Validation error; bars: over new seeds"
    if contests is None:
        return Spec([[Panel(errors, places.axis(WIDTH_LABEL), y, title)]], [2.5])
    ratios: list[Mark] = [Rule(1, "y", replace(_look(0), marker=""))]
    others = contests[contests["split"] > 0]
    for depth in filter(None, places.depths):
        own, single = cells[cells["depth"] == depth], others[others["depth"] == depth]
        x = places.of(own["bottleneck_width"], depth)
        beside = places.of(single["bottleneck_width"], depth) + 0.38 * places.step
        dash = Look(INK, "_", size=20 * places.step, rim=1.1)
        ratios += [
            Series(x, own["split_ratio"], replace(_look(depth), line=""), own["split_low"], own["split_high"]),
            Series(beside, single["ratio_to_pca"], dash),
            *_ring(x, own["split_ratio"].to_numpy(), own["chosen"]),
        ]
    upper = Panel(errors, places.axis(), y, title)
    lower = Panel(ratios, places.axis(WIDTH_LABEL), Axis("error over that of PCA"), "On other splits; each dash is one")
    return Spec([[upper], [lower]], [2.2, 2.2])


def search_surface(trials: pd.DataFrame, chosen: tuple[int, int]) -> Spec:
    """Show the validation error of every trial by width and depth, and over PCA's; `chosen` is (depth, width)."""
    scored = trials[trials["error"].notna()]
    places = Places(scored)
    panels = []
    for column, y, x in (
        ("error", Axis("unexplained variance"), places.axis()),
        ("error_ratio_to_pca", Axis("over that of PCA"), places.axis(WIDTH_LABEL)),
    ):
        rings: list[Mark] = []
        marks: list[Mark] = [Rule(1, "y")] if column == "error_ratio_to_pca" else []
        for depth in places.depths:
            own, look = scored[scored["depth"] == depth], _look(depth)
            for state, face in (("complete", None), ("pruned", "none")):
                part = own[own["state"] == state]
                faint = replace(look, line="", size=3.5, face=face, alpha=0.45)
                marks.append(Series(places.of(part["bottleneck_width"], depth), part[column], faint))
            best = own[own["state"] == "complete"].groupby("bottleneck_width")[column].min()
            at = places.of(best.index, depth)
            marks.append(Series(at, best, look, label=_name(depth)))
            rings += _ring(at, best.to_numpy(), (best.index == chosen[1]) & (depth == chosen[0]))
        panels.append([Panel([*marks, *rings], x, y)])
    return Spec(panels, [2.0, 2.1])


def _ring(x: np.ndarray, y: np.ndarray, chosen: pd.Series | np.ndarray) -> list[Mark]:
    mask = np.asarray(chosen, dtype=bool)
    return [Series(x[mask], y[mask], RING, label="chosen")] if mask.any() else []


def _look(depth: int) -> Look:
    return DEPTH_LOOKS[depth % len(DEPTH_LOOKS)]


def _name(depth: int) -> str:
    return "PCA (depth 0)" if depth == 0 else f"depth {depth}"

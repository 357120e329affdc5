"""Which architecture, and why: error by depth and width, what it costs, and whether other splits choose the same."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullFormatter

from cic.evaluation.intervals import against
from cic.evaluation.report.drawing import GREY, INK, draw, new_figure
from cic.evaluation.report.figures import DEPTH_STYLES
from cic.evaluation.report.origin_sections import search_section
from cic.evaluation.report.section import Evidence, Section, Table
from cic.evaluation.report.verdict import Sentence, percent, with_interval

MOST_NAMED = 20
"""Architectures that the table names; the others are in `tables/architectures.csv`."""


def architectures_section(evidence: Evidence, folder: Path) -> Section:
    """Show error by depth and width, over new seeds and other splits; or the trials, where that was not measured."""
    found = evidence.metrics["architectures"]
    if found is None:
        return search_section(evidence, folder)
    cells = evidence.tables["architectures"]
    contests = evidence.tables["architecture_splits"] if found["splits"] else None
    confidence = evidence.metrics["interval"]["confidence"]
    reason, spoken = str(evidence.choice["reason"]), architectures_sentences(evidence.metrics)
    picture = draw(
        folder, "architectures", "Validation error by bottleneck width and depth with intervals over new seeds, and "
        "its ratio to PCA's on other splits.", lambda: surface(cells, contests),
    )  # fmt: skip
    return Section(
        "search",
        "Which architecture, and why?",
        f"Chosen: {_name(found['chosen'])}. {reason[:1].upper()}{reason[1:]}.",
        picture,
        "depth 0, which is PCA and known exactly",
        _n(evidence.metrics, cells),
        table=_table(cells, found["splits"] is not None),
        notes=(*(sentence.told for sentence in spoken), *_notes(found, confidence)),
    )


def architectures_sentences(metrics: Mapping[str, Any]) -> list[Sentence]:
    """Say whether the choice stands on other splits of the same profiles."""
    found, confidence = metrics["architectures"], metrics["interval"]["confidence"]
    if found is None or found["splits"] is None:
        return []
    chosen, splits = found["chosen"], found["splits"]
    own, n, selected = splits["own"], splits["n"], splits["selected"]
    others = f"{n} other split{'s' * (n != 1)}"
    text = f"Trained again, more briefly, on {others} of the same profiles, {_name(chosen)} is chosen on {selected}"
    if selected < n and _name(own) != _name(chosen):
        text += f"; {_name(own)}, which such brief training prefers on the search's split too, on "
        text += str(splits["selected_as_own"])
    text += "."
    if splits["over_rival"] is not None:
        rival, over = splits["rival"], splits["over_rival"]
        told = {"below": "less than", "above": "more than", "undecided": "not to be told from"}[against(over)]
        text += (
            f" The error of {_name(chosen)} there is {told} that of {_name(rival)}, the best of the others: "
            f"{with_interval(over, confidence, 3)} times."
        )
    ratio = splits["ratio_to_pca"]
    if chosen["depth"] == 0:
        return [Sentence("bad", "No hidden layer was worth having: this is PCA.", text)]
    side = against(ratio)
    if side == "above" or (side == "undecided" and ratio["low"] is not None):
        told = with_interval(ratio, confidence)
        return [
            Sentence(
                "bad", "On other splits it is not clearly better than PCA.", f"{text} Its error is {told} times PCA's."
            )
        ]
    if selected == n:
        return [Sentence("good", f"{others[:1].upper()}{others[1:]} chose the same architecture.", text)]
    return [Sentence("open", f"Of {others}, {selected} chose the same architecture.", text)]


def surface(cells: pd.DataFrame, contests: pd.DataFrame | None) -> Figure:
    """Draw error over seeds and ratio to PCA over splits, from `architectures` and `architecture_splits`."""
    widths = sorted(cells["bottleneck_width"].unique())
    at = {width: position for position, width in enumerate(widths)}
    figure, panels = new_figure(2.9 if contests is None else 4.9, rows=1 if contests is None else 2)
    _errors(panels[0], cells, at)
    if contests is not None:
        _ratios(panels[1], cells, contests[contests["split"] > 0], at)
    for axes in panels:
        axes.set_xticks(range(len(widths)), [str(width) for width in widths])
        axes.set_xlim(-0.5, len(widths) - 0.5)
        axes.tick_params(length=0, which="both")
    panels[-1].set_xlabel("bottleneck width (numbers a profile)")
    figure.legend(handles=_handles(cells), loc="outside upper center", ncols=3)
    return figure


def _errors(axes: Axes, cells: pd.DataFrame, at: Mapping[int, int]) -> None:
    for depth, own in cells.groupby("depth"):
        colour, marker = _style(depth)
        x = own["bottleneck_width"].map(at).to_numpy() + _shift(cells, depth)
        # what was not trained again has only its trial's error, which is too good to be true
        again = own["mean_error"].notna().to_numpy()
        error = own["mean_error"].fillna(own["trial_error"]).to_numpy()
        axes.plot(x, error, color=colour, linewidth=1.4, linestyle="--" if depth == 0 else "-")
        for mask, face in ((again, colour), (~again, "none")):
            axes.plot(x[mask], error[mask], marker, color=colour, markerfacecolor=face, markersize=6, zorder=3)
        axes.vlines(x[again], own["low"][again], own["high"][again], color=colour, linewidth=2.2, zorder=2)
        for position in np.flatnonzero(own["chosen"]):
            _ring(axes, x[position], error[position])
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 5, 7)))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.margins(y=0.12)
    axes.set_ylabel("unexplained variance")
    axes.set_title("Validation error; bars: over new seeds", loc="left")


def _ratios(axes: Axes, cells: pd.DataFrame, others: pd.DataFrame, at: Mapping[int, int]) -> None:
    axes.axhline(1, color=_style(0)[0], linestyle="--", linewidth=1.4)
    for depth, own in cells[cells["depth"] > 0].groupby("depth"):
        colour, marker = _style(depth)
        x = own["bottleneck_width"].map(at).to_numpy() + _shift(cells, depth)
        axes.plot(x, own["split_ratio"], marker, color=colour, markersize=6, zorder=3)
        axes.vlines(x, own["split_low"], own["split_high"], color=colour, linewidth=2.2, zorder=2)
        single = others[others["depth"] == depth]
        beside = single["bottleneck_width"].map(at) + _shift(cells, depth) + 0.38 * _step(cells)
        size = 20 * _step(cells)
        axes.plot(beside, single["ratio_to_pca"], "_", color=INK, markersize=size, markeredgewidth=1.1, zorder=4)
        for position in np.flatnonzero(own["chosen"]):
            _ring(axes, x[position], own["split_ratio"].iloc[position])
    axes.margins(y=0.12)
    axes.set_ylabel("error over that of PCA")
    axes.set_title("On other splits; each dash is one", loc="left")


def _style(depth: Any) -> tuple[str, str]:
    return DEPTH_STYLES[int(depth) % len(DEPTH_STYLES)]


def _shift(cells: pd.DataFrame, depth: Any) -> float:
    """Set marks of different depths beside each other, depth 0 in the middle of its width."""
    deeper = sorted(set(cells["depth"]) - {0})
    return 0.0 if depth == 0 else _step(cells) * (deeper.index(depth) - (len(deeper) - 1) / 2)


def _step(cells: pd.DataFrame) -> float:
    return min(0.26, 0.8 / max(1, len(set(cells["depth"]) - {0})))


def _ring(axes: Axes, x: float, y: float) -> None:
    axes.plot([x], [y], "o", markersize=13, markerfacecolor="none", markeredgecolor=INK, markeredgewidth=1.4, zorder=5)


def _handles(cells: pd.DataFrame) -> list[Line2D]:
    handles = []
    for depth in sorted(cells["depth"].unique()):
        colour, marker = _style(depth)
        name = "PCA (depth 0)" if depth == 0 else f"depth {depth}"
        handles.append(Line2D([], [], color=colour, marker=marker, linestyle="--" if depth == 0 else "-", label=name))
    handles.append(_hollow("chosen", INK, 10))
    if cells["mean_error"].isna().any():
        handles.append(_hollow("one trial only", GREY, 6))
    return handles


def _n(metrics: Mapping[str, Any], cells: pd.DataFrame) -> str:
    counts, splits = metrics["search"], metrics["architectures"]["splits"]
    states = ", ".join(f"{counts[state]} {state}" for state in ("complete", "pruned", "failed"))
    parts = [f"{counts['trials']} trials: {states}"]
    again = cells.loc[(cells["depth"] > 0) & (cells["trainings"] > 0), "trainings"]
    if len(again):
        parts.append(f"{len(again)} architectures trained again from at least {again.min()} new seeds")
    if splits:
        parts.append(f"{splits['n']} other splits, each scored on about {splits['validation_profiles']:.0f} profiles")
    return "; ".join(parts)


def _hollow(label: str, colour: str, size: int) -> Line2D:
    handle = Line2D([], [], marker="o", linestyle="none", color=colour, markersize=size, label=label)
    handle.set_markerfacecolor("none")
    return handle


def _table(cells: pd.DataFrame, with_splits: bool) -> Table:
    splits_columns = ("of PCA, other splits", "chosen there") if with_splits else ()
    columns = ("depth", "width", "error", "of PCA", *splits_columns, "parameters", "operations")
    rows = []
    # the chosen one stands in the table whatever its place
    ordered = cells.sort_values(["chosen", "mean_error"], ascending=[False, True], kind="stable").head(MOST_NAMED)
    for row in ordered.sort_values(["depth", "bottleneck_width"]).to_dict("records"):
        if row["trainings"] == 0:
            error, ratio = f"{row['trial_error']:.4f}, one trial", row["trial_error"] / row["pca_error"]
        else:
            error = f"{row['mean_error']:.4f}" + (f" ± {row['high'] - row['mean_error']:.4f}" if row["depth"] else "")
            ratio = row["ratio_to_pca"]
        splits = (f"{row['split_ratio']:.3f}", f"{row['selected']}") if with_splits else ()
        rows.append(
            (
                f"{row['depth']}" + (" (chosen)" if row["chosen"] else ""),
                f"{row['bottleneck_width']}",
                error,
                f"{ratio:.3f}",
                *splits,
                f"{row['parameters']:,}",
                f"{row['multiply_adds'] / 1e6:.2g} M",
            )
        )
    return Table(columns, tuple(rows))


def _notes(found: Mapping[str, Any], confidence: float) -> list[str]:
    notes = [
        "Validation profiles, not the held-out ones. The rule takes the smallest width within one standard error of "
        f"the least mean error, and there the least depth; {found['within_one_standard_error']} of {found['cells']} "
        f"architectures lie within it. Bars and ± are {percent(confidence)} intervals (Student's t) over trainings "
        "from new seeds on the same profiles: they tell how far luck in training goes, not how other profiles fare.",
        "Parameters, and operations (multiplications with addition) that take one profile to its code and back, are "
        "those within the sample basis; turning genes into it costs every architecture the same, PCA included.",
    ]
    if found["splits"] is not None:
        notes.append(
            "Other splits share out the training and validation profiles anew, groups whole; the test part is not "
            "among them. Each architecture is trained once on each, with the hyperparameters found on the search's "
            "split and for fewer epochs, and the same rule is applied. Intervals over splits allow for the profiles "
            "that they share (corrected resampled t test, Nadeau and Bengio 2003)."
        )
    return notes


def _name(cell: Mapping[str, Any]) -> str:
    return f"depth {cell['depth']}, width {cell['bottleneck_width']}"

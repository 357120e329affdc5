"""The section on mixtures: whether their codes lie between those of the pure components, in the true proportions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from cic.evaluation.intervals import against
from cic.evaluation.report.drawing import BLUE, GREEN, GREY, INK, PAPER, PURPLE, VERMILION, WIDTH, draw
from cic.evaluation.report.section import Evidence, Section, Table
from cic.evaluation.report.verdict import Metrics, Sentence, with_interval

METHOD_NAMES = {
    "model": "model",
    "pca": "PCA of equal width",
    "profile": "whole profile, log2",
    "linear": "whole profile, linear",
    "equal_shares": "equal shares for everyone",
}
MARKS = ("o", "s", "^", "D", "v", "P", "X")
COLOURS = (BLUE, VERMILION, GREEN, PURPLE, GREY)
"""Marks and colours are as many as share no divisor, so that no two of 35 components look alike."""


def mixtures_section(evidence: Evidence, folder: Path) -> Section | None:
    """Show estimated against true shares, for the model and PCA."""
    metrics, confidence = evidence.metrics["mixtures"], evidence.metrics["interval"]["confidence"]
    if metrics is None:
        return None
    rmse = metrics["rmse"]
    which = "held-out mixtures" if metrics["held_out"] else "mixtures of all parts"
    picture = draw(
        folder, "mixtures",
        f"Estimated against true shares of {metrics['n_components']} components. Root mean squared error: model "
        f"{rmse['model']['value']:.3f}, PCA {rmse['pca']['value']:.3f}.",
        lambda: estimated_shares(evidence.tables["mixtures"]),
    )  # fmt: skip
    notes = [
        "Small marks are single profiles, large ones the mean of those with the same true share.",
        "Pure codes are means over pure training profiles. Shares are those of the mixture of pure codes that lies "
        "nearest (least squares; none below 0, sum 1), one profile at a time. The column `of means` has their error "
        "when told from the mean code of all mixtures of a composition, which leaves less noise.",
        "RNA mixes on the linear scale, while model and PCA work on logarithms, on which a mixture does not lie on the "
        "straight line between its components: an exact answer is not to be expected of either, nor of the whole "
        "profile on that scale.",
        "Off the plane: mean distance of a mixture from the plane through the pure codes, over the mean distance "
        "between these; in brackets the same for pure profiles that were not trained on, which is noise alone.",
    ]
    left_out, cautions = evidence.metrics["left_out"], evidence.metrics["cautions"]
    notes += [f"Left out: {left_out[name]}" for name in ("mixtures.linear", "mixtures.shares") if name in left_out]
    notes += [cautions[name] for name in ("mixtures.parts", "mixtures.width") if name in cautions]
    return Section(
        "mixtures",
        "Do codes of mixtures lie between the pure ones?",
        f"Shares told from the code alone are off by {with_interval(rmse['model'], confidence)}; the error is "
        f"{with_interval(metrics['ratio_to_pca'], confidence)} times that of PCA codes and "
        f"{with_interval(metrics['ratio_to_equal_shares'], confidence)} times that of equal shares for everyone.",
        picture,
        "PCA codes of equal width; the whole profile; equal shares for everyone",
        f"{metrics['n']} {which} ({metrics['n_compositions']} compositions, {metrics['units']} {metrics['by']}s "
        f"resampled); at least {metrics['n_pure_training']} pure training profiles a component",
        Table(("method", "RMSE", "of means", "Pearson r", "off the plane"), _rows(metrics)),
        tuple(notes),
    )


def mixtures_sentences(metrics: Metrics) -> list[Sentence]:
    """Say whether shares can be told from the code, beside equal shares and PCA."""
    found, confidence = metrics["mixtures"], metrics["interval"]["confidence"]
    if found is None:
        return []
    which = "held-out mixture" if found["held_out"] else "mixture (partly trained on)"
    text = (
        f"From the code of a {which} its shares are told with a root mean squared error of "
        f"{with_interval(found['rmse']['model'], confidence, 3)}; from PCA codes it is "
        f"{found['rmse']['pca']['value']:.3f}, and equal shares for everyone miss by "
        f"{found['rmse']['equal_shares']['value']:.3f}."
    )
    if against(found["ratio_to_equal_shares"]) == "undecided":
        return [Sentence("open", "These mixtures do not tell the code from equal shares for everyone.", text)]
    if against(found["ratio_to_equal_shares"]) == "above":
        return [Sentence("bad", "Codes of mixtures do not lie between the pure ones.", text)]
    side, claim = against(found["ratio_to_pca"]), "Codes of mixtures lie between the pure ones"
    if side == "above":
        return [Sentence("bad", f"{claim}, but less exactly than with PCA.", text)]
    if side == "below":
        return [Sentence("good" if found["held_out"] else "open", f"{claim}, more exactly than with PCA.", text)]
    return [Sentence("open", f"{claim}, no more exactly than with PCA.", text)]


def estimated_shares(table: pd.DataFrame) -> Figure:
    """Draw estimated against true shares, the model left and PCA right, one mark a component, and the means large."""
    figure = Figure(figsize=(WIDTH, 2.9), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    components = list(dict.fromkeys(table["component"]))
    for axes, method, title in zip(panels, ("model", "pca"), ("model", "PCA of equal width"), strict=True):
        axes.plot([0, 1], [0, 1], "--", color=GREY, linewidth=1, zorder=1)
        for number, name in enumerate(components):
            own = table[table["component"] == name]
            # apart from each other, since several components often have the same few shares
            shift = 0.08 * (number - (len(components) - 1) / 2) / max(1, len(components) - 1)
            colour, marker = COLOURS[number % len(COLOURS)], MARKS[number % len(MARKS)]
            face = colour if method == "model" else "none"
            axes.plot(
                own["true"] + shift, own[method], marker, color=colour, markerfacecolor=face, markersize=3, alpha=0.35,
                linestyle="none", zorder=2,
            )  # fmt: skip
            means = own.groupby(own["true"].round(3))[method].mean()
            axes.plot(
                means.index + shift, means, marker, markerfacecolor=colour if method == "model" else PAPER,
                markeredgecolor=INK if method == "model" else colour, markeredgewidth=1.2, markersize=7.5,
                linestyle="none", zorder=3, label=name if len(name) <= 20 else name[:19] + "…",
            )  # fmt: skip
        axes.set_title(title)
        axes.set_xlim(-0.09, 1.09)
        axes.set_ylim(-0.09, 1.09)
        axes.set_xticks(np.linspace(0, 1, 5), ["0", "0.25", "0.5", "0.75", "1"])
        axes.set_yticks(np.linspace(0, 1, 5), ["0", "0.25", "0.5", "0.75", "1"])
        axes.set_xlabel("true share")
        axes.set_aspect("equal")
        axes.tick_params(length=0)
    panels[0].set_ylabel("share told from the code")
    figure.legend(
        *panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=min(3, len(components)), fontsize=8
    )
    return figure


def _rows(metrics: Metrics) -> tuple[tuple[str, ...], ...]:
    rows = []
    for method, name in METHOD_NAMES.items():
        rmse = metrics["rmse"][method]
        if rmse is None:
            continue
        if method == "equal_shares":
            rows.append((name, f"{rmse['value']:.3f}", "", "", ""))
            continue
        plane, pure = metrics["off_plane"][method], metrics["off_plane_pure"][method]
        rows.append(
            (
                name,
                f"{rmse['value']:.3f}",
                f"{metrics['rmse_of_means'][method]:.3f}",
                _two(metrics["pearson"][method]["value"]),
                "no room" if plane is None else _two(plane["value"]) + ("" if pure is None else f" ({_two(pure)})"),
            )
        )
    return tuple(rows)


def _two(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.2f}"

"""Which architecture, and why: error by depth and width, what it costs, and whether other splits choose the same."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from cic.evaluation.drawing.drawing import draw
from cic.evaluation.facts import Facts
from cic.evaluation.questions.architectures.draw import search_surface, surface
from cic.evaluation.questions.architectures.found import Cell, Found
from cic.evaluation.section import Evidence, Section, Table, Topic
from cic.evaluation.statistics.intervals import against
from cic.evaluation.words import Sentence, percent, with_interval

MOST_NAMED = 20
"""Architectures that the table names; the others are in `tables/architectures.csv`."""


def architectures_section(found: Found, evidence: Evidence, folder: Path) -> Section:
    """Show error by depth and width, over new seeds and other splits; or the trials, where that was not measured."""
    cells = evidence.tables["architectures"]
    contests = evidence.tables["architecture_splits"] if found.splits else None
    confidence = evidence.facts.interval.confidence
    reason = str(evidence.choice["reason"])
    picture = draw(
        folder, "architectures", "Validation error by bottleneck width and depth with intervals over new seeds, and "
        "its ratio to PCA's on other splits.", surface(cells, contests),
    )  # fmt: skip
    return Section(
        key="search",
        title="Which architecture, and why?",
        claim=f"Chosen: {_name(found.chosen)}. {reason[:1].upper()}{reason[1:]}.",
        picture=picture,
        baseline="depth 0, which is PCA and known exactly",
        n=_n(found, evidence.facts, cells),
        table=_table(cells, found.splits is not None),
        notes=tuple(_notes(found, confidence)),
    )


def architectures_sentences(found: Found, facts: Facts) -> list[Sentence]:
    """Say whether the choice stands on other splits of the same profiles."""
    confidence = facts.interval.confidence
    if found.splits is None:
        return []
    chosen, splits = found.chosen, found.splits
    own, n, selected = splits.own, splits.n, splits.selected
    others = f"{n} other split{'s' * (n != 1)}"
    text = f"Trained again, more briefly, on {others} of the same profiles, {_name(chosen)} is chosen on {selected}"
    if selected < n and _name(own) != _name(chosen):
        text += f"; {_name(own)}, which such brief training prefers on the search's split too, on "
        text += str(splits.selected_as_own)
    text += "."
    rival, over = splits.rival, splits.over_rival
    if rival is not None and over is not None:
        side = {"below": "less than", "above": "more than", "undecided": "not to be told from"}[against(over)]
        text += (
            f" The error of {_name(chosen)} there is {side} that of {_name(rival)}, the best of the others: "
            f"{with_interval(over, confidence, 3)} times."
        )
    ratio = splits.ratio_to_pca
    if chosen.depth == 0 and not found.deeper_at_width:
        claim = f"This is PCA: at width {chosen.bottleneck_width} no hidden layer was tried: what one gains is unknown."
        fix = "Search more (`search.trials`), or fewer widths (`search.bottleneck_width`)."
        return [Sentence("bad", claim, f"{fix} {text}")]
    if chosen.depth == 0:
        return [Sentence("bad", "No hidden layer was worth having: this is PCA.", text)]
    side = against(ratio)
    if side == "above" or (side == "undecided" and ratio.low is not None):
        times = with_interval(ratio, confidence)
        return [
            Sentence(
                "bad", "On other splits it is not clearly better than PCA.", f"{text} Its error is {times} times PCA's."
            )
        ]
    if selected == n:
        return [Sentence("good", f"{others[:1].upper()}{others[1:]} chose the same architecture.", text)]
    return [Sentence("open", f"Of {others}, {selected} chose the same architecture.", text)]


def _n(found: Found, facts: Facts, cells: pd.DataFrame) -> str:
    parts, splits = [_trials(facts)], found.splits
    again = cells.loc[(cells["depth"] > 0) & (cells["trainings"] > 0), "trainings"]
    if len(again):
        parts.append(
            f"{len(again)} architecture{'s' * (len(again) != 1)} trained again from at least {again.min()} new seeds"
        )
    if splits:
        parts.append(f"{splits.n} other splits, each scored on about {splits.validation_profiles:.0f} profiles")
    return "; ".join(parts)


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


def _notes(found: Found, confidence: float) -> list[str]:
    notes = [
        "Validation profiles, not the held-out ones. The rule takes the smallest width within one standard error of "
        f"the least mean error, and there the least depth; {found.within_one_standard_error} of {found.cells} "
        f"architectures lie within it. Bars and ± are {percent(confidence)} intervals (Student's t) over trainings "
        "from new seeds on the same profiles: they tell how far luck in training goes, not how other profiles fare.",
        "Parameters, and operations (multiplications with addition) that take one profile to its code and back, are "
        "those within the sample basis; turning genes into it costs every architecture the same, PCA included.",
    ]
    if found.splits is not None:
        notes.append(
            "Other splits share out the training and validation profiles anew, groups whole; the test part is not "
            "among them. Each architecture is trained once on each, with the hyperparameters found on the search's "
            "split and for fewer epochs, and the same rule is applied. Intervals over splits allow for the profiles "
            "that they share (corrected resampled t test, Nadeau and Bengio 2003)."
        )
    return notes


def _name(cell: Cell) -> str:
    return f"depth {cell.depth}, width {cell.bottleneck_width}"


def search_section(evidence: Evidence, folder: Path) -> Section:
    """Show error by depth and width over the trials of the search."""
    model, trials = evidence.facts.model, evidence.trials
    title, reason = "Which architecture, and why?", str(evidence.choice["reason"])
    claim = f"Chosen: depth {model.depth}, width {model.bottleneck_width}. {reason[:1].upper()}{reason[1:]}."
    if trials is None or not trials["error"].notna().any():
        return Section(key="search", title=title, claim=claim, notes=("No trial has a score, so there is no figure.",))
    picture = draw(
        folder, "search", "Validation error of each trial by bottleneck width and depth, and its ratio to PCA's.",
        search_surface(trials, (model.depth, model.bottleneck_width)),
    )  # fmt: skip
    return Section(
        key="search",
        title=title,
        claim=claim,
        picture=picture,
        baseline="depth 0, which is PCA",
        n=_trials(evidence.facts),
        notes=(
            "Validation profiles, not the held-out ones. Lines join the best trial of each width and depth, which is "
            "too good to be true for many trials; open marks were pruned; the ring marks the choice.",
        ),
    )


def _trials(facts: Facts) -> str:
    counts = facts.search
    if counts is None:
        return "no trials"
    return f"{counts.trials} trials: {counts.complete} complete, {counts.pruned} pruned, {counts.failed} failed"


SECTIONS = (architectures_section,)
SECTIONS_UNMEASURED = (search_section,)
TOPICS = (Topic("Architecture", "search", architectures_sentences),)

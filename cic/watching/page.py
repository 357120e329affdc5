"""The page of a check: one HTML file that opens anywhere, what was found first, then what was looked at."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from markupsafe import escape

from cic.evaluation.drawing.pages import Section, shown, template
from cic.model.reference import Reference
from cic.watching.draw import by_input, places, types
from cic.watching.monitoring import Checked, all_there, unknown
from cic.written import whole

TEMPLATE = Path(__file__).with_name("page.html")
COLUMNS = ("input", "scored", "profiles", "error over the usual", "unknown", "least coverage", "noted of its scale")
MOST_ROWS = 200


def render(checked: Checked, reference: Reference | None) -> str:
    """Give the page of a check."""
    now = checked.window.now
    origin = [
        ("model", checked.model),
        ("asked", checked.window.asked),
        ("profiles", f"{len(now):,}"),
        ("inputs", f"{now['input'].nunique():,}"),
        ("scored", f"{now['at'].min():%Y-%m-%d %H:%M} to {now['at'].max():%Y-%m-%d %H:%M} UTC"),
        ("held-out profiles", f"{checked.held_out:,}"),
    ]
    return template(TEMPLATE).render(
        checked=checked,
        headline=f"{checked.text}.",
        origin=origin,
        drifted={one.topic for one in checked.drifted},
        independent=_independent(checked),
        sections=list(_sections(checked)),
        columns=COLUMNS,
        rows=_rows(now, reference),
    )


def _independent(checked: Checked) -> str:
    rate = f"Of checks of unchanged profiles at most {checked.rate:.2%} find drift, all tests together."
    if checked.unit == "group":
        n = checked.window.now["group"].nunique()
        return f"{rate} One profile of each of {n:,} groups was drawn at a time, since those of a group are alike."
    return (
        f"{rate} That holds where each profile is a witness of its own. Profiles of one study, donor or plate are not, "
        "and then there are more false alarms: name their column by `cic score --group`."
    )


def _sections(checked: Checked) -> Iterator[Section]:
    now, earlier = checked.window.now, checked.window.earlier
    n = f"{len(now):,} profiles"
    if all_there(now, "percentile"):
        alt = f"Share of {n} below each percentile of the held-out ones, beside a straight line."
        yield Section(
            "places",
            "Where do they lie among held-out profiles?",
            "Profiles like those held out in training follow the straight line. A curve below it has larger errors "
            "than these, or codes that are farther from those of training; one above it has smaller ones.",
            (shown("places", alt, places(now), f"{n}."),),
        )
        alt = "Error of each input over that of held-out profiles, median and the middle half."
        caption = "Median and the middle half of the profiles of each input, the oldest first. At 1 they are as usual."
        yield Section(
            "inputs",
            "Which inputs differ?",
            "An input of its own away from the others points at a batch; all of them, at the source or the scale.",
            (shown("inputs", alt, by_input(now), caption),),
        )
    if all_there(now, "likeliest") and all_there(earlier, "likeliest"):
        alt = "Share of each type among the profiles now and among earlier ones."
        caption = f"{len(now):,} profiles now, {len(earlier):,} before. Of each profile the likeliest type counts."
        yield Section(
            "types",
            "Are there other types than before?",
            "Another mix may be what was sent in, and no fault of model or measurement.",
            (shown("types", alt, types(now, earlier), caption),),
        )


def _rows(now: pd.DataFrame, reference: Reference | None) -> list[tuple[str, ...]]:
    rows = list[tuple[str, ...]]()
    for name, of_input in list(now.groupby("input", sort=False))[-MOST_ROWS:]:
        known = reference if all_there(of_input, "error_ratio") else None
        rows.append(
            (
                escape(str(name)),  # the name of a file, in which nothing is marked
                f"{of_input['at'].iloc[0]:%Y-%m-%d %H:%M}",
                f"{len(of_input):,}",
                f"{of_input['error_ratio'].astype(float).median():.2f}" if known else "",
                f"{unknown(of_input, known).mean():.1%}" if known else "",
                f"{of_input['coverage'].min():.1%}" if all_there(of_input, "coverage") else "",
                "; ".join(sorted({*of_input["note"]} - {""})) if all_there(of_input, "note") else "",
            )
        )
    return rows


def write(checked: Checked, reference: Reference | None, path: Path) -> None:
    """Write the page, whole or not at all."""
    with whole(path) as partial:
        partial.write_text(render(checked, reference))

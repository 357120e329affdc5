"""Sections of the page of the checks: each a claim with its picture and its table."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from cic.checking.check import Checked
from cic.checking.draw import MOST_SETS, label_by_group, library_strips, profile_map, replicate_curves, sex_genes
from cic.checking.finding import figure
from cic.checking.library import size_of
from cic.checking.sexes import SEXES
from cic.evaluation.drawing.pages import Section, shown

TOPICS = {
    "map": "profiles",
    "library": "sizes of profiles",
    "labels": "labels and groups",
    "copies": "copies",
    "replicates": "replicates",
    "sexes": "sex",
    "sizes": "values",
}
"""What topics are called among the findings."""
MOST_ROWS = 100
MOST_COLOURS = 60
"""Labels or groups that a map can tell apart."""


def sections(checked: Checked) -> list[Section]:
    """Give the sections that there is something to say in, in their order."""
    made = (of(checked) for of in (_map, _library, _labels, _copies, _replicates, _sexes, _sizes))
    return [one for one in made if one is not None]


def _map(checked: Checked) -> Section | None:
    components, samples = checked.components, checked.samples
    if components is None:
        return None
    roles = [role for role in ("label", "group") if role in samples and samples[role].nunique() <= MOST_COLOURS]
    share = sum(components.shares[:2])
    n, ids = f"{len(components.rows):,} profiles", samples.index[components.rows]
    pictures = tuple(
        shown(
            f"map-{role}",
            f"Scatter plot of {n} at their first two principal components, by {role}.",
            profile_map(components, samples, role),
            f"By {role}; {n}.",
        )
        for role in roles or ["label"]
    )
    far = np.flatnonzero(components.apart_S)
    far = far[np.argsort(-components.distance_S[far], kind="stable")][:MOST_ROWS]
    return Section(
        "map",
        "What do the profiles look like?",
        f"Two of the principal components of the most variable genes, which hold {share:.0%} of their variance. Named "
        "are those that lie far from all others"
        + (" of their label" if "label" in samples else "")
        + ", over ten components.",
        pictures,
        ("profile", "distance, where 1 is usual"),
        tuple((str(ids[at]), f"{components.distance_S[at]:.1f}") for at in far.tolist()),
    )


def _library(checked: Checked) -> Section:
    library, roles = checked.library, checked.roles
    role = next((role for role in ("group", "label") if role in roles), None)
    set_S = roles[role].fillna(f"no {role}") if role else pd.Series("all profiles", index=library.index)
    odd = {name for one in checked.findings if one.topic == "library" for name in one.samples}
    unit, size = checked.facts["unit"], library["size"]
    outliers = library.loc[[name for name in library.index if str(name) in odd][:MOST_ROWS]]
    has_share = bool(library["mitochondrial"].notna().any())
    few = f", the {MOST_SETS} of the most extreme medians" * (set_S.nunique() > MOST_SETS)
    return Section(
        "library",
        "How much was measured of each?",
        f"The {size_of(unit)} of a profile is from {figure(size.min())} to {figure(size.max())}, "
        f"{figure(size.median())} in the middle. Outliers are far from the median of their group and of their label.",
        (
            shown(
                "library",
                f"The {size_of(unit)} of each profile, a line a {role or 'set'}, outliers marked.",
                library_strips(library, set_S, unit, odd),
                (f"A line a {role}{few}. " if role else "") + f"{len(library):,} profiles.",
            ),
        ),
        ("outlier", "size", "zeros", *(["mitochondrial"] if has_share else [])),
        tuple(
            (
                str(name),
                figure(row["size"]),
                f"{row['zeros']:.1%}",
                *([f"{row['mitochondrial']:.1%}"] if has_share else []),
            )
            for name, row in outliers.iterrows()
        ),
    )


def _labels(checked: Checked) -> Section | None:
    labels, groups, roles = checked.facts["labels"], checked.facts["groups"], checked.roles
    if not labels and not groups:
        return None
    if not labels or not groups:
        counts, name = (labels, "label") if labels else (groups, "group")
        rows = tuple((one, f"{n:,}") for one, n in sorted(counts.items(), key=lambda item: -item[1])[:MOST_ROWS])
        return Section(
            "labels",
            "Which labels are in which groups?",
            f"There are {len(counts):,} {name}s.",
            (),
            (name, "profiles"),
            rows,
        )
    tables = [list(pd.Series(counts).nlargest(MOST_SETS).index) for counts in (labels, groups)]
    kept = roles["label"].isin(tables[0]) & roles["group"].isin(tables[1])
    table_LP = pd.crosstab(roles.loc[kept, "label"], roles.loc[kept, "group"])
    cut = f" The {MOST_SETS} largest of each." * (max(len(labels), len(groups)) > MOST_SETS)
    v = checked.facts["confounding"]["cramers_v"]
    return Section(
        "labels",
        "Which labels are in which groups?",
        f"There are {len(labels):,} labels and {len(groups):,} groups. Cramér's V of the two is {v:.2f}: 0 where the "
        "group tells nothing of the label, 1 where it tells it.",
        (
            shown(
                "labels",
                f"Table of {len(labels)} labels by {len(groups)} groups, with the profiles in each.",
                label_by_group(table_LP),
                f"Profiles by label and group, the deeper the larger the share of the label.{cut}",
            ),
        ),
    )


def _copies(checked: Checked) -> Section | None:
    neighbours, samples = checked.neighbours, checked.samples
    if neighbours is None:
        return None
    ids = [str(name) for name in samples.index]
    copies = [(" = ".join(ids[row] for row in rows), "equal to the last bit", "1", "0") for rows in neighbours.copies]
    twins = [
        (f"{ids[one.first]} ~ {ids[one.second]}", one.sign, f"{one.correlation:.4f}", f"{one.distance:.2f}")
        for one in neighbours.twins
    ]
    n = neighbours.n_compared
    of = "" if n == len(samples) else ", chosen by a sketch of the values of all"
    return Section(
        "copies",
        "Are profiles the same, or all but the same?",
        f"{n:,} profiles were compared with each other over all genes{of}, by what each has of its own; replicates of "
        "one sample were not. What the audit of the split would call a leak is listed, the nearest first"
        + ("." if copies or twins else ": nothing."),
        (),
        ("profiles", "sign", "correlation", "distance over that to the next"),
        tuple([*copies, *twins][:MOST_ROWS]),
    )


def _replicates(checked: Checked) -> Section | None:
    replicates = checked.replicates
    if replicates is None:
        return None
    within, between = (float(np.median(one)) for one in (replicates.within_P, replicates.between_P))
    ids = checked.samples.index
    return Section(
        "replicates",
        "Do replicates agree?",
        f"The distance of two replicates is {within / between:.2f} of that of two different samples (medians). No "
        "model can be asked to be nearer to a profile than measuring it again is.",
        (
            shown(
                "replicates",
                "Share of the pairs nearer than a distance, of replicates and of different samples.",
                replicate_curves(replicates),
                f"{replicates.n_sets:,} sets of {replicates.n_profiles:,} profiles.",
            ),
        ),
        ("profile far from its replicates", "sample"),
        tuple((str(ids[at]), str(checked.samples["replicate"].iloc[at])) for at in replicates.odd[:MOST_ROWS]),
    )


def _sexes(checked: Checked) -> Section | None:
    sexes, ids = checked.sexes, checked.samples.index
    if sexes is None:
        return None
    rows = [
        (str(ids[at]), SEXES[sexes.known_S[at]], f"{sexes.x_S[at]:.1f}", f"{sexes.y_S[at]:.1f}")
        for at in np.flatnonzero(sexes.contradicts_S).tolist()
    ]
    said = f"by the column `{sexes.column}`" if sexes.column else "only by labels of tissues that one sex has"
    genes = ", ".join(sexes.y_genes) or "none of the Y chromosome"
    return Section(
        "sexes",
        "Do the genes agree with the sex?",
        f"XIST{'' if sexes.has_xist else ' (not measured)'} against {genes}; the sex is known {said}. Between the two "
        "dashed lines nothing is said.",
        (
            shown(
                "sexes",
                "Scatter plot of XIST against the mean of the genes of the Y chromosome.",
                sex_genes(sexes),
                f"{len(ids):,} profiles.",
            ),
        ),
        ("contradiction", "known as", "XIST, log2", "Y genes, log2"),
        tuple(rows[:MOST_ROWS]),
    )


def _sizes(checked: Checked) -> Section:
    facts = checked.facts
    values, missing, sets = facts["values"], facts["missing"], facts["replicates"]
    rows: Iterable[tuple[str, str]] = (
        ("profiles", f"{facts['n_samples']:,}"),
        ("genes", f"{facts['n_genes']:,}, named by {facts['gene_ids']}; {facts['constant_genes']:,} never vary"),
        ("unit", f"{facts['unit']}, from {figure(values['min'])} to {figure(values['max'])}"),
        ("zeros", f"{values['share_of_zeros']:.1%}"),
        (
            "missing values",
            f"{missing['values']:,}, of {missing['genes']:,} genes in {missing['samples']:,} profiles"
            if missing["values"]
            else "none",
        ),
        ("labels", f"{len(facts['labels']):,}"),
        ("groups", f"{len(facts['groups']):,}"),
        ("replicates", f"{sets['sets']:,} sets of {sets['profiles']:,} profiles"),
    )
    return Section("sizes", "What came in", "Counted over all profiles.", (), ("fact", "value"), tuple(rows))

"""What sizes, values and the table about the samples say against a data set."""

from __future__ import annotations

from typing import Any

import pandas as pd

from cic.checking.finding import Finding, Level, counted, some
from cic.config import Params
from cic.data.checks import CONFOUNDED_ABOVE, FEW_PROFILES
from cic.data.matrix import ExpressionMatrix
from cic.data.split import unit_of_samples

ENOUGH_FOR_A_NETWORK = 50
FEWEST_HELD_OUT = 5
"""Groups of the test part below which nothing is said of new ones, and nothing is promoted."""
UNEVEN = 20
"""Times that the most frequent label is as frequent as the rarest."""


def about_values(matrix: ExpressionMatrix, facts: dict[str, Any]) -> list[Finding]:
    """Say what the sizes and values are suspicious of."""
    found = []
    n_samples, n_genes, constant = matrix.n_samples, matrix.n_genes, facts["constant_genes"]
    if n_samples > n_genes:
        message = f"there are more samples ({n_samples:,}) than genes ({n_genes:,}): is the orientation right?"
        found.append(Finding("warn", "sizes", message))
    if facts["standardised_genes"] > n_genes / 2:
        message = (
            f"{facts['standardised_genes']:,} of {n_genes:,} genes have mean 0 and standard deviation 1 over all "
            "samples: these are z-scores, in which every profile, held out or not, has shaped every other; and "
            "profiles to come cannot be brought to that scale"
        )
        found.append(Finding("warn", "sizes", message, "import the values as they were before"))
    elif matrix.unit == "scaled":
        message = (
            "the values were standardised before: profiles to come cannot be brought to that scale, and an error is no "
            "longer that of an expression"
        )
        found.append(Finding("warn", "sizes", message))
    if 0 < constant < n_genes:
        level: Level = "warn" if constant > n_genes / 2 else "note"
        found.append(Finding(level, "sizes", f"genes that never vary, and are dropped: {constant:,} of {n_genes:,}"))
    if n_samples < ENOUGH_FOR_A_NETWORK:
        message = f"with fewer than about {ENOUGH_FOR_A_NETWORK} profiles a network is hardly better than PCA"
        found.append(Finding("note", "sizes", message))
    return found


def about_missing(params: Params, facts: dict[str, Any]) -> list[Finding]:
    """Say how many values are missing, and what becomes of them."""
    values, genes, samples = (facts["missing"][what] for what in ("values", "genes", "samples"))
    if not values:
        return []
    message = f"missing: {counted(values, 'value')} of {counted(genes, 'gene')} in {counted(samples, 'sample')}"
    if params.data.missing == "refuse":
        fix = "set `data.missing` to `median` (of the training profiles, as part of the model) or `drop_genes`"
        return [Finding("must", "sizes", message, fix)]
    become = "; each is taken for its gene's median over the training profiles, as in profiles to come"
    return [Finding("warn", "sizes", message + become)]


def about_labels(samples: pd.DataFrame, facts: dict[str, Any]) -> list[Finding]:
    """Say what labels cannot tell."""
    labels = facts["labels"]
    if "label" not in samples:
        message = "no column is named as label, so nothing is said of cell identity"
        return [Finding("note", "labels", message, "name the column with tissue or cell type in `data.label`")]
    found = []
    if len(labels) < 2:
        message = (
            f"the labels are all the same ({', '.join(labels) or 'missing'}), so nothing can be told apart by them"
        )
        found.append(Finding("warn", "labels", message, "name another column in `data.label`, or null"))
    elif len(labels) == samples["label"].notna().sum():
        message = "every sample has a label of its own, so none can be learnt: is that column an id?"
        found.append(Finding("warn", "labels", message, "name another column in `data.label`, or null"))
    elif few := [name for name, count in labels.items() if count < FEW_PROFILES]:
        message = f"{counted(len(few), 'label')} with fewer than {FEW_PROFILES} profiles: {some(few)}"
        found.append(Finding("warn", "labels", message))
    if lost := [str(name) for name in samples.index[samples["label"].isna()]]:
        message = f"{counted(len(lost), 'sample')} without a label: {some(lost)}"
        found.append(Finding("warn", "labels", message, samples=tuple(lost)))
    if len(labels) > 1 and max(labels.values()) > UNEVEN * min(labels.values()):
        most, least = (choose(labels, key=lambda name: labels[name]) for choose in (max, min))
        message = f"labels are uneven, from {labels[least]:,} profiles ({least}) to {labels[most]:,} ({most})"
        found.append(Finding("note", "labels", message))
    return found


def about_groups(samples: pd.DataFrame, params: Params, facts: dict[str, Any]) -> list[Finding]:
    """Say what groups cannot tell, and where the label is told by them."""
    found = []
    if "group" not in samples:
        message = "no column is named as group, so the figures will speak of new profiles from the same studies"
        found.append(Finding("note", "labels", message))
    elif samples["group"].notna().all():
        n_units = int(unit_of_samples(samples).max()) + 1
        n_test = n_units * params.split.test
        if n_test < FEWEST_HELD_OUT:
            message = (
                f"{counted(n_units, 'group')} leave the test part with about {max(1, round(n_test))}: "
                f"with fewer than {FEWEST_HELD_OUT} nothing is said of new groups, and nothing is promoted"
            )
            found.append(Finding("warn", "labels", message, "name a finer group, if there is one"))
    confounding = facts["confounding"]
    if single := confounding.get("labels_in_one_group"):
        message = (
            f"{counted(len(single), 'label')} seen in a single group: {some(single)}; a split by group cannot have "
            "them in training and in test (`data.group: null` splits by profile, and tells nothing of new groups)"
        )
        found.append(Finding("warn", "labels", message))
    if confounding.get("cramers_v", 0) > CONFOUNDED_ABOVE:
        message = (
            f"label and group are confounded (Cramér's V {confounding['cramers_v']:.2f}): what tells the labels apart "
            "may be the group"
        )
        found.append(Finding("warn", "labels", message))
    for one in facts["confounded_columns"]:
        message = (
            f"{one['labels_with_one_value']} of {len(facts['labels'])} labels occur with a single value of the column "
            f"`{one['column']}`: if that is a batch, label and batch cannot be told apart"
        )
        found.append(Finding("warn", "labels", message))
    return found


def about_ids(samples: pd.DataFrame) -> list[Finding]:
    """Find ids that differ in case or spaces only."""
    plain = pd.Series(samples.index.astype(str).str.strip().str.lower(), index=samples.index)
    twice = plain[plain.duplicated(keep=False)].sort_values(kind="stable").index
    if not len(twice):
        return []
    named = tuple(str(name) for name in twice)
    return [
        Finding("warn", "copies", f"{len(named)} sample ids differ in case or spaces only: {some(named)}", "", named)
    ]

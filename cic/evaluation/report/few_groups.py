"""What is said where profiles come from fewer than five groups: numbers, and no claim about a new group."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from cic.evaluation.report.drawing import Picture
from cic.evaluation.report.section import Section, Table
from cic.evaluation.report.verdict import Sentence, percent

FEW_GROUPS: dict[str, set[str]] = {
    "Was anything learnt?": {"resampling"},
    "Reconstruction against PCA": {"resampling"},
    "Reconstruction against replicates": {"resampling", "replicates"},
    "Cell type by cell type": {"resampling", "labels"},
    "Gene by gene": {"resampling"},
    "Mixtures": {"mixtures.resampling"},
    "Cell types never seen": {"resampling", "unseen_types"},
    "Noise": {"resampling"},
    "Missing genes": {"resampling"},
    "Cell identity": {"identity.resampling"},
    "“Unknown” as an answer": {"resampling", "unseen_types"},
}
"""The cautions that say of a topic's intervals that they are over profiles, since there are fewer than five groups."""


def of_few_groups(topic: str, sentence: Sentence, metrics: Mapping[str, Any]) -> Sentence:
    """Keep a finding to the groups that it rests on where these are few: there it speaks for no model."""
    # what says that nothing can be told claims nothing
    if not FEW_GROUPS.get(topic, set()) & set(metrics["cautions"]) or "cannot be" in sentence.claim:
        return sentence
    claim = f"On these few groups, which cannot speak for others: {sentence.claim}"
    return Sentence("bad" if sentence.standing == "bad" else "open", claim, sentence.told)


def one_by_one_section(
    found: Mapping[str, Any], table: pd.DataFrame, picture: Picture, cautions: tuple[str, ...]
) -> Section:
    """Show every group that was left out, from `unseen_groups` of the metrics and of the tables."""
    n_groups = found["n_groups"]
    return Section(
        "unseen_groups",
        "What of a study that it never saw?",
        "Squared error of the model trained without the group (study, donor), over that of PCA trained without it: "
        f"{_each(found)}.",
        picture,
        "PCA of equal width on the same training profiles, and the same model trained with nothing left out (dashed "
        "lines at 1)",
        f"{found['n']} profiles of {n_groups} groups, each left out once in {found['n_sets']} retrainings",
        Table(
            ("group", "profiles", "error over PCA's", "unexplained", "by PCA"),
            tuple(
                (
                    str(row["group"]),
                    str(row["n"]),
                    f"{row['ratio_to_pca']:.2f}",
                    *(percent(row[f"unexplained_{name}"]) for name in ("model", "pca")),
                )
                for row in table.to_dict("records")
            ),
        ),
        (
            f"Numbers without an interval: {n_groups} groups are too few to tell by how much groups differ, so nothing "
            "is claimed of another one.",
            *cautions,
        ),
    )


def one_by_one_sentence(found: Mapping[str, Any]) -> Sentence:
    """Name every group that was left out, and its number."""
    claim = f"Each of {found['n_groups']} studies was left out in turn, too few to claim anything of another one."
    told = f"Squared error of the model over that of PCA, both trained without the study: {_each(found)}."
    return Sentence("open", claim, told)


def _each(found: Mapping[str, Any]) -> str:
    ratios = ((one, one["ratio_to_pca"]) for one in found["each"])
    return "; ".join(
        f"{one['group']} {'undefined' if ratio is None else f'{ratio:.2f}'} ({one['n']} profile{'s' * (one['n'] != 1)})"
        for one, ratio in ratios
    )

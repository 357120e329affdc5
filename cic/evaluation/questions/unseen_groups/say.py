"""What is said of groups (studies, donors) that the model never saw."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from cic.evaluation.drawing.drawing import Picture, draw
from cic.evaluation.facts import Facts
from cic.evaluation.left_out.words import judged, unexplained
from cic.evaluation.questions.unseen_groups.draw import unseen_groups_figure
from cic.evaluation.questions.unseen_groups.found import Found, Group
from cic.evaluation.section import Evidence, Section, Table, Topic, remarks
from cic.evaluation.words import Sentence, percent, with_interval


def unseen_groups_section(found: Found, evidence: Evidence, folder: Path) -> Section:
    """Show how profiles of a group are reproduced by a model that never saw it, a group a line."""
    table, confidence = evidence.tables["unseen_groups"], evidence.facts.interval.confidence
    picture = draw(
        folder, "unseen_groups",
        f"Squared error on each group that was left out, over that of PCA: from {table['ratio_to_pca'].min():.2f} to "
        f"{table['ratio_to_pca'].max():.2f}; over that of a model fitted to it: from "
        f"{table['ratio_to_seen'].min():.2f} to {table['ratio_to_seen'].max():.2f}.",
        unseen_groups_figure(table),
    )  # fmt: skip
    n_groups = found.n_groups
    if found.each is not None:
        return _one_by_one_section(found, found.each, table, picture, tuple(remarks(evidence, "unseen_groups")))
    return Section(
        key="unseen_groups",
        title="What of a study that it never saw?",
        claim="Trained without the group (study, donor), the model has "
        f"{with_interval(found.ratio_to_pca, confidence)} times the squared error of PCA trained without it, and "
        f"{with_interval(found.ratio_to_seen, confidence)} times that of a model fitted to these very profiles. Better "
        f"than PCA on {found.n_better_than_pca} of {n_groups} groups, worse on {found.n_worse_than_pca}, undecided on "
        f"{found.n_undecided}.",
        picture=picture,
        baseline="PCA of equal width on the same training profiles, and the same model fitted to all these profiles, "
        "which flatters it (dashed lines at 1)",
        n=f"{found.n} profiles of {n_groups} groups, each left out once in {found.n_sets} retrainings "
        f"({found.units} {found.by}s resampled)",
        table=Table(
            ("group", "n", "never saw it", "PCA", "fitted to it", "PCA"),
            tuple(
                (
                    str(row["group"]),
                    str(row["n"]),
                    *(percent(row[f"unexplained_{name}"]) for name in ("model", "pca", "seen", "pca_seen")),
                )
                for row in table.to_dict("records")
            ),
        ),
        notes=(
            "PCA's error on a group that it never saw is "
            f"{with_interval(found.pca_ratio_to_seen, confidence)} times that of PCA fitted to it. Percentages are "
            "unexplained variance.",
            "The fitted model was trained on the very profiles that it is scored on here, so its error is flattering: "
            "the least that having seen the group could come to. The validation part serves the best epoch of each "
            "retraining and is not left out.",
            "Bars are over the profiles or replicate sets of the group; a dot without one has too few.",
            *remarks(evidence, "unseen_groups"),
        ),
    )


def unseen_groups_sentences(found: Found, facts: Facts) -> list[Sentence]:
    """Say what the error on groups that were left out of training comes to."""
    confidence = facts.interval.confidence
    if found.each is not None:
        return [_one_by_one_sentence(found, found.each)]
    details = (
        "Profiles of a group (study, donor) that the model never saw are reproduced with "
        f"{with_interval(found.ratio_to_pca, confidence)} times the squared error of PCA that never saw it either "
        f"({found.n} profiles of {found.n_groups} groups; {unexplained(found.unexplained_variance.model)} of their "
        "variance stays unexplained)."
    )
    return [judged("studies", details, found)]


def _one_by_one_section(
    found: Found, groups: Sequence[Group], table: pd.DataFrame, picture: Picture, cautions: tuple[str, ...]
) -> Section:
    """Show every group that was left out, a group a line."""
    n_groups = found.n_groups
    return Section(
        key="unseen_groups",
        title="What of a study that it never saw?",
        claim="Squared error of the model trained without the group (study, donor), over that of PCA trained without "
        f"it: {_each(groups)}.",
        picture=picture,
        baseline="PCA of equal width on the same training profiles, and the same model trained with nothing left out "
        "(dashed lines at 1)",
        n=f"{found.n} profiles of {n_groups} groups, each left out once in {found.n_sets} retrainings",
        table=Table(
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
        notes=(
            f"Numbers without an interval: {n_groups} groups are too few to tell by how much groups differ, so nothing "
            "is claimed of another one.",
            *cautions,
        ),
    )


def _one_by_one_sentence(found: Found, groups: Sequence[Group]) -> Sentence:
    """Name every group that was left out, and its number."""
    claim = f"Each of {found.n_groups} studies was left out in turn, too few to claim anything of another one."
    details = f"Squared error of the model over that of PCA, both trained without the study: {_each(groups)}."
    return Sentence("open", claim, details)


def _each(groups: Sequence[Group]) -> str:
    ratios = ((one, one.ratio_to_pca) for one in groups)
    return "; ".join(
        f"{one.group} {'undefined' if ratio is None else f'{ratio:.2f}'} ({one.n} profile{'s' * (one.n != 1)})"
        for one, ratio in ratios
    )


SECTIONS = (unseen_groups_section,)
TOPICS = (Topic("Studies never seen", "unseen_groups", unseen_groups_sentences),)

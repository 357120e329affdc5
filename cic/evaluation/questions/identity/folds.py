"""Which profiles cell identity is scored on, and in which folds.

Axes: P all profiles, S scored profiles, V validation profiles, G genes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from cic.data.split import grouped_folds, unit_of_samples
from cic.evaluation.subject import Subject
from cic.seeds import derive_seed

FEWEST_PROFILES = 3
"""Of a label, below which nothing can be said of it."""


@dataclass(frozen=True)
class Design:
    """A cross-validation over the labelled profiles of the training and test parts.

    Attributes
    ----------
    labels
        Names of the labels that are told apart.
    scored, validation
        Positions of the scored profiles, and of the validation part, among all.
    label_S, validation_label_V
        Positions in `labels`; -1 for validation profiles with none of them.
    fold_S
        Outer fold of each scored profile, 0 to `n_folds` - 1.
    by
        What a fold keeps whole: `group`, `replicate set` or `profile`.
    samples
        Sample columns of the scored profiles, without groups where these were too few to be left out.
    x_PG
        Preprocessed profiles.
    """

    labels: tuple[str, ...]
    scored: np.ndarray
    label_S: np.ndarray
    fold_S: np.ndarray
    n_folds: int
    by: str
    validation: np.ndarray
    validation_label_V: np.ndarray
    samples: pd.DataFrame
    x_PG: np.ndarray
    left_out: dict[str, str]
    cautions: dict[str, str]


def design(subject: Subject) -> Design | str:
    """Choose labels and folds, or say why cell identity cannot be measured."""
    label_P = subject.column("label")
    usable_P = label_P.notna().to_numpy() & np.isin(subject.part_S, ("train", "test"))
    if not usable_P.any():
        return "the profiles have no labels (`data.label`)."
    samples = subject.samples[usable_P].assign(label=label_P[usable_P].astype(str))
    grouped = "group" in samples
    if grouped and len(np.unique(unit_of_samples(samples))) < 2:
        samples = samples.drop(columns="group")
    kept, dropped = _tellable(samples)
    why = f"fewer than {FEWEST_PROFILES} profiles, or all in one {_kept_whole(samples)}"
    n_labels = len(kept) + len(dropped)
    if len(kept) < 2:
        return (
            f"it takes at least two labels with {FEWEST_PROFILES} profiles in two {_kept_whole(samples)}s each; of "
            f"{n_labels} in the training and test parts, {len(dropped)} ha{'s' if len(dropped) == 1 else 've'} {why}."
        )
    keep_S = samples["label"].isin(kept).to_numpy()
    samples, scored = samples[keep_S], np.flatnonzero(usable_P)[keep_S]
    wanted = subject.params.evaluate.folds
    fold_S, n_folds, by = folds_of(samples, wanted, derive_seed(subject.seed, "identity"))
    left_out = {}
    if dropped:
        named = ", ".join(dropped[:8]) + (f" and {len(dropped) - 8} more" if len(dropped) > 8 else "")
        left_out["identity.labels"] = f"{len(dropped)} of {n_labels} cell types have {why}: {named}."
    validation = np.flatnonzero(subject.part_S == "validation")
    names = pd.Index(kept)
    return Design(
        labels=tuple(kept),
        scored=scored,
        label_S=names.get_indexer(pd.Index(samples["label"])).astype(np.int64),
        fold_S=fold_S,
        n_folds=n_folds,
        by=by,
        validation=validation,
        # a missing label reads as text that no label is
        validation_label_V=names.get_indexer(
            pd.Index(label_P.iloc[validation].map(str, na_action="ignore"), dtype="object")
        ).astype(np.int64),
        samples=samples,
        x_PG=subject.x_SG,
        left_out=left_out,
        cautions=_cautions(n_folds, wanted, by, grouped),
    )


def _tellable(samples: pd.DataFrame) -> tuple[list[str], list[str]]:
    """Give the labels that can be learnt in one fold and told in another, then those of too few profiles or units."""
    units = pd.DataFrame({"label": samples["label"].to_numpy(), "unit": unit_of_samples(samples)})
    by_label = units.groupby("label")["unit"]
    n_units, n_profiles = by_label.nunique(), by_label.size()
    kept = sorted(n_units.index[(n_units >= 2) & (n_profiles >= FEWEST_PROFILES)])
    return kept, sorted(set(n_units.index) - set(kept))


def _cautions(n_folds: int, wanted: int, by: str, grouped: bool) -> dict[str, str]:
    if grouped and by != "group":
        return {
            "identity.folds": f"The labelled profiles come from a single group, so folds are over {by}s: how well the "
            "cell type is told in another group is not known."
        }
    if n_folds < wanted:
        return {
            "identity.folds": f"There are only {n_folds} {by}s for {wanted} folds, so cell identity is measured in "
            f"{n_folds}, with fewer profiles to learn from."
        }
    return {}


def folds_of(samples: pd.DataFrame, n_folds: int, seed: int) -> tuple[np.ndarray, int, str]:
    """Deal profiles into folds: so many, or as many as there are groups; by replicates where there is one group.

    Returns
    -------
    tuple
        Fold of each profile, number of folds, and what a fold keeps whole.
    """
    if "group" in samples and len(np.unique(unit_of_samples(samples))) < 2:
        samples = samples.drop(columns="group")
    if len(np.unique(unit_of_samples(samples))) < 2:
        samples = samples.drop(columns="replicate", errors="ignore")
    n_folds = min(n_folds, len(np.unique(unit_of_samples(samples))))
    return grouped_folds(samples, n_folds, seed), n_folds, _kept_whole(samples)


def _kept_whole(samples: pd.DataFrame) -> str:
    if "group" in samples:
        return "group"
    return "replicate set" if "replicate" in samples and samples["replicate"].notna().any() else "profile"

"""Retrainings without each cell type, which several questions ask about.

Axes: S profiles.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cic.evaluation.retrainings.retraining import Retrained, retrain_all
from cic.evaluation.subject import Subject

MOST_NAMED = 8
"""Cell types that a sentence names before it counts the others."""


@dataclass(frozen=True)
class WithoutTypes:
    """Trainings that never saw a cell type.

    Attributes
    ----------
    label_S
        Cell type of each profile, empty where it has none.
    seen, without
        The retraining with nothing left out, and one for each type that training and test part have.
    not_left_out
        Types that cannot be left out, by the reason: a sentence each.
    """

    label_S: np.ndarray
    seen: Retrained | None
    without: Mapping[str, Retrained]
    not_left_out: Mapping[str, str]

    @property
    def names(self) -> list[str]:
        """The types that were left out."""
        return list(self.without)


def without_types(subject: Subject) -> WithoutTypes:
    """Train again without each cell type, once, whoever asks first.

    Profiles without a label are left out of these retrainings altogether: they might be of the left-out type.
    """
    return subject.once("without types", lambda: _without_types(subject))


def _without_types(subject: Subject) -> WithoutTypes:
    labels = subject.column("label")
    known_S = labels.notna().to_numpy()
    label_S = np.where(known_S, labels.astype(str), "")
    train_S, validation_S, test_S = (known_S & (subject.part_S == part) for part in ("train", "validation", "test"))
    names, reasons = _types_to_leave_out(subject, label_S, train_S, validation_S, test_S)
    if not names:
        return WithoutTypes(label_S, None, {}, reasons)
    specs = [subject.retraining("unseen types, none left out", train_S, validation_S)]
    for name in names:
        other_S = label_S != name
        specs.append(subject.retraining(f"unseen type {name}", train_S & other_S, validation_S & other_S))
    seen, *unseen = retrain_all(specs, subject.workers, "unseen cell types")
    return WithoutTypes(label_S, seen, dict(zip(names, unseen, strict=True)), reasons)


def _types_to_leave_out(
    subject: Subject, label_S: np.ndarray, train_S: np.ndarray, validation_S: np.ndarray, test_S: np.ndarray
) -> tuple[list[str], dict[str, str]]:
    """Give the types that can be left out, and why the others cannot."""
    train_names, test_names = set(label_S[train_S]), set(label_S[test_S])
    both = sorted(train_names & test_names)
    little = [
        name for name in both if subject.too_little(train_S & (label_S != name), validation_S & (label_S != name))
    ]
    reasons = {
        "not_held_out": (train_names - test_names, "no test profile to reconstruct"),
        "not_trained": (test_names - train_names, "no training profile, so no model that saw the type"),
        "too_little": (set(little), "too few other types' profiles to train on, or to validate with"),
    }
    left_out = {name: f"{why}: {_named(sorted(types))}." for name, (types, why) in reasons.items() if types}
    return [name for name in both if name not in little], left_out


def _named(names: Sequence[str]) -> str:
    rest = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {rest} more" if rest > 0 else "")

"""What must not stand in two parts of a split by what its columns say: groups, replicates, corrected studies."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cic.config import Split
from cic.data.corrected import CORRECTION, is_reference
from cic.data.findings import MOST_EXAMPLES, AuditFinding, Kind

KINDS: dict[str, tuple[Kind, str]] = {
    "group": ("group_astride", "groups"),
    "replicate": ("replicate_astride", "replicates"),
    CORRECTION: ("correction_astride", "corrected studies"),
}


def groups_astride(samples: pd.DataFrame, part_S: np.ndarray, config: Split) -> list[AuditFinding]:
    """Find groups in several parts; those in training and validation are told of where that was asked for."""
    if config.validation_from == "groups" or "group" not in samples.columns:
        return _astride(samples, "group", part_S)
    message = (
        "the validation part is of the training groups, as split.validation_from asks: what is chosen and calibrated "
        "by it holds for profiles of known groups, and only the test part speaks of another"
    )
    shared = tuple(sorted(set(samples["group"][part_S == "validation"].astype(str))))[:MOST_EXAMPLES]
    seen_S = as_training(part_S, config)
    return [AuditFinding("validation_of_training_groups", message, shared, False), *_astride(samples, "group", seen_S)]


def replicates_astride(samples: pd.DataFrame, part_S: np.ndarray) -> list[AuditFinding]:
    """Find sets of replicates in several parts."""
    return _astride(samples, "replicate", part_S)


def as_training(part_S: np.ndarray, config: Split) -> np.ndarray:
    """Count validation profiles as training ones where they are of the training groups."""
    return np.where(part_S == "validation", "train", part_S) if config.validation_from == "training" else part_S


def corrections(samples: pd.DataFrame, part_S: np.ndarray, config: Split) -> list[AuditFinding]:
    """Find studies corrected as one that are in several parts, and a reference of corrections outside training."""
    if CORRECTION not in samples:
        return []
    seen_S = as_training(part_S, config)
    said_S = samples[CORRECTION].to_numpy()
    message = (
        "studies were corrected to a reference, each by all of its own profiles: held-out errors are those of a study "
        "that comes whole and is corrected likewise, and flatter where the reference is among what is left out"
    )
    found = [AuditFinding("corrected", message, tuple(sorted(set(said_S)))[:MOST_EXAMPLES], blocks=False)]
    found += _astride(samples, CORRECTION, seen_S)
    held_out_S = is_reference(samples).to_numpy() & (seen_S != "train")
    if held_out_S.any():
        examples = tuple(map(str, samples.index[held_out_S][:MOST_EXAMPLES]))
        message = f"{held_out_S.sum()} held-out profiles are of the study to which others were corrected"
        found.append(AuditFinding("reference_held_out", message, examples))
    return found


def _astride(samples: pd.DataFrame, column: str, part_S: np.ndarray) -> list[AuditFinding]:
    if column not in samples.columns:
        return []
    parts_of = pd.Series(part_S, index=samples.index).groupby(samples[column].to_numpy()).unique()
    astride = parts_of[parts_of.map(len) > 1]
    if astride.empty:
        return []
    kind, what = KINDS[column]
    examples = tuple(f"{name}: {', '.join(sorted(parts))}" for name, parts in astride.iloc[:MOST_EXAMPLES].items())
    return [AuditFinding(kind, f"{len(astride)} of {len(parts_of)} {what} stand in more than one part", examples)]

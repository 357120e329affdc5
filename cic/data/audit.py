"""The leakage audit: what a split, however it was made, lets through from one part to another.

It trusts neither the split nor the sample columns. Beside ids, groups and replicates it looks at the profiles
themselves (`cic.data.twins`).

Technical replicates of a noisy platform are no nearer to one another than to their like, so that the audit finds few
of them or none: nothing but a `replicate` column can tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from cic.config import Split
from cic.data.astride import as_training, corrections, groups_astride, replicates_astride
from cic.data.equal import numbered, sets_of
from cic.data.findings import MOST_EXAMPLES, AuditFinding
from cic.data.matrix import ExpressionMatrix
from cic.data.sparse import dense
from cic.data.sparse_units import log2_of
from cic.data.split import PARTS
from cic.data.suspects import Suspects, find_suspects
from cic.data.twins import Twins, find_mixtures, find_twins
from cic.errors import DataError


@dataclass(frozen=True)
class Audit:
    """What the audit found, and what it looked at.

    Attributes
    ----------
    findings
        Everything found; none is a clean split.
    sizes
        Profiles in each part.
    nearest
        Of the pairs across parts: the largest correlation, and the least distance over that to the next neighbour.
    """

    findings: tuple[AuditFinding, ...]
    sizes: dict[str, int]
    nearest: dict[str, float]

    @property
    def passed(self) -> bool:
        """Whether nothing that blocks was found."""
        return not any(finding.blocks for finding in self.findings)

    def to_json(self) -> dict[str, Any]:
        """Give the audit as plain JSON."""
        return {"passed": self.passed, **asdict(self)}


def audit_split(matrix: ExpressionMatrix, part: pd.Series, config: Split, seed: int = 0) -> Audit:
    """Look for samples, groups and profiles that stand on both sides of the split.

    Parameters
    ----------
    matrix
        All profiles, with the columns `label`, `group` and `replicate` as far as there are any.
    part
        `train`, `validation` or `test`, indexed by sample id.
    config
        The thresholds `near_identical` and `near_distance`, and whether validation is to be of other groups.
    seed
        Of the choice among many profiles (`cic.data.suspects`).

    Raises
    ------
    DataError
        If a sample has no part, or `part` names samples that are not there.
    """
    part_S = _part_of_each(matrix, part)
    sizes = {name: int((part_S == name).sum()) for name in PARTS}
    identical, same_SS = _identical(matrix, part_S)
    disguised, nearest = _disguised(matrix, part_S, config, same_SS, seed)
    findings = [
        *_repeated_ids(matrix, part_S),
        *groups_astride(matrix.samples, part_S, config),
        *replicates_astride(matrix.samples, part_S),
        *corrections(matrix.samples, part_S, config),
        *identical,
        *disguised,
        *_labels_not_in_train(matrix.samples, part_S),
        *_shares(sizes, config),
    ]
    return Audit(tuple(findings), sizes, nearest)


def _part_of_each(matrix: ExpressionMatrix, part: pd.Series) -> np.ndarray:
    ids = matrix.samples.index
    for what, names in (
        ("sample(s) are in more than one part", part.index[part.index.duplicated()]),
        ("sample(s) have no part", ids.difference(part.index)),
        ("sample(s) of the split are not among the profiles", part.index.difference(ids)),
        ("sample(s) are in an unknown part", part.index[~part.isin(PARTS)]),
    ):
        if len(names):
            raise DataError(
                f"{len(names)} {what}: {', '.join(map(str, names[:5]))}",
                where="the split",
                expected="each profile in one of " + ", ".join(PARTS),
                fix="make the split again from these data",
            )
    return part.reindex(ids).to_numpy().astype(str)


def _repeated_ids(matrix: ExpressionMatrix, part_S: np.ndarray) -> list[AuditFinding]:
    """Find ids that differ only in case or spaces, across parts (truly equal ones never get into a matrix)."""
    plain = pd.Series(matrix.samples.index.astype(str).str.strip().str.lower())
    parts_of = pd.Series(part_S).groupby(plain).nunique()
    twice = parts_of[parts_of > 1].index
    if not len(twice):
        return []
    examples = tuple(
        " = ".join(repr(name) for name in matrix.samples.index[plain == id_]) for id_ in twice[:MOST_EXAMPLES]
    )
    return [AuditFinding("repeated_id", f"{len(twice)} sample id(s) stand in more than one part", examples)]


def _identical(matrix: ExpressionMatrix, part_S: np.ndarray) -> tuple[list[AuditFinding], np.ndarray]:
    """Find profiles with equal numbers; give also the content of each profile as a number."""
    content_S, ids = numbered(matrix.values), matrix.samples.index
    sets = sets_of(content_S)
    findings = []
    for astride in (True, False):
        those = [rows for rows in sets if (len(set(part_S[rows])) > 1) == astride]
        if those:
            where = "in more than one part" if astride else "within one part"
            examples = tuple(
                " = ".join(f"{ids[int(row)]} ({part_S[row]})" for row in rows) for rows in those[:MOST_EXAMPLES]
            )
            message = f"{len(those)} set(s) of profiles are equal to the last bit, {where}"
            findings.append(AuditFinding("identical", message, examples, blocks=astride))
    return findings, content_S


def _disguised(
    matrix: ExpressionMatrix, part_S: np.ndarray, config: Split, content_S: np.ndarray, seed: int
) -> tuple[list[AuditFinding], dict[str, float]]:
    """Find profiles across parts that are all but the same, or mixtures; exact copies are left to `_identical`.

    Of many profiles, those are looked at that `find_suspects` chooses, and a finding says so. Where validation is of
    the training groups, those of one group may be as near as twins: pairs of these two parts do not block.
    """
    out_SK = np.stack([content_S, codes_of(matrix.samples, "replicate")], axis=1)
    findings = []
    if not matrix.is_few:
        suspects = find_suspects(matrix, part_S, out_SK, seed)
        findings.append(_compared(suspects))
        matrix, part_S, out_SK = matrix.select(suspects.rows), part_S[suspects.rows], out_SK[suspects.rows]
    log2_SG = dense(log2_of(matrix.values, matrix.unit), matrix.source)
    twins, nearest = find_twins(log2_SG, part_S, out_SK, config.near_identical, config.near_distance)
    seen_S = as_training(part_S, config)
    mixed = [
        mixture
        for mixture in find_mixtures(log2_SG, matrix.unit, out_SK)
        if any(seen_S[mixture.row] != seen_S[component] for component in mixture.components)
    ]
    name_S = [f"{sample} ({part})" for sample, part in zip(matrix.samples.index, part_S, strict=True)]
    for blocks in (True, False):
        if pairs := [pair for pair in twins if (seen_S[pair.first] != seen_S[pair.second]) == blocks]:
            findings.append(_near_identical(pairs, name_S, config, blocks))
    if mixed:
        examples = tuple(
            f"{name_S[one.row]} = {' + '.join(name_S[component] for component in one.components)}: "
            f"{one.rest:.1%} unexplained"
            for one in sorted(mixed, key=lambda one: one.rest)[:MOST_EXAMPLES]
        )
        message = f"{len(mixed)} profile(s) are mixtures of two others, not all in the same part"
        findings.append(AuditFinding("mixture", message, examples))
    return findings, nearest


def _near_identical(pairs: Sequence[Twins], name_S: Sequence[str], config: Split, blocks: bool) -> AuditFinding:
    examples = tuple(
        f"{name_S[pair.first]} ~ {name_S[pair.second]}: correlation {pair.correlation:.4f}, "
        f"{pair.distance:.2f} of the distance to the next ({pair.sign})"
        for pair in sorted(pairs, key=lambda pair: pair.distance)[:MOST_EXAMPLES]
    )
    message = (
        f"{len(pairs)} pair(s) of profiles across parts are near-identical: correlation above "
        f"{config.near_identical:g}, or nearer than {config.near_distance:g} of the distance to the next profile"
    )
    return AuditFinding("near_identical", message, examples, blocks)


def _compared(suspects: Suspects) -> AuditFinding:
    message = (
        f"{suspects.n_asked:,} of {suspects.n_held_out:,} held-out profiles were compared with all others by a sketch "
        f"of their values, and the {suspects.n_suspects:,} most suspicious of them over all genes"
    )
    return AuditFinding("compared", message, (), blocks=False)


def codes_of(samples: pd.DataFrame, column: str) -> np.ndarray:
    """Give each value of a column a number; a missing one is like no other, and all are where there is no column."""
    if column not in samples.columns:
        return np.arange(len(samples))
    codes_S = pd.factorize(samples[column])[0]
    return np.where(codes_S < 0, codes_S.max() + 1 + np.arange(len(samples)), codes_S)


def _labels_not_in_train(samples: pd.DataFrame, part_S: np.ndarray) -> list[AuditFinding]:
    if "label" not in samples.columns:
        return []
    label_S = samples["label"].to_numpy()
    in_train = set(label_S[part_S == "train"])
    missing = sorted({str(label) for label in label_S if label not in in_train and not pd.isna(label)})
    if not missing:
        return []
    message = f"{len(missing)} label(s) have no training profile: held-out error speaks for unseen types there"
    return [AuditFinding("label_not_in_train", message, tuple(missing[:MOST_EXAMPLES]), blocks=False)]


def _shares(sizes: dict[str, int], config: Split) -> list[AuditFinding]:
    """Find held-out parts that are far from what was asked, as large groups can make them."""
    total = sum(sizes.values())
    far = [
        f"{name}: {sizes[name] / total:.0%} in place of {asked:.0%}"
        for name, asked in (("validation", config.validation), ("test", config.test), ("sealed", config.sealed))
        if asked and not 0.5 < sizes[name] / total / asked < 2
    ]
    message = "whole groups do not allow the asked shares"
    return [AuditFinding("share", message, tuple(far), blocks=False)] if far else []

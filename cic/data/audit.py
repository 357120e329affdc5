"""The leakage audit: what a split, however it was made, lets through from one part to another.

It trusts neither the split nor the sample columns. Beside ids, groups and replicates it looks at the profiles
themselves, in two ways, because neither is enough alone:

- *Correlation after per-gene centring* finds copies: a profile exported twice, rounded to one decimal, stays above
  0.9989 in every data set tried here. But normal samples of one tissue come close too, when the genes were chosen to
  tell tissues apart (0.9885 among 520 GTEx profiles over 467 genes), so this threshold cannot be low.
- *Distance over the most variable genes, relative to the usual distance of a profile to its nearest neighbour*, finds
  a specimen that was measured twice. Ordinary nearest pairs stay above 0.43 of the usual distance in bulk RNA-seq (TCGA
  0.44, GTEx 0.53), on arrays (0.55, 0.79) and in single cells (0.49, 0.64). Two of the 63 tumours in Khan's set, known
  only by number, lie at 0.12, at a correlation of 0.986; repeated measurements of the simulated data lie at 0.36 to
  0.47, so that half of them are found; rounded copies at 0.10 and below.

Technical replicates of a noisy platform are no nearer to one another than to their like, so that the audit finds few
of them or none: nothing but a `replicate` column can tell.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from cic.config import Split
from cic.data.matrix import ExpressionMatrix, fingerprints
from cic.data.split import PARTS
from cic.data.units import log2_scale
from cic.errors import DataError

Kind = Literal[
    "repeated_id", "identical", "near_identical", "group_astride", "replicate_astride", "label_not_in_train", "share"
]
MOST_VARIABLE = 1_000
ROWS_A_BLOCK = 1_024
MOST_EXAMPLES = 10


@dataclass(frozen=True)
class Finding:
    """One way in which the parts are not independent, or a thing worth knowing about them.

    Attributes
    ----------
    kind
        Which check found it.
    message
        One sentence with the figures.
    examples
        Up to ten of the samples, groups or labels concerned.
    blocks
        Whether it fails the audit, and so blocks promotion.
    """

    kind: Kind
    message: str
    examples: tuple[str, ...]
    blocks: bool = True


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
        Of the pairs across parts: the largest correlation, and the least relative distance.
    """

    findings: tuple[Finding, ...]
    sizes: dict[str, int]
    nearest: dict[str, float]

    @property
    def passed(self) -> bool:
        """Whether nothing that blocks was found."""
        return not any(finding.blocks for finding in self.findings)

    def to_json(self) -> dict[str, Any]:
        """Give the audit as plain JSON."""
        return {"passed": self.passed, **asdict(self)}


def audit_split(matrix: ExpressionMatrix, part: pd.Series, config: Split) -> Audit:
    """Look for samples, groups and profiles that stand on both sides of the split.

    Parameters
    ----------
    matrix
        All profiles, with the columns `label`, `group` and `replicate` as far as there are any.
    part
        `train`, `validation` or `test`, indexed by sample id.
    config
        The thresholds `near_identical` and `near_distance`.

    Raises
    ------
    DataError
        If a sample has no part, or `part` names samples that are not there.
    """
    part_S = _part_of_each(matrix, part)
    sizes = {name: int((part_S == name).sum()) for name in PARTS}
    identical, same_SS = _identical(matrix, part_S)
    near, nearest = _near_identical(matrix, part_S, config, same_SS)
    findings = [
        *_repeated_ids(matrix, part_S),
        *_astride(matrix.samples, "group", part_S),
        *_astride(matrix.samples, "replicate", part_S),
        *identical,
        *near,
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


def _astride(samples: pd.DataFrame, role: Literal["group", "replicate"], part_S: np.ndarray) -> list[Finding]:
    if role not in samples.columns:
        return []
    parts_of = pd.Series(part_S, index=samples.index).groupby(samples[role].to_numpy()).unique()
    astride = parts_of[parts_of.map(len) > 1]
    if astride.empty:
        return []
    kind: Kind = "group_astride" if role == "group" else "replicate_astride"
    examples = tuple(f"{name}: {', '.join(sorted(parts))}" for name, parts in astride.iloc[:MOST_EXAMPLES].items())
    return [Finding(kind, f"{len(astride)} of {len(parts_of)} {role}s stand in more than one part", examples)]


def _repeated_ids(matrix: ExpressionMatrix, part_S: np.ndarray) -> list[Finding]:
    """Find ids that differ only in case or spaces, across parts (truly equal ones never get into a matrix)."""
    plain = pd.Series(matrix.samples.index.astype(str).str.strip().str.lower())
    parts_of = pd.Series(part_S).groupby(plain).nunique()
    twice = parts_of[parts_of > 1].index
    if not len(twice):
        return []
    examples = tuple(
        " = ".join(repr(name) for name in matrix.samples.index[plain == id_]) for id_ in twice[:MOST_EXAMPLES]
    )
    return [Finding("repeated_id", f"{len(twice)} sample id(s) stand in more than one part", examples)]


def _identical(matrix: ExpressionMatrix, part_S: np.ndarray) -> tuple[list[Finding], np.ndarray]:
    """Find profiles with equal numbers; give also the content of each profile as a number."""
    content_S = pd.factorize(np.array(fingerprints(matrix.values)))[0]
    ids = matrix.samples.index
    sets = [np.flatnonzero(content_S == content) for content in np.flatnonzero(np.bincount(content_S) > 1)]
    findings = []
    for astride in (True, False):
        those = [rows for rows in sets if (len(set(part_S[rows])) > 1) == astride]
        if those:
            where = "in more than one part" if astride else "within one part"
            examples = tuple(
                " = ".join(f"{ids[int(row)]} ({part_S[row]})" for row in rows) for rows in those[:MOST_EXAMPLES]
            )
            message = f"{len(those)} set(s) of profiles are equal to the last bit, {where}"
            findings.append(Finding("identical", message, examples, blocks=astride))
    return findings, content_S


def _near_identical(
    matrix: ExpressionMatrix, part_S: np.ndarray, config: Split, content_S: np.ndarray
) -> tuple[list[Finding], dict[str, float]]:
    """Find pairs across parts that are all but the same; exact copies are left to `_identical`."""
    log2_SG = log2_scale(matrix.values, matrix.unit)
    x_SG = log2_SG - log2_SG.mean(axis=0)
    variable = np.sort(np.argsort(-x_SG.var(axis=0), kind="stable")[:MOST_VARIABLE])
    v_SG = np.ascontiguousarray(x_SG[:, variable])
    norm_S = np.maximum(np.linalg.norm(x_SG, axis=1), 1e-12)
    square_S = (v_SG**2).sum(axis=1)
    kin_S = _codes(matrix.samples, "replicate", len(part_S))
    n_samples = len(part_S)
    usual_S = np.full(n_samples, np.inf)
    near_S, near_at_S = np.full(n_samples, np.inf), np.zeros(n_samples, dtype=np.int64)
    like_S, like_at_S = np.full(n_samples, -1.0), np.zeros(n_samples, dtype=np.int64)
    for start in range(0, n_samples, ROWS_A_BLOCK):
        rows = np.arange(start, min(start + ROWS_A_BLOCK, n_samples))
        square_RS = square_S[rows, None] + square_S - 2 * (v_SG[rows] @ v_SG.T)
        apart_RS = np.sqrt(np.maximum(square_RS, 0))
        like_RS = (x_SG[rows] @ x_SG.T) / (norm_S[rows, None] * norm_S)
        same_RS = content_S[rows, None] == content_S
        # What is usual is told by profiles that are not known to be of the same specimen.
        usual_S[rows] = np.where(same_RS | (kin_S[rows, None] == kin_S), np.inf, apart_RS).min(axis=1)
        within_RS = same_RS | (part_S[rows, None] == part_S)
        apart_RS[within_RS], like_RS[within_RS] = np.inf, -1.0
        near_at_S[rows], like_at_S[rows] = apart_RS.argmin(axis=1), like_RS.argmax(axis=1)
        near_S[rows] = apart_RS[np.arange(len(rows)), near_at_S[rows]]
        like_S[rows] = like_RS[np.arange(len(rows)), like_at_S[rows]]
    usual_S = usual_S[np.isfinite(usual_S)]
    usual = float(np.median(usual_S)) if len(usual_S) else np.inf
    relative_S = near_S / max(usual, 1e-12)
    pairs: dict[tuple[int, int], tuple[float, float]] = {}
    for row in range(n_samples):
        for other in {int(near_at_S[row]), int(like_at_S[row])}:
            if part_S[row] == part_S[other] or content_S[row] == content_S[other]:
                continue
            like = float(x_SG[row] @ x_SG[other] / (norm_S[row] * norm_S[other]))
            relative = float(np.linalg.norm(v_SG[row] - v_SG[other])) / max(usual, 1e-12)
            if like > config.near_identical or relative < config.near_distance:
                pairs[min(row, other), max(row, other)] = (like, relative)
    nearest = {"correlation": float(like_S.max()), "relative_distance": float(min(relative_S.min(), 1e9))}
    if not pairs:
        return [], nearest
    ids = matrix.samples.index
    examples = tuple(
        f"{ids[a]} ({part_S[a]}) ~ {ids[b]} ({part_S[b]}): correlation {like:.4f}, distance {relative:.2f} of the usual"
        for (a, b), (like, relative) in sorted(pairs.items(), key=lambda pair: pair[1][1])[:MOST_EXAMPLES]
    )
    message = (
        f"{len(pairs)} pair(s) of profiles across parts are near-identical: correlation above {config.near_identical:g}"
        f", or nearer than {config.near_distance:g} of the usual distance to the nearest profile"
    )
    return [Finding("near_identical", message, examples)], nearest


def _codes(samples: pd.DataFrame, column: str, n_samples: int) -> np.ndarray:
    """Give each value of a column a number; a missing one is like no other."""
    if column not in samples.columns:
        return np.arange(n_samples)
    codes_S = pd.factorize(samples[column])[0]
    return np.where(codes_S < 0, codes_S.max() + 1 + np.arange(n_samples), codes_S)


def _labels_not_in_train(samples: pd.DataFrame, part_S: np.ndarray) -> list[Finding]:
    if "label" not in samples.columns:
        return []
    label_S = samples["label"].to_numpy()
    in_train = set(label_S[part_S == "train"])
    missing = sorted({str(label) for label in label_S if label not in in_train and not pd.isna(label)})
    if not missing:
        return []
    message = f"{len(missing)} label(s) have no training profile: held-out error speaks for unseen types there"
    return [Finding("label_not_in_train", message, tuple(missing[:MOST_EXAMPLES]), blocks=False)]


def _shares(sizes: dict[str, int], config: Split) -> list[Finding]:
    """Find held-out parts that are far from what was asked, as large groups can make them."""
    total = sum(sizes.values())
    far = [
        f"{name}: {sizes[name] / total:.0%} in place of {asked:.0%}"
        for name, asked in (("validation", config.validation), ("test", config.test))
        if not 0.5 < sizes[name] / total / asked < 2
    ]
    message = "whole groups do not allow the asked shares"
    return [Finding("share", message, tuple(far), blocks=False)] if far else []

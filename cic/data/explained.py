"""How much of the variance of merged profiles goes with the study, and how much with what they are.

Axes: S samples, G genes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cic.data.matrix import ExpressionMatrix
from cic.data.units import log2_scale

MOST_SHOWN = 2000
"""Profiles in a picture, and among which neighbours are looked for; of more, every so-manieth."""


@dataclass(frozen=True)
class Share:
    """A share of the variance of labelled profiles over all genes, and what as many groups drawn at random would have.

    Attributes
    ----------
    by_chance
        Degrees of freedom over those of all profiles.
    """

    value: float
    by_chance: float


@dataclass(frozen=True)
class Explained:
    """What study and type explain: each alone, and each beyond the other (type II sums of squares).

    Attributes
    ----------
    n_profiles, n_studies, n_types, n_shared
        Profiles with a label, their studies, their types, and how many of these occur in several studies.
    neighbours
        Of profiles whose type occurs in another study: the share whose nearest profile of another study, by
        correlation, is of that type; and that of a random one.
    """

    study: Share
    type_: Share
    study_beyond_type: Share
    type_beyond_study: Share
    neighbours: Share
    n_profiles: int
    n_studies: int
    n_types: int
    n_shared: int


def explained(matrix: ExpressionMatrix) -> Explained:
    """Measure what the columns `study` and `label` explain of profiles with a label, on log2 scale."""
    label = matrix.samples.get("label", pd.Series(None, index=matrix.samples.index, dtype=object))
    known = matrix.select(np.flatnonzero(label.notna().to_numpy())) if label.notna().any() else matrix
    study_S = pd.factorize(known.samples["study"])[0]
    type_S = pd.factorize(known.samples["label"])[0] if label.notna().any() else np.zeros(known.n_samples, dtype=int)
    studies, types, both = _shares(known, [[study_S], [type_S], [study_S, type_S]])
    of = pd.Series(study_S).groupby(type_S).nunique()
    return Explained(
        studies,
        types,
        Share(both.value - types.value, both.by_chance - types.by_chance),
        Share(both.value - studies.value, both.by_chance - studies.by_chance),
        _neighbours(shown(known), known.samples),
        known.n_samples,
        int(study_S.max()) + 1,
        int(type_S.max()) + 1,
        int((of > 1).sum()),
    )


def _shares(matrix: ExpressionMatrix, factors: Sequence[Sequence[np.ndarray]]) -> list[Share]:
    """Give the share of the variance within the span of the indicators of each list of factors."""
    bases = [_basis(codes) for codes in factors]
    sums = [np.zeros((basis.shape[1], matrix.n_genes)) for basis in bases]
    squares, row = 0.0, 0
    for block_SG in matrix.blocks():
        log2_SG = log2_scale(block_SG, matrix.unit).astype(np.float64)
        squares += float((log2_SG**2).sum())
        for sum_KG, basis in zip(sums, bases, strict=True):
            sum_KG += basis[row : row + len(log2_SG)].T @ log2_SG
        row += len(log2_SG)
    # the first direction of each basis is that of the mean
    total = squares - float((sums[0][0] ** 2).sum())
    most = max(matrix.n_samples - 1, 1)
    return [
        Share(float((sum_KG[1:] ** 2).sum()) / total if total > 0 else float("nan"), (len(sum_KG) - 1) / most)
        for sum_KG in sums
    ]


def _basis(codes: Sequence[np.ndarray]) -> np.ndarray:
    """Give orthonormal columns that span the constant, which comes first, and the indicators of the codes."""
    n = len(codes[0])
    constant = np.full((n, 1), n**-0.5)
    dummies = np.concatenate([np.eye(int(code.max()) + 1)[code] for code in codes], axis=1)
    dummies -= constant @ (constant.T @ dummies)
    left, singular, _ = np.linalg.svd(dummies, full_matrices=False)
    return np.concatenate([constant, left[:, singular > 1e-9 * max(singular.max(), 1)]], axis=1)


def composition_shared(samples: pd.DataFrame, reference: str) -> dict[str, float]:
    """Give, of each other study, how much of its types is in proportion to those of the reference, 0 to 1."""
    if "label" not in samples:
        return {}
    share_TS = pd.crosstab(samples["label"], samples["study"], normalize="columns")
    others = [str(name) for name in share_TS.columns if name != reference and reference in share_TS]
    return {name: float(np.minimum(share_TS[name], share_TS[reference]).sum()) for name in others}


def shown(matrix: ExpressionMatrix) -> ExpressionMatrix:
    """Give the profiles that are shown: all, or as many as can be, evenly taken."""
    if matrix.n_samples <= MOST_SHOWN:
        return matrix
    return matrix.select(np.linspace(0, matrix.n_samples - 1, MOST_SHOWN).round().astype(int))


def _neighbours(matrix: ExpressionMatrix, all_samples: pd.DataFrame) -> Share:
    if "label" not in matrix.samples or all_samples["study"].nunique() < 2:
        return Share(float("nan"), float("nan"))
    log2_SG = log2_scale(matrix.dense(), matrix.unit).astype(np.float64)
    log2_SG -= log2_SG.mean(axis=1, keepdims=True)
    log2_SG /= np.maximum(np.linalg.norm(log2_SG, axis=1, keepdims=True), np.finfo(float).tiny)
    study_S, label_S = matrix.samples["study"].to_numpy(), matrix.samples["label"].to_numpy()
    other_SS = study_S[:, None] != study_S
    same_SS = label_S[:, None] == label_S
    nearest_S = np.where(other_SS, log2_SG @ log2_SG.T, -np.inf).argmax(axis=1)
    asked_S = (other_SS & same_SS).any(axis=1)
    if not asked_S.any():
        return Share(float("nan"), float("nan"))
    right_S = same_SS[np.arange(len(label_S)), nearest_S]
    chance_S = (other_SS & same_SS).sum(axis=1) / np.maximum(other_SS.sum(axis=1), 1)
    return Share(float(right_S[asked_S].mean()), float(chance_S[asked_S].mean()))


def components(matrix: ExpressionMatrix) -> tuple[np.ndarray, tuple[float, float]]:
    """Give the first two principal components of profiles on log2 scale (S x 2), and their shares of the variance."""
    centred_SG = log2_scale(matrix.dense(), matrix.unit).astype(np.float64)
    centred_SG -= centred_SG.mean(axis=0)
    values_S, vectors_SS = np.linalg.eigh(centred_SG @ centred_SG.T)
    first_S2 = vectors_SS[:, :-3:-1] * np.sqrt(np.maximum(values_S[:-3:-1], 0))
    first_S2 *= np.sign(first_S2[np.abs(first_S2).argmax(axis=0), np.arange(first_S2.shape[1])])
    total = max(float(values_S.sum()), np.finfo(float).tiny)
    return first_S2, (float(values_S[-1]) / total, float(values_S[-2]) / total)

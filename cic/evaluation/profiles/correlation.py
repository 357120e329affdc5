"""How measured profiles correlate over genes with what each method makes of them.

Axes: S profiles, G genes, K coordinates of the sample basis.
"""

from __future__ import annotations

import numpy as np

from cic.data.within import ranks
from cic.evaluation.profiles.preprocessed import ROWS_AT_A_TIME
from cic.evaluation.profiles.reconstruction import Projected, TypeMeans
from cic.model.basis import squared_norms
from cic.model.bundle import Bundle

MADE = ("model", "pca", "type_mean", "mean_profile")
"""What makes a whole profile, so that it can be correlated with the one that was measured."""


def row_correlations(left_SG: np.ndarray, right_SG: np.ndarray) -> np.ndarray:
    """Give the Pearson r of each row with the same row of the other; NaN where one does not vary."""
    left_SG = left_SG - left_SG.mean(axis=1, keepdims=True, dtype=np.float64)
    right_SG = right_SG - right_SG.mean(axis=1, keepdims=True, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.einsum("sg,sg->s", left_SG, right_SG) / np.sqrt(squared_norms(left_SG) * squared_norms(right_SG))


def correlations(
    bundle: Bundle, values_SG: np.ndarray, profiles: Projected, means: TypeMeans
) -> dict[str, dict[str, np.ndarray]]:
    """Correlate profiles over genes, on log2 scale, with what each method makes of them.

    The mean profile stands beside: genes differ so much in level that even it correlates highly.

    Parameters
    ----------
    values_SG
        Profiles over `bundle.genes_in`, in the unit that they were imported in.
    profiles, means
        The same in the basis, and the mean of each one's type.

    Returns
    -------
    dict
        `pearson` and `spearman`, each by the methods `MADE` (float64, S; NaN where the type has no mean).
    """
    # one row stands for all that are made alike: the mean profile first, then the types that occur
    types, row_S = np.unique(means.type_S, return_inverse=True)
    centre_RK = np.zeros((len(types) + 1, profiles.z_SK.shape[1]), dtype=np.float32)
    centre_RK[1:][types >= 0] = means.mean_LK[types[types >= 0]]
    centre_RG = bundle.preprocessor.inverse(bundle.basis.lift(centre_RK))
    centre_rank_RG = ranks(centre_RG)
    blocks = []
    for start in range(0, len(values_SG), ROWS_AT_A_TIME):
        rows = slice(start, start + ROWS_AT_A_TIME)
        log2_SG = bundle.preprocessor.measured(values_SG[rows])
        rank_SG = ranks(log2_SG)
        own = {
            "type_mean": (centre_RG, centre_rank_RG, row_S.reshape(-1)[rows] + 1),
            "mean_profile": (centre_RG, centre_rank_RG, np.zeros(len(log2_SG), dtype=np.int64)),
        }
        for name, z_SK in (("model", profiles.reconstruction_SK), ("pca", profiles.pca_reconstruction_SK)):
            made_SG = bundle.preprocessor.inverse(bundle.basis.lift(z_SK[rows]))
            own[name] = (made_SG, ranks(made_SG), np.arange(len(log2_SG)))
        blocks.append(
            {
                "pearson": {name: row_correlations(log2_SG, own[name][0][own[name][2]]) for name in MADE},
                "spearman": {name: row_correlations(rank_SG, own[name][1][own[name][2]]) for name in MADE},
            }
        )
    found = {
        kind: {name: np.concatenate([block[kind][name] for block in blocks]) for name in MADE}
        for kind in ("pearson", "spearman")
    }
    for by_method in found.values():
        by_method["type_mean"][means.type_S < 0] = np.nan
    return found


def median(values_S: np.ndarray) -> float:
    """Give the median of the known values; NaN if there are none."""
    known_S = values_S[np.isfinite(values_S)]
    return float(np.median(known_S)) if len(known_S) else float("nan")

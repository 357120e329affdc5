"""How well profiles are reproduced: model, PCA of equal width, mean profile and span ceiling, profile by profile.

Axes: S profiles, G genes, K coordinates of the sample basis, W code, L labels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from cic.evaluation.intervals import Interval, Resampling, ratio_interval, ratio_intervals, root
from cic.model.bundle import Bundle

ROWS_AT_A_TIME = 256
METHODS = ("model", "pca", "mean_profile", "span_ceiling")


@dataclass(frozen=True)
class Projected:
    """Profiles in the model's basis, with the codes and reconstructions of both model and PCA.

    Attributes
    ----------
    z_SK, reconstruction_SK
        Coordinates of the profiles and of the model's reconstructions, float32, in units of the basis.
    code_SW
        Cell identity codes.
    outside_S, total_S
        Squared norm outside the training span, and squared distance from the training mean (preprocessed genes).
    scale
        Of the basis: a squared distance of coordinates times its square is one of profiles.
    n_genes
        Genes modelled.
    """

    z_SK: np.ndarray
    reconstruction_SK: np.ndarray
    code_SW: np.ndarray
    outside_S: np.ndarray
    total_S: np.ndarray
    scale: float
    n_genes: int

    @property
    def pca_code_SW(self) -> np.ndarray:
        """What PCA of equal width makes of the profiles: the first coordinates of the basis."""
        return self.z_SK[:, : self.code_SW.shape[1]]

    @property
    def pca_reconstruction_SK(self) -> np.ndarray:
        """The reconstructions of PCA of equal width."""
        pca_SK = np.zeros_like(self.z_SK)
        pca_SK[:, : self.code_SW.shape[1]] = self.pca_code_SW
        return pca_SK

    def select(self, keep_S: np.ndarray) -> Projected:
        """Give the profiles at the positions, or under the mask, `keep_S`."""
        return Projected(
            self.z_SK[keep_S],
            self.reconstruction_SK[keep_S],
            self.code_SW[keep_S],
            self.outside_S[keep_S],
            self.total_S[keep_S],
            self.scale,
            self.n_genes,
        )


def project(bundle: Bundle, values_SG: np.ndarray) -> Projected:
    """Encode and reconstruct profiles (in the model's unit, over its `genes_in`) in the basis, block by block."""
    blocks = [values_SG[start : start + ROWS_AT_A_TIME] for start in range(0, len(values_SG), ROWS_AT_A_TIME)]
    z_SK, outside_S = (np.concatenate(parts) for parts in zip(*map(bundle.project, blocks), strict=True))
    code_SW = np.concatenate([bundle.encode(block) for block in blocks])
    scale = float(bundle.basis.scale)
    total_S = squared(z_SK) * scale**2 + outside_S
    return Projected(z_SK, bundle.decode_basis(code_SW), code_SW, outside_S, total_S, scale, len(bundle.genes))


def squared(rows_SX: np.ndarray) -> np.ndarray:
    """Give each row's squared norm in float64."""
    return np.einsum("sx,sx->s", rows_SX, rows_SX, dtype=np.float64)


def squared_errors(profiles: Projected) -> dict[str, np.ndarray]:
    """Give each profile's squared error over the preprocessed genes, by method (float64, S)."""
    width = profiles.code_SW.shape[1]
    unit = profiles.scale**2
    return {
        "model": squared(profiles.reconstruction_SK - profiles.z_SK) * unit + profiles.outside_S,
        "pca": squared(profiles.z_SK[:, width:]) * unit + profiles.outside_S,
        "mean_profile": profiles.total_S,
        "span_ceiling": profiles.outside_S,
    }


def unexplained(errors: dict[str, np.ndarray], plan: Resampling) -> dict[str, Interval]:
    """Give the unexplained variance by method: squared error over squared distance from the training mean."""
    return {name: ratio_interval(error_S, errors["mean_profile"], plan) for name, error_S in errors.items()}


def root_mean_squares(errors: dict[str, np.ndarray], n_genes: int, plan: Resampling) -> dict[str, Interval]:
    """Give the root mean squared error a gene by method, in preprocessed units (log2 unless scaled)."""
    return {
        name: root(ratio_interval(error_S, np.full(len(error_S), float(n_genes)), plan))
        for name, error_S in errors.items()
    }


def by_label(errors: dict[str, np.ndarray], label_S: pd.Series, plan: Resampling) -> pd.DataFrame:
    """Give unexplained variance and its ratio to PCA's with an interval, a row a label.

    Returns
    -------
    pandas.DataFrame
        Columns label, n, unexplained_model, unexplained_pca, ratio_to_pca, low, high, sorted by label.
    """
    names = sorted(label_S.dropna().astype(str).unique())
    if not names:
        return pd.DataFrame(
            columns=["label", "n", "unexplained_model", "unexplained_pca", "ratio_to_pca", "low", "high"]
        )
    member_SL = np.stack([(label_S.astype(str) == name).to_numpy() & label_S.notna().to_numpy() for name in names], 1)
    ratios = ratio_intervals(errors["model"][:, None] * member_SL, errors["pca"][:, None] * member_SL, plan)
    rows = []
    for index, (name, ratio) in enumerate(zip(names, ratios, strict=True)):
        own_S = member_SL[:, index]
        total = errors["mean_profile"][own_S].sum()
        rows.append(
            {
                "label": name,
                "n": int(own_S.sum()),
                "unexplained_model": errors["model"][own_S].sum() / total,
                "unexplained_pca": errors["pca"][own_S].sum() / total,
                "ratio_to_pca": ratio.value,
                "low": ratio.low,
                "high": ratio.high,
            }
        )
    return pd.DataFrame(rows)


def row_correlations(left_SG: np.ndarray, right_SG: np.ndarray) -> np.ndarray:
    """Give the Pearson r of each row with the same row of the other; NaN where one does not vary."""
    left_SG = left_SG - left_SG.mean(axis=1, keepdims=True, dtype=np.float64)
    right_SG = right_SG - right_SG.mean(axis=1, keepdims=True, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.einsum("sg,sg->s", left_SG, right_SG) / np.sqrt(squared(left_SG) * squared(right_SG))


def median_correlations(bundle: Bundle, values_SG: np.ndarray, profiles: Projected) -> dict[str, float]:
    """Give the median Pearson r over genes, on log2 scale, between profiles and what each method makes of them.

    The mean profile stands beside: genes differ so much in level that even it correlates highly.
    """
    made = {
        "model": profiles.reconstruction_SK,
        "pca": profiles.pca_reconstruction_SK,
        "mean_profile": np.zeros_like(profiles.z_SK),
    }
    found: dict[str, list[np.ndarray]] = {name: [] for name in made}
    for start in range(0, len(values_SG), ROWS_AT_A_TIME):
        rows = slice(start, start + ROWS_AT_A_TIME)
        log2_SG = bundle.preprocessor.inverse(bundle.preprocessor.transform(values_SG[rows]))
        for name, z_SK in made.items():
            found[name].append(row_correlations(log2_SG, bundle.preprocessor.inverse(bundle.basis.lift(z_SK[rows]))))
    return {name: float(np.nanmedian(np.concatenate(parts))) for name, parts in found.items()}

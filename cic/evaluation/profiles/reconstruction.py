"""How well profiles are reproduced: model, PCA of equal width, mean profile and span ceiling, profile by profile.

The mean of the type stands beside them where there are labels: what somebody would say who knows only the cell type.

Axes: S profiles, G genes, K coordinates of the sample basis, W code, L labels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from cic.evaluation.profiles.preprocessed import ROWS_AT_A_TIME
from cic.evaluation.statistics.intervals import Interval, Resampling, ratio_interval, ratio_intervals, root
from cic.model.basis import squared_norms
from cic.model.bundle import Bundle

METHODS = ("model", "pca", "mean_profile", "span_ceiling")
BY_LABEL = (
    "label", "n", "unexplained_model", "unexplained_pca", "unexplained_type_mean", "ratio_to_pca", "low", "high",
    "rmse_model", "rmse_pca", "rmse_type_mean",
)  # fmt: skip


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


def project(bundle: Bundle, x_SG: np.ndarray) -> Projected:
    """Encode and reconstruct preprocessed profiles in the basis, block by block."""
    blocks = [
        bundle.basis.project(x_SG[start : start + ROWS_AT_A_TIME]) for start in range(0, len(x_SG), ROWS_AT_A_TIME)
    ]
    z_SK, outside_S = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
    code_SW = np.concatenate([bundle.encode_basis(z_BK) for z_BK, _ in blocks])
    scale = float(bundle.basis.scale)
    total_S = squared_norms(z_SK) * scale**2 + outside_S
    return Projected(z_SK, bundle.decode_basis(code_SW), code_SW, outside_S, total_S, scale, len(bundle.genes))


def squared_errors(profiles: Projected) -> dict[str, np.ndarray]:
    """Give each profile's squared error over the preprocessed genes, by method (float64, S)."""
    width = profiles.code_SW.shape[1]
    unit = profiles.scale**2
    return {
        "model": squared_norms(profiles.reconstruction_SK - profiles.z_SK) * unit + profiles.outside_S,
        "pca": squared_norms(profiles.z_SK[:, width:]) * unit + profiles.outside_S,
        "mean_profile": profiles.total_S,
        "span_ceiling": profiles.outside_S,
    }


def errors_over(bundle: Bundle, profiles: Projected, x_SG: np.ndarray, present_G: np.ndarray) -> dict[str, np.ndarray]:
    """Give each profile's squared error over some of the preprocessed genes, by method (float64, S).

    Parameters
    ----------
    x_SG
        The preprocessed profiles that were projected.
    """
    there_KG = bundle.basis.components_GK[present_G].T * np.float32(profiles.scale)
    given_SG = x_SG[:, present_G]
    made = {"model": profiles.reconstruction_SK, "pca": profiles.pca_reconstruction_SK, "span_ceiling": profiles.z_SK}
    errors = {name: squared_norms(made_SK @ there_KG - given_SG) for name, made_SK in made.items()}
    return {**errors, "mean_profile": squared_norms(given_SG)}


def unexplained(errors: dict[str, np.ndarray], plan: Resampling) -> dict[str, Interval]:
    """Give the unexplained variance by method: squared error over squared distance from the training mean."""
    return {name: ratio_interval(error_S, errors["mean_profile"], plan) for name, error_S in errors.items()}


def root_mean_squares(errors: dict[str, np.ndarray], n_genes: int, plan: Resampling) -> dict[str, Interval]:
    """Give the root mean squared error a gene by method, in preprocessed units (log2 unless scaled)."""
    return {
        name: root(ratio_interval(error_S, np.full(len(error_S), float(n_genes)), plan))
        for name, error_S in errors.items()
    }


@dataclass(frozen=True)
class TypeMeans:
    """Mean training profile of each cell type, in the basis.

    Attributes
    ----------
    mean_LK
        A row a type that was trained on, float32.
    type_S
        Row of each profile's type; -1 without label, or with one that no training profile has.
    """

    mean_LK: np.ndarray
    type_S: np.ndarray

    def select(self, keep_S: np.ndarray) -> TypeMeans:
        """Give the profiles at the positions, or under the mask, `keep_S`."""
        return TypeMeans(self.mean_LK, self.type_S[keep_S])


def type_means(profiles: Projected, label_S: pd.Series, train_S: np.ndarray) -> TypeMeans:
    """Average the training profiles of each label; `label_S` and `train_S` are of all profiles."""
    names = sorted(label_S[train_S].dropna().astype(str).unique())
    # of a missing label the text is no name either
    type_S = np.where(label_S.notna(), pd.Index(names).get_indexer(pd.Index(label_S.astype(str))), -1)
    mean_LK = np.zeros((len(names), profiles.z_SK.shape[1]), dtype=np.float32)
    for row in range(len(names)):
        mean_LK[row] = profiles.z_SK[train_S & (type_S == row)].mean(axis=0, dtype=np.float64)
    return TypeMeans(mean_LK, type_S)


def type_mean_errors(profiles: Projected, means: TypeMeans) -> np.ndarray:
    """Give each profile's squared error (float64, S) if the mean of its type stood for it; NaN where there is none."""
    known_S = means.type_S >= 0
    error_S = np.full(len(known_S), np.nan)
    apart_SK = means.mean_LK[means.type_S[known_S]] - profiles.z_SK[known_S]
    error_S[known_S] = squared_norms(apart_SK) * profiles.scale**2 + profiles.outside_S[known_S]
    return error_S


def over_known(errors: dict[str, np.ndarray], n_genes: int, plan: Resampling) -> dict[str, Interval]:
    """Compare the mean of the type with the others, over the profiles that it is known for (at least one).

    Returns
    -------
    dict
        Its `unexplained_variance` and `rmse`, and the model's unexplained variance over its own, `ratio`.
    """
    known_S = np.isfinite(errors["type_mean"])
    error_S, model_S, total_S = (
        np.where(known_S, errors[name], 0.0) for name in ("type_mean", "model", "mean_profile")
    )
    return {
        "unexplained_variance": ratio_interval(error_S, total_S, plan),
        "rmse": root(ratio_interval(error_S, float(n_genes) * known_S, plan)),
        "ratio": ratio_interval(model_S, error_S, plan),
    }


def by_label(errors: dict[str, np.ndarray], label_S: pd.Series, n_genes: int, plan: Resampling) -> pd.DataFrame:
    """Give errors and the ratio to PCA's with an interval, a row a label.

    Parameters
    ----------
    errors
        Squared errors by method, `type_mean` (NaN where there is none) among them.

    Returns
    -------
    pandas.DataFrame
        Columns `BY_LABEL`, sorted by label: unexplained variance and root mean squared error a gene of model, PCA and
        mean of the type, and the first over the second of the former with its interval.
    """
    names = sorted(label_S.dropna().astype(str).unique())
    if not names:
        return pd.DataFrame(columns=list(BY_LABEL))
    member_SL = np.stack([(label_S.astype(str) == name).to_numpy() & label_S.notna().to_numpy() for name in names], 1)
    ratios = ratio_intervals(errors["model"][:, None] * member_SL, errors["pca"][:, None] * member_SL, plan)
    rows = []
    for index, (name, ratio) in enumerate(zip(names, ratios, strict=True)):
        subset_S = member_SL[:, index]
        sums = {kind: error_S[subset_S].sum() for kind, error_S in errors.items()}
        shown = ("model", "pca", "type_mean")
        rows.append(
            {
                "label": name,
                "n": int(subset_S.sum()),
                **{f"unexplained_{kind}": sums[kind] / sums["mean_profile"] for kind in shown},
                "ratio_to_pca": ratio.value,
                "low": ratio.low,
                "high": ratio.high,
                **{f"rmse_{kind}": (sums[kind] / subset_S.sum() / n_genes) ** 0.5 for kind in shown},
            }
        )
    return pd.DataFrame(rows, columns=list(BY_LABEL))

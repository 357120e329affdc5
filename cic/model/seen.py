"""Profiles as a model sees them: completed, encoded and made again, in one pass.

Axes: S samples, G genes, K coordinates, W numbers of the code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cic.model.basis import squared_norms

if TYPE_CHECKING:
    from cic.model.bundle import Bundle


@dataclass(frozen=True)
class Seen:
    """What a model makes of profiles.

    Attributes
    ----------
    z_SK, outside_S, code_SW
        The coordinates, the squared norms outside of the basis (float64), and the codes.
    error_S
        Mean squared reconstruction error over the modelled genes (float64). Where genes are missing: over those that
        are there, times what held-out profiles have over all genes for each unit of it over these.
    unexplained_S
        Squared error over squared distance from the training mean, over the genes that are there.
    coverage, error_factor
        As `cic.model.missing_genes.Inference` has them; 1 where no gene is missing.
    """

    z_SK: np.ndarray
    outside_S: np.ndarray
    code_SW: np.ndarray
    error_S: np.ndarray
    unexplained_S: np.ndarray
    coverage: float = 1.0
    error_factor: float = 1.0


def seen(bundle: Bundle, values_SG: np.ndarray) -> Seen:
    """Look at profiles, samples x `genes_in` as `Bundle.align` gives them."""
    given_SG = bundle.preprocessor.transform(values_SG)
    x_SG, inferred = bundle.completed(given_SG)
    z_SK, outside_S = bundle.basis.project(x_SG)
    code_SW = bundle.encode_basis(z_SK)
    made_SK = bundle.decode_basis(code_SW)
    n_genes = x_SG.shape[1]
    if inferred is None:
        error_S = (squared_norms(made_SK - z_SK) * bundle.basis.scale**2 + outside_S) / n_genes
        return Seen(z_SK, outside_S, code_SW, error_S, _share(error_S, squared_norms(x_SG) / n_genes))
    assert bundle.reference is not None, "nothing is inferred without one"
    present_G = inferred.present_G
    made_SG = (made_SK * np.float32(bundle.basis.scale)) @ bundle.basis.components_GK[present_G].T
    error_S = squared_norms(given_SG[:, present_G] - made_SG) / present_G.sum()
    total_S = squared_norms(given_SG[:, present_G]) / present_G.sum()
    usual_G = bundle.reference.error_G.astype(np.float64)
    to_all = float(usual_G.mean() / usual_G[present_G].mean())
    share_S, error_S = _share(error_S, total_S), error_S * to_all
    return Seen(z_SK, outside_S, code_SW, error_S, share_S, inferred.coverage, inferred.error_factor)


def _share(error_S: np.ndarray, total_S: np.ndarray) -> np.ndarray:
    return np.divide(error_S, total_S, out=np.ones(len(error_S)), where=total_S > 0)

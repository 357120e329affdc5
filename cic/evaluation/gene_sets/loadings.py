"""What each number of a code does to each gene.

Through the decoder: its derivative at the data, averaged over profiles, since weights of a first layer say nothing
about what comes out of the last. For codes without a decoder: the regression of genes on the code. Both are changes
of the preprocessed genes (log2 where nothing is scaled) when the number rises by one standard deviation.

Axes: S profiles, G genes, K coordinates of a sample basis, Y coordinates of all profiles, W code, B batch.
"""

from __future__ import annotations

import numpy as np
import torch

from cic.evaluation.retrainings.jacobian import ROWS_AT_A_TIME
from cic.model.autoencoder import Autoencoder
from cic.model.bundle import Bundle


@torch.inference_mode()
def constancy(network: Autoencoder, code_SW: np.ndarray, mean_KW: np.ndarray) -> np.ndarray:
    """Give, for each number, the median over profiles of the cosine between its own derivative and the mean one (W).

    At 1 the number does the same to every profile, and one vector of loadings says it all.
    """
    cosine_SW = []
    for code_BW in torch.from_numpy(code_SW).split(ROWS_AT_A_TIME):
        own_BKW = network.decoder_jacobian(code_BW).numpy().astype(np.float64)
        norm_BW = np.linalg.norm(own_BKW, axis=1) * np.linalg.norm(mean_KW, axis=0)
        cosine_SW.append(np.einsum("bkw,kw->bw", own_BKW, mean_KW) / np.maximum(norm_BW, 1e-30))
    return np.median(np.concatenate(cosine_SW), axis=0)


def decoder_loadings(bundle: Bundle, code_SW: np.ndarray, mean_KW: np.ndarray) -> np.ndarray:
    """Give the loadings of the bundle's code, G x W, from its mean derivative over the profiles of `code_SW`."""
    step_KW = mean_KW * code_SW.std(axis=0, dtype=np.float64)
    return bundle.basis.lift(step_KW.T.astype(np.float32)).T.astype(np.float64)


def retrained_effects(x_SG: np.ndarray, y_SY: np.ndarray, mean_YW: np.ndarray) -> np.ndarray:
    """Give what each number of a retrained code does to each gene, G x W, from the same in coordinates of all profiles.

    Where the basis of all profiles is exact, x = y Vᵀ, so that V is xᵀ y (yᵀ y)⁻¹ and need not be kept.

    Parameters
    ----------
    x_SG, y_SY
        All profiles: preprocessed genes, and `Coordinates.y_SY`.
    mean_YW
        `Retrained.mean_jacobian_YW`.
    """
    y_SY = y_SY.astype(np.float64)
    weight_SW = y_SY @ np.linalg.solve(y_SY.T @ y_SY, mean_YW)
    return (x_SG.T @ weight_SW.astype(np.float32)).astype(np.float64)


def regression_loadings(x_SG: np.ndarray, code_SW: np.ndarray) -> np.ndarray:
    """Give the least-squares coefficients of genes on a standardised code, G x W, over the given profiles."""
    centred_SW = code_SW.astype(np.float64) - code_SW.mean(axis=0, dtype=np.float64)
    spread_W = centred_SW.std(axis=0)
    inverse_WS = np.linalg.pinv(centred_SW / np.where(spread_W > 0, spread_W, 1.0))
    # each row of the inverse sums to 0, so that the genes need no centring
    return (inverse_WS.astype(np.float32) @ x_SG).T.astype(np.float64)

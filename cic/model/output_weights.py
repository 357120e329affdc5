"""The decoder's output weights, which ridge regression gives, and the targets that stand for all coordinates.

Axes: S samples, B batch, K coordinates of the basis, R the rest of them, T targets, F decoder features.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from cic.model.architecture import Architecture
from cic.model.autoencoder import Autoencoder
from cic.model.definite import cholesky

PROFILES_AT_ONCE = 16_384
"""Of which the normal equations of the output weights are taken; the sums over more are accumulated in float64."""
RIDGE_START = (1.0, 0.02)
"""Penalties to begin with: of hidden features, and of code and constant."""


def sketch(n_inputs: int, exact: int, combinations: int, draw: torch.Generator) -> Tensor | None:
    """Draw the random combinations mix_RC that stand for all coordinates but the first `exact`; `None` where all stay.

    A residual is linear in its targets, so the expected squared residual of the combinations is that of the
    coordinates (Johnson and Lindenstrauss 1984). The tail of the basis matters: without it training overfits the first
    components.
    """
    rest = n_inputs - exact
    if not exact or rest <= combinations:
        return None
    return torch.randn(rest, combinations, generator=draw, device=draw.device)


def sketched(z_BK: Tensor, exact: int, mix_RC: Tensor | None) -> Tensor:
    """Give fewer targets with the same expected squared error: coordinates, and combinations from `sketch`."""
    if mix_RC is None:
        return z_BK
    return torch.cat([z_BK[..., :exact], z_BK[..., exact:] @ mix_RC / mix_RC.shape[-1] ** 0.5], dim=-1)


def log_ridge_start(device: str = "cpu") -> Tensor:
    """Give the logarithms of the penalties to begin with, to be trained."""
    return torch.tensor([math.log(start) for start in RIDGE_START], device=device, requires_grad=True)


def penalties(log_ridge_2: Tensor, architecture: Architecture) -> Tensor:
    """Give the penalty of each decoder feature: one for the hidden ones, one for code and constant."""
    ridge_2 = log_ridge_2.exp()
    sizes = (architecture.hidden_width, architecture.bottleneck_width + 1)
    return torch.cat(
        [ridge_2[..., at : at + 1].expand(*ridge_2.shape[:-1], size) for at, size in enumerate(sizes)], dim=-1
    )


def weighted(value_SK: Tensor, root_S: Tensor | None) -> Tensor:
    """Give rows times the square root of their weight, so that squares count by it; as they are where all are alike."""
    return value_SK if root_S is None else value_SK * root_S[..., None]


def ridge_weights(
    features_of: Callable[[Tensor], Tensor], z_SK: Tensor, penalty_F: Tensor, root_S: Tensor | None = None
) -> Tensor:
    """Give the weights w_FK of the ridge regression of all profiles on their features, whose products are summed.

    Features and penalties may have a leading axis of as many regressions.

    Parameters
    ----------
    root_S
        Square root of the weight of each profile; `None` where all count the same.
    """
    normal_FF = torch.diag_embed(penalty_F.double())
    product_FK = normal_FF.new_zeros(*penalty_F.shape, z_SK.shape[1])
    for at in range(0, len(z_SK), PROFILES_AT_ONCE):
        rows = slice(at, at + PROFILES_AT_ONCE)
        root_B = None if root_S is None else root_S[rows]
        feature_BF, z_BK = weighted(features_of(z_SK[rows]), root_B), weighted(z_SK[rows], root_B)
        normal_FF += (feature_BF.mT @ feature_BF).double()
        product_FK += (feature_BF.mT @ z_BK).double()
    return torch.cholesky_solve(product_FK, cholesky(normal_FF)).to(z_SK.dtype)


@torch.no_grad()
def solve_output_weights(network: Autoencoder, z_SK: Tensor, log_ridge_2: Tensor, root_S: Tensor | None = None) -> None:
    """Set the decoder's output weights by ridge regression on all training profiles."""

    def features_of(z_BK: Tensor) -> Tensor:
        return network.decoder_features(network.encode_once(z_BK))

    network.set_output_weights(ridge_weights(features_of, z_SK, penalties(log_ridge_2, network.architecture), root_S))

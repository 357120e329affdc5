"""The decoder's output weights, which ridge regression gives, and the targets that stand for all coordinates.

Axes: S samples, B batch, K coordinates of the basis, R the rest of them, T targets, F decoder features.
"""

from __future__ import annotations

import torch
from torch import Tensor

from cic.model.autoencoder import Autoencoder
from cic.model.definite import cholesky

PROFILES_AT_ONCE = 16_384
"""Of which the normal equations of the output weights are taken; the sums over more are accumulated in float64."""
RIDGE_START = (1.0, 0.02)
"""Penalties to begin with: of hidden features, and of code and constant."""


def sketched(z_BK: Tensor, exact: int, combinations: int, draw: torch.Generator) -> Tensor:
    """Give fewer targets with the same expected squared error.

    The first `exact` coordinates stay; the others are replaced by random combinations of them. A residual is linear in
    its targets, so the expected squared residual of the combinations is that of the coordinates (Johnson and
    Lindenstrauss 1984). The tail of the basis matters: without it training overfits the first components.
    """
    rest = z_BK.shape[1] - exact
    if not exact or rest <= combinations:
        return z_BK
    mix_RC = torch.randn(rest, combinations, generator=draw, device=z_BK.device, dtype=z_BK.dtype)
    return torch.cat([z_BK[:, :exact], z_BK[:, exact:] @ mix_RC / combinations**0.5], dim=1)


def penalties(log_ridge_2: Tensor, network: Autoencoder) -> Tensor:
    """Give the penalty of each decoder feature: one for the hidden ones, one for code and constant."""
    architecture = network.architecture
    ridge_2 = log_ridge_2.exp()
    return torch.cat(
        [ridge_2[0].expand(architecture.hidden_width), ridge_2[1].expand(architecture.bottleneck_width + 1)]
    )


@torch.no_grad()
def solve_output_weights(network: Autoencoder, z_SK: Tensor, log_ridge_2: Tensor) -> None:
    """Set the decoder's output weights by ridge regression on all training profiles, whose products are summed."""
    normal_FF = torch.diag(penalties(log_ridge_2, network).double())
    product_FK = normal_FF.new_zeros(len(normal_FF), z_SK.shape[1])
    for z_BK in z_SK.split(PROFILES_AT_ONCE):
        feature_BF = network.decoder_features(network.encode_once(z_BK))
        normal_FF += (feature_BF.T @ feature_BF).double()
        product_FK += (feature_BF.T @ z_BK).double()
    network.set_output_weights(torch.cholesky_solve(product_FK, cholesky(normal_FF)).float())

"""The decoder's output weights, which ridge regression gives, and the targets that stand for all coordinates.

Axes: S samples, B batch, K coordinates of the basis, R the rest of them, T targets, F decoder features, U groups with a
shift, D regressors: features and shifts, P kinds of penalty.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from cic.model.architecture import Architecture
from cic.model.autoencoder import Autoencoder
from cic.model.definite import cholesky
from cic.model.shifts import with_shifts

PROFILES_AT_ONCE = 16_384
"""Of which the normal equations of the output weights are taken; the sums over more are accumulated in float64."""
RIDGE_START = (1.0, 0.02, 10.0)
"""Penalties to begin with: of hidden features, of code and constant, and of the shifts of groups."""


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


def log_ridge_start(members: int = 1, device: str = "cpu") -> Tensor:
    """Give the logarithms of the penalties to begin with, to be trained.

    That of hidden features grows with the members that these are of: all together may add as much as those of one.
    """
    hidden, *others = RIDGE_START
    return torch.tensor([math.log(start) for start in (hidden * members, *others)], device=device, requires_grad=True)


def penalties(log_ridge_P: Tensor, architecture: Architecture, n_shifts: int) -> Tensor:
    """Give the penalty of each regressor: one for hidden features, one for code and constant, one for shifts."""
    ridge_P = log_ridge_P.exp()
    sizes = (architecture.hidden_width, architecture.bottleneck_width + 1, n_shifts)
    return torch.cat(
        [ridge_P[..., at : at + 1].expand(*ridge_P.shape[:-1], size) for at, size in enumerate(sizes)], dim=-1
    )


def weighted(value_SK: Tensor, root_S: Tensor | None) -> Tensor:
    """Give rows times the square root of their weight, so that squares count by it; as they are where all are alike."""
    return value_SK if root_S is None else value_SK * root_S[..., None]


def ridge_weights(
    features_of: Callable[[Tensor], Tensor],
    z_SK: Tensor,
    shift_SU: Tensor,
    penalty_D: Tensor,
    root_S: Tensor | None = None,
) -> Tensor:
    """Give the weights w_FK of the ridge regression of all profiles on their features, whose products are summed.

    Features and penalties may have a leading axis of as many regressions.

    Parameters
    ----------
    shift_SU
        From `shift_columns`: regressors beside the features, whose weights are not given, as nothing to come has them.
    penalty_D
        Of features and shifts.
    root_S
        Square root of the weight of each profile; `None` where all count the same.
    """
    normal_DD = torch.diag_embed(penalty_D.double())
    product_DK = normal_DD.new_zeros(*penalty_D.shape, z_SK.shape[1])
    for at in range(0, len(z_SK), PROFILES_AT_ONCE):
        rows = slice(at, at + PROFILES_AT_ONCE)
        root_B = None if root_S is None else root_S[rows]
        regressor_BD = weighted(with_shifts(features_of(z_SK[rows]), shift_SU[rows]), root_B)
        normal_DD += (regressor_BD.mT @ regressor_BD).double()
        product_DK += (regressor_BD.mT @ weighted(z_SK[rows], root_B)).double()
    weight_DK = torch.cholesky_solve(product_DK, cholesky(normal_DD)).to(z_SK.dtype)
    return weight_DK[..., : penalty_D.shape[-1] - shift_SU.shape[1], :]


@torch.no_grad()
def solve_output_weights(
    network: Autoencoder, z_SK: Tensor, shift_SU: Tensor, log_ridge_P: Tensor, root_S: Tensor | None = None
) -> None:
    """Set the decoder's output weights by ridge regression on all training profiles."""

    def features_of(z_BK: Tensor) -> Tensor:
        return network.decoder_features(network.encode_once(z_BK))

    penalty_D = penalties(log_ridge_P, network.architecture, shift_SU.shape[1])
    network.set_output_weights(ridge_weights(features_of, z_SK, shift_SU, penalty_D, root_S))

"""The error of ridge regression on groups it was not fitted to, and the gradient of that error, in closed form.

With features phi (scaled so that the penalty is 1), H = phi (phiᵀ phi + I)^-1 phiᵀ and residuals r = (I - H) t, the
rows u of a group have, when the regression is fitted to all other rows, the residuals e_u = (I - H_uu)^-1 r_u: the
PRESS statistic of Allen (1974), for groups. Writing v_u = (I - H_uu)^-1 e_u and g = 2 v, the squared error changes by

    dL/dH = -g tᵀ + the blocks g_u e_uᵀ,    dL/dphi = (I - H) (dL/dH + its transpose) G,    G = H phi^+ = phi A^-1.

Automatic differentiation comes to the same through the Cholesky factor, at three times the cost.

Axes: B rows, F features, T targets, U groups, M members of the largest group.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from cic.model.definite import cholesky

LEAST_MISS = 1e-6
"""Share of itself that a row left out is taken to miss at least: float32 knows no less."""


def left_out_error(feature_BF: Tensor, target_BT: Tensor, ridge_F: Tensor, group_B: Tensor) -> Tensor:
    """Give the sum of squared errors on each group of rows when ridge regression is fitted to all other groups.

    Parameters
    ----------
    feature_BF
        Regressors.
    target_BT
        What they are to reproduce; no gradient goes there.
    ridge_F
        Penalty of each regressor, above 0.
    group_B
        Number of the group that each row belongs to.

    Returns
    -------
    Tensor
        A scalar, differentiable by features and penalties; not finite where the features are not.
    """
    member_UM, present_UM = group_members(group_B.cpu())
    scaled_BF = feature_BF * ridge_F.rsqrt()
    return _LeftOutError.apply(scaled_BF, target_BT, member_UM.to(feature_BF.device), present_UM.to(feature_BF.device))


def group_members(group_B: Tensor) -> tuple[Tensor, Tensor]:
    """Give the rows of each group, padded to the largest: positions (U, M) and which of them are rows (U, M)."""
    _, number_B, count_U = torch.unique(group_B, return_inverse=True, return_counts=True)
    order_B = torch.argsort(number_B, stable=True)
    start_U = torch.cumsum(count_U, 0) - count_U
    column_B = torch.arange(len(group_B)) - start_U[number_B[order_B]]
    member_UM = torch.zeros(len(count_U), int(count_U.max()), dtype=torch.int64)
    present_UM = torch.zeros_like(member_UM, dtype=torch.bool)
    member_UM[number_B[order_B], column_B] = order_B
    present_UM[number_B[order_B], column_B] = True
    return member_UM, present_UM


class _LeftOutError(torch.autograd.Function):
    """The error; its gradient is worked out along with it, since training always wants both."""

    @staticmethod
    def forward(ctx: Any, phi_BF: Tensor, target_BT: Tensor, member_UM: Tensor, present_UM: Tensor) -> Tensor:
        n_rows, n_features = phi_BF.shape
        more_rows = n_features < n_rows
        normal = phi_BF.T @ phi_BF if more_rows else phi_BF @ phi_BF.T
        normal.diagonal().add_(1)
        inverse = torch.cholesky_inverse(cholesky(normal))
        g_BF = phi_BF @ inverse if more_rows else inverse @ phi_BF

        def without_fit(x: Tensor) -> Tensor:
            """Multiply by I - H."""
            return x - phi_BF @ (g_BF.T @ x) if more_rows else inverse @ x

        residual_BT = without_fit(target_BT)
        if member_UM.shape[1] == 1:
            # a row that only itself explains misses nothing, but for rounding
            miss_B1 = (1 - (phi_BF * g_BF).sum(dim=1, keepdim=True)).clamp(min=LEAST_MISS)
            error_BT = residual_BT / miss_B1
            slope_BT = 2 * error_BT / miss_B1
            change_BF = (2 * (slope_BT * error_BT).sum(dim=1, keepdim=True)) * g_BF
        else:
            error_BT, slope_BT, change_BF = _grouped(phi_BF, g_BF, residual_BT, member_UM, present_UM)
        change_BF -= slope_BT @ (target_BT.T @ g_BF)
        change_BF -= target_BT @ (slope_BT.T @ g_BF)
        ctx.save_for_backward(without_fit(change_BF))
        return error_BT.square().sum()

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        (gradient_BF,) = ctx.saved_tensors
        return grad_outputs[0] * gradient_BF, None, None, None


def _grouped(
    phi_BF: Tensor, g_BF: Tensor, residual_BT: Tensor, member_UM: Tensor, present_UM: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Give left-out errors, their slope 2 v, and the groups' part of (dL/dH + transpose) G."""
    here_UM1 = present_UM[:, :, None]
    g_UMF = g_BF[member_UM] * here_UM1
    miss_UMM = -(phi_BF[member_UM] @ g_UMF.mT) * here_UM1
    miss_UMM.diagonal(dim1=1, dim2=2).add_(1)
    # H is symmetric but for rounding
    factor_UMM = cholesky((miss_UMM + miss_UMM.mT) / 2)
    error_UMT = torch.cholesky_solve(residual_BT[member_UM] * here_UM1, factor_UMM)
    slope_UMT = 2 * torch.cholesky_solve(error_UMT, factor_UMM)
    both_UMM = slope_UMT @ error_UMT.mT
    change_UMF = (both_UMM + both_UMM.mT) @ g_UMF

    def rows(x_UMX: Tensor) -> Tensor:
        result_BX = x_UMX.new_empty(len(phi_BF), x_UMX.shape[2])
        result_BX[member_UM[present_UM]] = x_UMX[present_UM]
        return result_BX

    return rows(error_UMT), rows(slope_UMT), rows(change_UMF)

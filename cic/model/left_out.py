"""The error of ridge regression on groups it was not fitted to, and the gradient of that error, in closed form.

With features phi (scaled so that the penalty is 1), H = phi (phiᵀ phi + I)^-1 phiᵀ and residuals r = (I - H) t, the
rows u of a group have, when the regression is fitted to all other rows, the residuals e_u = (I - H_uu)^-1 r_u: the
PRESS statistic of Allen (1974), for groups. Writing v_u = (I - H_uu)^-1 e_u and g = 2 v, the squared error changes by

    dL/dH = -g tᵀ + the blocks g_u e_uᵀ,    dL/dphi = (I - H) (dL/dH + its transpose) G,    G = H phi^+ = phi A^-1.

With B the blocks and their transposes, and since (I - H) t = r, that is

    dL/dphi = (I - H) (B G - g (Gᵀ t)ᵀ) - r (gᵀ G),

where Gᵀ t are the weights of the regression. Automatic differentiation comes to the same through the Cholesky factor,
at four times the cost.

Axes: B rows, F features, T targets, U groups, M members of the largest group.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from cic.model.definite import cholesky

LEAST_MISS = 1e-6
"""Share of itself that a row left out is taken to miss at least: float32 knows no less."""


@dataclass(frozen=True)
class GroupsOfSize:
    """Groups of about the same number of rows, padded to the largest.

    Attributes
    ----------
    member_UM
        Positions of the rows of each group.
    present_UM
        Which of these are rows.
    row_B, place_B
        Positions of these rows among all, and among the U x M places.
    """

    member_UM: Tensor
    present_UM: Tensor
    row_B: Tensor
    place_B: Tensor

    @property
    def single(self) -> bool:
        """Whether every group is one row."""
        return self.member_UM.shape[1] == 1


def groups_by_size(group_B: Tensor) -> list[GroupsOfSize]:
    """Sort the groups of rows by size, up to a factor of two: padded to the largest of all, most would be padding.

    Parameters
    ----------
    group_B
        Number of the group that each row belongs to.
    """
    host_B = group_B.cpu()
    _, number_B, count_U = torch.unique(host_B, return_inverse=True, return_counts=True)
    order_B = torch.argsort(number_B, stable=True)
    start_U = torch.cumsum(count_U, 0) - count_U
    power_U = torch.ceil(torch.log2(count_U.double()))
    found = []
    for power in torch.unique(power_U):
        start_u, count_u = start_U[power_U == power], count_U[power_U == power]
        column_M = torch.arange(int(count_u.max()))
        present_UM = column_M < count_u[:, None]
        member_UM = order_B[torch.where(present_UM, start_u[:, None] + column_M, 0)]
        place_B = present_UM.flatten().nonzero()[:, 0]
        parts = (member_UM, present_UM, member_UM.flatten()[place_B], place_B)
        found.append(GroupsOfSize(*(part.to(group_B.device) for part in parts)))
    return found


def left_out_error(feature_BF: Tensor, target_BT: Tensor, ridge_F: Tensor, groups: Sequence[GroupsOfSize]) -> Tensor:
    """Give the sum of squared errors on each group of rows when ridge regression is fitted to all other groups.

    Features, targets and penalties may have a leading axis of as many regressions, none of which knows of the others.

    Parameters
    ----------
    feature_BF
        Regressors.
    target_BT
        What they are to reproduce; no gradient goes there.
    ridge_F
        Penalty of each regressor, above 0.
    groups
        Of the rows, from `groups_by_size`; of several regressions, of the rows of one after those of the other.

    Returns
    -------
    Tensor
        One number a regression, differentiable by features and penalties; not finite where the features are not.
    """
    return _LeftOutError.apply(feature_BF * ridge_F.rsqrt()[..., None, :], target_BT, groups)


class _LeftOutError(torch.autograd.Function):
    """The error; its gradient is worked out along with it, since training always wants both."""

    @staticmethod
    def forward(ctx: Any, phi_BF: Tensor, target_BT: Tensor, groups: Sequence[GroupsOfSize]) -> Tensor:
        n_rows, n_features = phi_BF.shape[-2:]
        more_rows = n_features < n_rows
        normal = phi_BF.mT @ phi_BF if more_rows else phi_BF @ phi_BF.mT
        normal.diagonal(dim1=-2, dim2=-1).add_(1)
        inverse = torch.cholesky_inverse(cholesky(normal))
        g_BF = phi_BF @ inverse if more_rows else inverse @ phi_BF
        weight_FT = g_BF.mT @ target_BT
        # with fewer rows than features I - H is the inverse itself, and exact also where hardly anything is missed
        residual_BT = _less(target_BT.clone(), phi_BF, weight_FT) if more_rows else inverse @ target_BT
        # the groups know their rows, so here the rows of all regressions are one after the other
        found = _left_out(phi_BF.flatten(0, -2), g_BF.flatten(0, -2), residual_BT.flatten(0, -2), groups)
        error_BT, slope_BT, change_BF = (each.reshape(*phi_BF.shape[:-1], -1) for each in found)
        change_BF = _less(change_BF, slope_BT, weight_FT.mT)
        change_BF = _less(change_BF, phi_BF, g_BF.mT @ change_BF) if more_rows else inverse @ change_BF
        ctx.save_for_backward(_less(change_BF, residual_BT, slope_BT.mT @ g_BF))
        return error_BT.square().sum(dim=(-2, -1))

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        (gradient_BF,) = ctx.saved_tensors
        return grad_outputs[0][..., None, None] * gradient_BF, None, None


def _less(whole: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """Take the product of two matrices off `whole`, in place."""
    return whole.addmm_(a, b, alpha=-1) if whole.ndim == 2 else whole.baddbmm_(a, b, alpha=-1)


def _left_out(
    phi_BF: Tensor, g_BF: Tensor, residual_BT: Tensor, groups: Sequence[GroupsOfSize]
) -> tuple[Tensor, Tensor, Tensor]:
    """Give left-out errors, their slope g = 2 v, and the blocks' part of (dL/dH + transpose) G."""
    if len(groups) == 1 and groups[0].single:
        return _left_out_singly(phi_BF, g_BF, residual_BT)
    error_BT, slope_BT, change_BF = torch.empty_like(residual_BT), torch.empty_like(residual_BT), torch.empty_like(g_BF)
    for alike in groups:
        row_B = alike.row_B
        if alike.single:
            found = _left_out_singly(phi_BF[row_B], g_BF[row_B], residual_BT[row_B])
        else:
            found = _left_out_by_group(phi_BF, g_BF, residual_BT, alike)
        error_BT[row_B], slope_BT[row_B], change_BF[row_B] = found
    return error_BT, slope_BT, change_BF


def _left_out_singly(phi_BF: Tensor, g_BF: Tensor, residual_BT: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    # a row that only itself explains misses nothing, but for rounding
    miss_B1 = (1 - (phi_BF * g_BF).sum(dim=1, keepdim=True)).clamp(min=LEAST_MISS)
    error_BT = residual_BT / miss_B1
    slope_BT = 2 * error_BT / miss_B1
    return error_BT, slope_BT, (2 * (slope_BT * error_BT).sum(dim=1, keepdim=True)) * g_BF


def _left_out_by_group(
    phi_BF: Tensor, g_BF: Tensor, residual_BT: Tensor, alike: GroupsOfSize
) -> tuple[Tensor, Tensor, Tensor]:
    here_UM1 = alike.present_UM[:, :, None]
    g_UMF = g_BF[alike.member_UM] * here_UM1
    miss_UMM = (phi_BF[alike.member_UM] @ g_UMF.mT).neg_().mul_(here_UM1)
    miss_UMM.diagonal(dim1=1, dim2=2).add_(1)
    # H is symmetric but for rounding
    inverse_UMM = torch.cholesky_inverse(cholesky((miss_UMM + miss_UMM.mT) / 2))
    error_UMT = inverse_UMM @ (residual_BT[alike.member_UM] * here_UM1)
    slope_UMT = 2 * (inverse_UMM @ error_UMT)
    both_UMM = slope_UMT @ error_UMT.mT
    change_UMF = (both_UMM + both_UMM.mT) @ g_UMF
    error_BT, slope_BT, change_BF = (
        each_UMX.flatten(0, 1)[alike.place_B] for each_UMX in (error_UMT, slope_UMT, change_UMF)
    )
    return error_BT, slope_BT, change_BF

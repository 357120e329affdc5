"""What of a code tells groups (studies, platforms, donors) apart: in closed form, so that no adversary is trained.

The best linear discriminant of groups explains, in each of its directions, a share of the code's variance; their mean
over the numbers of the code is Pillai's trace (Pillai 1955) over W, 0 where no group mean differs and 1 where nothing
but groups does. It is the same whatever numbers the code is turned or stretched to, so that it is not made small by
making these numbers small. Means of labels are taken off before, so that groups of other cells are not told by them.

Axes: B profiles, W numbers of the code, U groups, L labels; several trainings may have a leading axis.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

RIDGE = 1e-3
"""Added to the variance of each number, in units of their mean: a code that needs fewer numbers leaves some at 0."""


class Kin(NamedTuple):
    """Group and label of profiles, 1 in the column of each and 0 elsewhere."""

    group_BU: Tensor
    label_BL: Tensor

    def at(self, index_B: Tensor) -> Kin:
        """Give those of some profiles."""
        return Kin(self.group_BU[index_B], self.label_BL[index_B])


def kin_of(group_S: np.ndarray | None, label_S: np.ndarray | None, like: Tensor) -> Kin | None:
    """Give the groups of profiles by their numbers, on the device and in the precision of `like`; `None` without any.

    Profiles without a label, -1, are taken for a label of their own.
    """
    if group_S is None:
        return None
    label_S = np.zeros_like(group_S) if label_S is None else label_S
    numbered = (torch.from_numpy(np.unique(each, return_inverse=True)[1]) for each in (group_S, label_S))
    return Kin(*(nn.functional.one_hot(number_S).to(like) for number_S in numbered))


def group_share(code_BW: Tensor, kin: Kin) -> Tensor:
    """Give the share of the code's variance within labels that group means explain, 0 to 1, differentiable by the code.

    By chance it is about the number of groups over that of profiles. Not finite where the code is not.
    """
    within_BW = code_BW - _means(code_BW, kin.label_BL)
    between_BW = _means(within_BW, kin.group_BU)
    total_WW = within_BW.mT @ within_BW
    each = total_WW.diagonal(dim1=-2, dim2=-1)
    ridge_W = RIDGE * each.mean(dim=-1, keepdim=True).expand_as(each) + torch.finfo(code_BW.dtype).tiny
    explained_WW, _ = torch.linalg.solve_ex(total_WW + torch.diag_embed(ridge_W), between_BW.mT @ between_BW)
    return explained_WW.diagonal(dim1=-2, dim2=-1).mean(dim=-1)


def _means(value_BW: Tensor, member_BU: Tensor) -> Tensor:
    """Give each row the mean of the rows that are of the same."""
    count_U1 = member_BU.sum(dim=-2)[..., None].clamp(min=1)
    return member_BU @ ((member_BU.mT @ value_BW) / count_U1)

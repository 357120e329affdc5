"""What profiles of a group share beside what their codes tell: a shift of their own.

A study moves all of its profiles alike. Regression that takes that for noise of each profile is led astray by it, as
many profiles of one study look like much evidence. So the regression on decoder features gets a column for each group
besides, with a penalty of its own: a random intercept (Laird and Ware 1982, Biometrics 38:963). A group that is left
out has none of its own, so the error on left-out groups tells how large the penalty has to be. In use the shifts are
left away: a profile to come is of a group that nobody knows, and a code need not carry what its group did to it.

Axes: S samples, B batch, F decoder features, U groups.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

FEWEST = 4
"""Training profiles of a group from which a shift is told from noise."""
MOST = 64
"""Groups that have a shift, the largest: of very many, each is little of the whole, and each is a column."""


def shift_columns(group_S: np.ndarray | None, like: Tensor) -> Tensor:
    """Give 1 where a profile is of a group and 0 elsewhere, s_SU, on the device and in the precision of `like`.

    Parameters
    ----------
    group_S
        Number of the group of each training profile, -1 of one without; groups of few have no column, and of `None`
        there are none.
    """
    if group_S is None:
        return like.new_zeros(len(like), 0)
    group_U, count_U = np.unique(group_S[group_S >= 0], return_counts=True)
    largest_u = np.argsort(-count_U, kind="stable")[:MOST]
    shifted_U = group_U[np.sort(largest_u[count_U[largest_u] >= FEWEST])]
    return torch.from_numpy(group_S[:, None] == shifted_U).to(like)


def with_shifts(feature_BF: Tensor, shift_BU: Tensor) -> Tensor:
    """Give features and shifts side by side; features of several regressions may share the shifts."""
    return torch.cat([feature_BF, shift_BU.expand(*feature_BF.shape[:-1], -1)], dim=-1)

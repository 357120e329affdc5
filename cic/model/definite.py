"""Cholesky factors of matrices that should be positive definite, also where rounding has made them something else.

Axes: S matrices, N rows and columns.
"""

from __future__ import annotations

import torch
from torch import Tensor

JITTERS = (1e-7, 1e-6, 1e-5, 1e-4)
"""What is added to the diagonal, as a share of it; the first is about the rounding of float32."""


def cholesky(matrix: Tensor) -> Tensor:
    """Give a factor L with L Lᵀ equal to `matrix`, or as near to it as a positive definite matrix comes.

    Where the plain factorisation succeeds its result is given. Else the diagonal is raised little by little; else the
    same in double precision; else the eigenvalues are raised (Higham 1988 shows that this is the nearest one).

    Parameters
    ----------
    matrix
        Symmetric, or a stack of such (..., N, N), each of which is judged by itself.

    Returns
    -------
    Tensor
        Lower triangular, for `torch.cholesky_solve`; not finite where the matrix is not.
    """
    factor, info = torch.linalg.cholesky_ex(matrix)
    failed = info != 0
    if bool(failed.any()):
        factor[failed] = _near(matrix[failed])
    return factor


def _near(matrix_SNN: Tensor) -> Tensor:
    """Give factors of matrices whose plain factorisation fails."""
    found_SNN = torch.full_like(matrix_SNN, torch.nan)
    left_S = torch.isfinite(matrix_SNN).flatten(1).all(dim=1).nonzero()[:, 0]
    for precise_SNN in (matrix_SNN, matrix_SNN.double()):
        for jitter in JITTERS:
            if not len(left_S):
                return found_SNN
            here_SNN = precise_SNN[left_S]
            raised_SNN = here_SNN + torch.diag_embed(jitter * here_SNN.diagonal(dim1=-2, dim2=-1).abs())
            factor_SNN, info_S = torch.linalg.cholesky_ex(raised_SNN)
            found_SNN[left_S[info_S == 0]] = factor_SNN[info_S == 0].to(matrix_SNN.dtype)
            left_S = left_S[info_S != 0]
    if len(left_S):
        value_SN, vector_SNN = torch.linalg.eigh(matrix_SNN[left_S].double())
        least_S1 = (JITTERS[0] * value_SN.abs().amax(dim=-1, keepdim=True)).clamp(min=torch.finfo(torch.float32).tiny)
        # L Lᵀ = V diag(value) Vᵀ with L triangular: the transpose of R in diag(value)^(1/2) Vᵀ = Q R
        root_SNN = value_SN.clamp(min=least_S1).sqrt()[..., :, None] * vector_SNN.mT
        found_SNN[left_S] = torch.linalg.qr(root_SNN).R.mT.to(matrix_SNN.dtype)
    return found_SNN

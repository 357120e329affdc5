"""Cholesky factors of matrices that should be positive definite, also where rounding has made them something else."""

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
        Symmetric, or a stack of such (..., N, N).

    Returns
    -------
    Tensor
        Lower triangular, for `torch.cholesky_solve`; not finite where the matrix is not.
    """
    factor, info = torch.linalg.cholesky_ex(matrix)
    if not bool(info.any()):
        return factor
    if not bool(torch.isfinite(matrix).all()):
        return torch.full_like(matrix, torch.nan)
    for precise in (matrix, matrix.double()):
        for jitter in JITTERS:
            raised = precise + torch.diag_embed(jitter * precise.diagonal(dim1=-2, dim2=-1).abs())
            factor, info = torch.linalg.cholesky_ex(raised)
            if not bool(info.any()):
                return factor.to(matrix.dtype)
    value, vector = torch.linalg.eigh(matrix.double())
    least = (JITTERS[0] * value.abs().amax(dim=-1, keepdim=True)).clamp(min=torch.finfo(torch.float32).tiny)
    # L Lᵀ = V diag(value) Vᵀ with L triangular: the transpose of R in diag(value)^(1/2) Vᵀ = Q R
    root = value.clamp(min=least).sqrt()[..., :, None] * vector.mT
    return torch.linalg.qr(root).R.mT.to(matrix.dtype)

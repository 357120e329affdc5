"""One root seed, from which every other is derived by role."""

from __future__ import annotations

import hashlib

import numpy as np


def derive_seed(root: int, *role: str | int) -> int:
    """Give the seed of one role, the same on every machine and in any order of calls.

    Parameters
    ----------
    root
        The root seed, `seed` in `params.yaml`.
    role
        Names and numbers that say what the seed is for, such as ``("search", "trial", 7)``.

    Returns
    -------
    int
        32 bits: every library here takes that many.
    """
    name = "\x1f".join([str(root), *(str(part) for part in role)])
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big")


def generator(root: int, *role: str | int) -> np.random.Generator:
    """Give a numpy generator for one role (see `derive_seed`)."""
    return np.random.default_rng(derive_seed(root, *role))

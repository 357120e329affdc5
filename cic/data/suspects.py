"""Of many profiles, the few whose likeness to others is worth a look over all genes.

To compare every profile with every other over all genes takes time and memory that grow with the square of their
number. So held-out profiles, a random sample of them if there are many, are compared with all others by a sketch: their
residuals (`cic.data.twins.residuals`) times a random matrix, which keeps angles to a few hundredths, and keeps those of
scaled copies exactly. The most suspicious of them, with their nearest profiles, then pass for the whole set.

Axes: S profiles, G genes, D columns of the sketch, E profiles taken away, Q held-out profiles that are asked, R of them
in a block, N neighbours, C chunks of W values.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cic.data import sparse
from cic.data.matrix import ExpressionMatrix
from cic.data.moments import moments
from cic.data.sparse_units import log2_of
from cic.data.transforms import Scale
from cic.data.twins import EPSILON, NEIGHBOURS
from cic.seeds import generator

MOST_ASKED = 8192
"""Held-out profiles that are compared with all others by the sketch."""
LOOKED_AT = 1024
"""Profiles that are then compared over all genes: suspects, each with its nearest."""
WIDTH = 128
"""Of the sketch."""
ROWS_A_BLOCK = 128
A_CHUNK = 64
"""Values of which only the largest is looked at first, where the largest few of many are asked for."""


@dataclass(frozen=True)
class Suspects:
    """Profiles to compare over all genes.

    Attributes
    ----------
    rows
        Their positions, ascending: suspects, and the nearest profiles of each.
    n_suspects, n_asked, n_held_out
        How many of them are suspects, of how many held-out profiles that were asked, out of how many.
    """

    rows: np.ndarray
    n_suspects: int
    n_asked: int
    n_held_out: int


def find_suspects(
    matrix: ExpressionMatrix, part_S: np.ndarray, out_SK: np.ndarray, seed: int, most: int = LOOKED_AT
) -> Suspects:
    """Choose `most` profiles at most.

    Suspicious is a held-out profile that is very like its nearest profile of another part, or much nearer to that than
    to the next; half of the suspects come by each.

    Parameters
    ----------
    part_S
        The part of each profile; `train` is what others are held out from.
    out_SK
        Columns of numbers; profiles that agree in any of them are not compared.
    seed
        Of the sketch, and of the sample of held-out profiles.
    """
    z_SD = sketch(matrix, seed)
    held_out = np.flatnonzero(part_S != "train")
    asked = held_out
    if len(held_out) > MOST_ASKED:
        asked = np.sort(generator(seed, "asked").choice(held_out, MOST_ASKED, replace=False))
    out_KS = np.ascontiguousarray(out_SK.T)
    near_QN, like_Q, gap_Q = [], [], []
    for start in range(0, len(asked), ROWS_A_BLOCK):
        row_R = asked[start : start + ROWS_A_BLOCK]
        like_RS = z_SD[row_R] @ z_SD.T
        for out_S in out_KS:
            like_RS[out_S[row_R, None] == out_S] = -1
        near_RN = largest(like_RS, NEIGHBOURS)
        like_RN = np.take_along_axis(like_RS, near_RN, axis=1)
        distance_RN = np.sqrt(np.maximum(1 - like_RN, 0))
        gap_RN = distance_RN[:, :-1] / np.maximum(distance_RN[:, 1:], EPSILON)
        across_RN = part_S[row_R, None] != part_S[near_RN]
        near_QN.append(near_RN)
        like_Q.append(np.where(across_RN, like_RN, -1).max(axis=1))
        gap_Q.append(np.where(across_RN[:, :-1], gap_RN, 1).min(axis=1))
    n_suspects = min(most // (NEIGHBOURS + 1), len(asked))
    by_likeness = np.argsort(-np.concatenate(like_Q), kind="stable")[: n_suspects // 2]
    by_gap = np.argsort(np.concatenate(gap_Q), kind="stable")
    suspects = np.concatenate([by_likeness, by_gap[~np.isin(by_gap, by_likeness)][: n_suspects - len(by_likeness)]])
    rows = np.unique(np.concatenate([asked[suspects], np.concatenate(near_QN)[suspects].reshape(-1)]))
    return Suspects(rows, len(suspects), len(asked), len(held_out))


def largest(value_RS: np.ndarray, n: int) -> np.ndarray:
    """Give the positions of the `n` largest values of each row (R, N), in order; of equal ones those that come first.

    They lie in the `n` chunks whose largest values are largest: for each value of another chunk there are `n` that are
    larger, or as large and come before it. So most values are looked at once, by their maximum.
    """
    n_rows, n_chunks = len(value_RS), value_RS.shape[1] // A_CHUNK
    if n_chunks <= n:
        return np.argsort(-value_RS, axis=1, kind="stable")[:, :n]
    in_chunks = n_chunks * A_CHUNK
    most_RC = value_RS[:, :in_chunks].reshape(n_rows, n_chunks, A_CHUNK).max(axis=2)
    chunk_RN = np.sort(largest(most_RC, n), axis=1)
    place_RNW = chunk_RN[:, :, None] * A_CHUNK + np.arange(A_CHUNK)
    rest_RW = np.tile(np.arange(in_chunks, value_RS.shape[1]), (n_rows, 1))
    place_RW = np.hstack([place_RNW.reshape(n_rows, -1), rest_RW])
    order_RN = np.argsort(-np.take_along_axis(value_RS, place_RW, axis=1), axis=1, kind="stable")[:, :n]
    return np.take_along_axis(place_RW, order_RN, axis=1)


def sketch(matrix: ExpressionMatrix, seed: int) -> np.ndarray:
    """Give, of each profile, what is its own on log2 scale times a random matrix, at length 1 (float32, S x D)."""
    mean_G, _ = moments(matrix, Scale(matrix.unit))
    level_G = mean_G - mean_G.mean()
    random_GD = generator(seed, "sketch").standard_normal((matrix.n_genes, WIDTH))
    # what the mean profile and a constant explain is taken from the profile, and so from its sketch
    own_GE = np.stack([np.ones(matrix.n_genes), level_G], axis=1)
    own_GE /= np.maximum(np.sqrt(np.square(own_GE).sum(axis=0)), EPSILON)
    random_GD = (random_GD - own_GE @ (own_GE.T @ random_GD)).astype(np.float32)
    centre_D = mean_G.astype(np.float32) @ random_GD
    z_SD = np.empty((matrix.n_samples, WIDTH), dtype=np.float32)
    for start in range(0, matrix.n_samples, sparse.BLOCK_ROWS):
        rows = slice(start, start + sparse.BLOCK_ROWS)
        block_SG = log2_of(matrix.values[rows], matrix.unit)
        if sparse.is_sparse(block_SG):
            block_SG = block_SG.tocsc()  # gene by gene: a block of the sketch fits into the cache, random_GD does not
        z_SD[rows] = block_SG @ random_GD - centre_D
    return z_SD / np.maximum(np.sqrt(np.square(z_SD).sum(axis=1, keepdims=True)), EPSILON)

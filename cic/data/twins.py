"""Profiles that are one another's twins in disguise: copied, measured again, scaled, shifted, cut or mixed.

A profile is compared by what is left of it on log2 scale when the mean of each gene, and of that rest whatever a
change of the profile's scale or offset could have made, is taken away. Three signs are looked for, none of which takes
for usual what every profile may have:

- *A gap among the nearest neighbours.* The first few neighbours of an ordinary profile lie at nearly the same
  distance. Those nearer than half as far as the next one are twins. Comparing with the next neighbour and not with
  what is usual holds where every profile has a twin, and where outliers have one another only.
- *The same gap over the genes that both profiles have*, which finds a copy with genes set to zero.
- *Two others that explain a profile*, on log2 or linear scale: a mixture.

What was planted and found, and how often real sets without known twins give an alarm, is in docs/leakage.md.

Axes: S profiles, G genes, N neighbours, K ways to know each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from cic.data.terms import CENTRED_UNITS, Unit

NEIGHBOURS = 8
"""Looked at of each profile: up to seven copies of one show as a gap."""
CANDIDATES = 64
"""Nearest profiles of which two may explain one: a mixture is nearer to its components than to nearly all others."""
MIXTURE_REST = 0.01
"""Share of a profile's squared length beyond which two others do not explain it; ordinary ones leave 0.015 and more."""
MIXTURE_GAP = 0.1
"""And of what any two others leave: where profiles have few dimensions, many pairs explain one nearly."""
SHARED = 0.5
"""Share of the genes of the poorer profile that two must both have to be compared over these."""
STRICTER = 0.4
"""Factor of the gap asked for behind several neighbours, and over shared genes: there few profiles look like twins."""
EPSILON = 1e-12

Sign = Literal["correlation", "gap", "gap over shared genes"]


@dataclass(frozen=True)
class Twins:
    """Two profiles too near to each other: their rows, correlation, and distance as a share of the next one's."""

    first: int
    second: int
    sign: Sign
    correlation: float
    distance: float


@dataclass(frozen=True)
class Mixture:
    """A profile, the two others that explain it, and the share of it that they do not."""

    row: int
    components: tuple[int, int]
    rest: float


def residuals(values_SG: np.ndarray, weight_SG: np.ndarray | None = None) -> np.ndarray:
    """Give what profiles have of their own: each gene's mean taken away, and each profile's scale and offset.

    A copy ``a x + b`` of a profile ``x`` differs from the mean ``m`` by ``a (x - m) + (a - 1) m + b``; regressing on
    ``m`` and a constant leaves ``a`` times what it leaves of ``x``.

    Parameters
    ----------
    values_SG
        Profiles, on log2 or linear scale.
    weight_SG
        1 where a gene counts in a profile, else 0; all do by default.

    Returns
    -------
    ndarray
        Float32, zero for genes that do not count; not normalised.
    """
    mean_G = values_SG.mean(axis=0)
    x_SG = values_SG - mean_G
    weight_SG = np.ones((1, len(mean_G)), dtype=np.float32) if weight_SG is None else weight_SG
    n_S1 = np.maximum(weight_SG.sum(axis=1, keepdims=True), 1)
    x_SG = x_SG * weight_SG
    x_SG -= weight_SG * (x_SG.sum(axis=1, keepdims=True) / n_S1)
    m_SG = weight_SG * (mean_G - (weight_SG @ mean_G[:, None]) / n_S1)
    slope_S1 = (x_SG * m_SG).sum(axis=1, keepdims=True) / np.maximum((m_SG**2).sum(axis=1, keepdims=True), EPSILON)
    return np.asarray(x_SG - slope_S1 * m_SG, dtype=np.float32)


def likeness(x_SG: np.ndarray, weight_SG: np.ndarray | None = None) -> np.ndarray:
    """Give the correlation of each two profiles, float32 (S, S).

    Parameters
    ----------
    x_SG
        From `residuals`.
    weight_SG
        1 where a gene counts in a profile, else 0; `None` if all do everywhere. Two that share too few have -1.
    """
    square_SG = np.square(x_SG)
    if weight_SG is None:
        square_S = np.maximum(square_SG.sum(axis=1), EPSILON)
        return x_SG @ x_SG.T / np.sqrt(square_S[:, None] * square_S)
    over_SS = square_SG @ weight_SG.T  # of each, over the genes that another has
    like_SS = x_SG @ x_SG.T / np.sqrt(np.maximum(over_SS * over_SS.T, EPSILON))
    shared_SS = weight_SG @ weight_SG.T
    count_S = shared_SS.diagonal()
    like_SS[shared_SS < SHARED * np.minimum(count_S[:, None], count_S)] = -1
    return like_SS


def nearest(like_SS: np.ndarray, out_SK: np.ndarray, n_neighbours: int) -> tuple[np.ndarray, np.ndarray]:
    """Give the nearest profiles of each in order (S, N), and the correlations with these (S, N).

    Parameters
    ----------
    like_SS
        From `likeness`.
    out_SK
        Columns of numbers; profiles that agree in any of them are not compared, which gives -1.
    """
    for out_S in out_SK.T:
        like_SS = np.where(out_S[:, None] == out_S, np.float32(-1), like_SS)
    near_SN = np.argsort(-like_SS, axis=1, kind="stable")[:, :n_neighbours]
    return near_SN, np.take_along_axis(like_SS, near_SN, axis=1)


def find_twins(
    log2_SG: np.ndarray, part_S: np.ndarray, out_SK: np.ndarray, near_identical: float, near_distance: float
) -> tuple[list[Twins], dict[str, float]]:
    """Give the pairs across parts that are too near, each once, and how near the nearest across parts are.

    Parameters
    ----------
    part_S
        The part of each profile. Neighbours are looked for in all parts: a twin within a part is no gap's other side.
    out_SK
        See `nearest`.
    near_identical
        Correlation above which two profiles are twins in any case.
    near_distance
        They also are if nearer than this share of the distance to the next neighbour.
    """
    found: dict[tuple[int, int], Twins] = {}
    least = {"correlation": -1.0, "relative_distance": 1.0}
    signs: dict[Sign, np.ndarray | None] = {"gap": None}
    if (log2_SG == 0).any():
        signs["gap over shared genes"] = (log2_SG != 0).astype(np.float32)
    for sign, weight_SG in signs.items():
        near_SN, like_SN = nearest(likeness(residuals(log2_SG, weight_SG), weight_SG), out_SK, NEIGHBOURS)
        distance_SN = np.sqrt(np.maximum(1 - like_SN, 0))
        # a neighbour at -1 cannot be compared with, so it makes no gap
        gap_SN = np.where(like_SN[:, 1:] > -1, distance_SN[:, :-1] / np.maximum(distance_SN[:, 1:], EPSILON), np.inf)
        across_SN = part_S[:, None] != part_S[near_SN]
        if weight_SG is None:
            least["correlation"] = float(like_SN[across_SN].max(initial=least["correlation"]))
            least["relative_distance"] = float(gap_SN[across_SN[:, :-1]].min(initial=least["relative_distance"]))
        limit_N = np.full(gap_SN.shape[1], near_distance * STRICTER)
        if weight_SG is None:
            limit_N[:1] = near_distance
        close_SN = gap_SN < limit_N
        n_close_S = np.where(close_SN.any(axis=1), close_SN.shape[1] - close_SN[:, ::-1].argmax(axis=1), 0)
        n_alike_S = (like_SN > near_identical).sum(axis=1)
        for row in np.flatnonzero(np.maximum(n_close_S, n_alike_S)):
            next_ = distance_SN[row, min(max(n_close_S[row], 1), distance_SN.shape[1] - 1)]
            n_twins = max(n_close_S[row], n_alike_S[row])
            for rank in np.flatnonzero(across_SN[row, :n_twins]):
                first, second = sorted((int(row), int(near_SN[row, rank])))
                share = float(distance_SN[row, rank] / max(next_, EPSILON))
                seen: Sign = sign if rank < n_close_S[row] else "correlation"
                twins = Twins(first, second, seen, float(like_SN[row, rank]), share)
                found.setdefault((first, second), twins)
    return list(found.values()), least


def find_mixtures(log2_SG: np.ndarray, unit: Unit, out_SK: np.ndarray) -> list[Mixture]:
    """Give the profiles that two others explain on log2 or, where the unit has one, on linear scale."""
    scales = [log2_SG]
    if unit not in CENTRED_UNITS:
        linear_SG = np.exp2(log2_SG) - 1
        scales.append(linear_SG / np.maximum(linear_SG.std(axis=0), EPSILON))
    found: dict[int, Mixture] = {}
    for values_SG in scales:
        like_SS = likeness(residuals(values_SG))
        near_SN, like_SN = nearest(like_SS, out_SK, CANDIDATES)
        for row, (near_N, like_N) in enumerate(zip(near_SN, like_SN, strict=True)):
            near_N, like_N = near_N[like_N > -1], like_N[like_N > -1]
            pair, rest = _rest_of_two(like_N, like_SS[np.ix_(near_N, near_N)])
            if rest < MIXTURE_REST:
                first, second = sorted(int(near_N[place]) for place in pair)
                found.setdefault(row, Mixture(row, (first, second), rest))
    return list(found.values())


def _rest_of_two(like_N: np.ndarray, like_NN: np.ndarray) -> tuple[tuple[int, int], float]:
    """Give the two whose regression leaves least of a profile, and what it leaves; 1 where no two will do.

    Both weights have to be above 0, or a component would pass for a mixture of the others; and neither may do alone,
    or a twin would pass for one.
    """
    cross_NN = np.minimum(like_NN**2, 1 - 1e-6)
    weight_NN = (like_N[:, None] - like_N * like_NN) / (1 - cross_NN)
    explained_NN = weight_NN * like_N[:, None] + weight_NN.T * like_N
    allowed_NN = (weight_NN > 0) & (weight_NN.T > 0)
    allowed_NN &= np.maximum(like_N[:, None], like_N) ** 2 < 1 - 2 * MIXTURE_REST
    np.fill_diagonal(allowed_NN, False)
    if not allowed_NN.any():
        return (0, 0), 1.0
    explained_NN = np.where(allowed_NN, explained_NN, 0)
    first, second = divmod(int(explained_NN.argmax()), len(like_N))
    rest = float(1 - explained_NN[first, second])
    explained_NN[[first, second]] = explained_NN[:, [first, second]] = 0
    is_gap = rest < MIXTURE_GAP * (1 - float(explained_NN.max()))
    return (first, second), rest if is_gap else 1.0

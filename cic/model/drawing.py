"""Atoms drawn towards given gene sets where the data agree, in the manner of PLIER (Mao et al. 2019).

A set says which genes may go together. So beside the squared error of telling genes by few atoms stands `WEIGHT` times
|Z - C U|^2, that of their loadings Z against what few sets say: C has a column a set, and U, never negative and mostly
0, says by how much more the genes of a set load on an atom. A gene that two atoms tell alike then goes to that of its
set.

Whether the data agree, other genes say. U comes from loadings by the data alone, and a set that it names for an atom
counts only if, of genes that it has not seen, those of the set follow the atom more often than others. An atom for
which no set is left stays as it is, to the bit.

Axes: G genes, R directions in which profiles differ, F atoms, P sets, C candidates among them, A those of
any atom, D pairs of a set and an atom.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array
from scipy.stats import binom, false_discovery_control

from cic.model.dictionary import RIDGE, told_by

WEIGHT = 0.3
"""Of what sets say, where that of the data is 1."""
LEAST = 0.5
"""Mean loading of a set's genes times the square root of their number, above which the set is a candidate."""
CANDIDATES = 20
"""Sets of an atom, at most."""
RATE = 0.05
"""Of false discoveries among the candidates of all atoms."""
ROUNDS, SWEEPS = 5, 50


@dataclass(frozen=True)
class GenesInSets:
    """Genes, of how each varies (rows of length 1, float32), and which sets each is in (0 or 1)."""

    row_GR: np.ndarray
    within_GP: csr_array


def membership(sets: Sequence[np.ndarray], gene_G: np.ndarray, n_genes: int) -> csr_array:
    """Give which of the genes `gene_G` each set has (float32, G x P); both are positions among all `n_genes`."""
    place = np.full(n_genes, -1)
    place[gene_G] = np.arange(len(gene_G))
    found = [place[members][place[members] >= 0] for members in sets]
    of_set = np.repeat(np.arange(len(found)), [len(one) for one in found])
    at = np.concatenate([np.empty(0, dtype=np.int64), *found])
    return csr_array((np.ones(len(at), dtype=np.float32), (at, of_set)), shape=(len(gene_G), len(found)))


def drawn(atom_FR: np.ndarray, own: GenesInSets, other: GenesInSets, n_told: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw atoms towards sets by what `own` genes load on them, where `other` genes agree.

    Parameters
    ----------
    n_told
        Atoms by which a gene is told.

    Returns
    -------
    numpy.ndarray, numpy.ndarray
        Atoms of length 1, and by how much each was drawn towards each set (P x F): 0 mostly, below 0 where the genes of
        the set load on its other side.
    """
    blind_FR = atom_FR
    for _ in range(ROUNDS):
        loading_GF = _loadings(own.row_GR, atom_FR, n_told)
        # an atom is about what lies on the side of its larger loadings
        side_F = np.where(loading_GF.multiply(abs(loading_GF)).sum(axis=0) < 0, -1, 1).astype(np.float32)
        by_PF = non_negative_lasso(loading_GF.multiply(side_F), own.within_GP)
        follows_GF = _loadings(other.row_GR, atom_FR, n_told).multiply(side_F) > 0
        by_PF *= side_F * agreed(by_PF > 0, follows_GF.astype(np.float32), other.within_GP)
        again = np.flatnonzero(by_PF.any(axis=0))
        kept_FR = blind_FR.copy()
        kept_FR[again] = atom_FR[again]
        atom_FR = kept_FR
        if not len(again):
            break
        loading_GF = _loadings(own.row_GR, atom_FR, n_told, own.within_GP @ by_PF)
        atom_FR[again] = _refitted(own.row_GR, atom_FR, loading_GF, again)
    return atom_FR, by_PF


def non_negative_lasso(loading_GF: csr_array, within_GP: csr_array) -> np.ndarray:
    """Give U (float32, P x F), by which each atom's loadings are told by its `CANDIDATES` among the sets.

    By coordinate descent, of all atoms at once. Sets count alike whatever their size: the penalty of each is on U times
    the square root of its number of genes.
    """
    size_P = np.sqrt(np.maximum(within_GP.sum(axis=0), 1)).astype(np.float32)
    right_PF = (within_GP.T @ loading_GF).toarray() / size_P[:, None]
    n_candidates = min(CANDIDATES, len(right_PF))
    set_FC = np.argsort(-right_PF, axis=0, kind="stable")[:n_candidates].T
    right_FC = np.take_along_axis(right_PF.T, set_FC, axis=1)
    # of all sets it would fill the memory where there are some ten thousand
    asked, place_FC = np.unique(set_FC, return_inverse=True)
    within_GA = within_GP[:, asked]
    gram_AA = (within_GA.T @ within_GA).toarray() / size_P[asked] / size_P[asked, None]
    place_FC = place_FC.reshape(set_FC.shape)
    gram_FCC = gram_AA[place_FC[:, :, None], place_FC[:, None, :]]
    by_FC = np.zeros_like(right_FC)
    for _ in range(SWEEPS):
        for one in range(n_candidates):
            others_F = np.einsum("fc,fc->f", gram_FCC[:, one], by_FC) - gram_FCC[:, one, one] * by_FC[:, one]
            by_FC[:, one] = np.maximum(right_FC[:, one] - others_F - LEAST, 0)
    by_PF = np.zeros_like(right_PF)
    np.put_along_axis(by_PF.T, set_FC, by_FC / size_P[set_FC], axis=1)
    return by_PF


def agreed(asked_PF: np.ndarray, follows_GF: csr_array, within_GP: csr_array) -> np.ndarray:
    """Tell which of the pairs asked for hold for these genes: more of the set's follow the atom than chance has it.

    By the binomial distribution, within the rate of false discoveries over all pairs asked for (Benjamini and Hochberg
    1995). Random genes follow independently of each other, however genes go together, so of random sets few are left.
    """
    found_PF = np.zeros(asked_PF.shape, dtype=bool)
    set_D, atom_D = np.nonzero(asked_PF)
    if len(set_D):
        shared_D = (within_GP.T @ follows_GF).toarray()[set_D, atom_D]
        size_D, share_D = within_GP.sum(axis=0)[set_D], follows_GF.mean(axis=0)[atom_D]
        p_D = binom.sf(shared_D - 1, size_D, share_D)
        found_PF[set_D, atom_D] = false_discovery_control(p_D) <= RATE
    return found_PF


def _loadings(row_GR: np.ndarray, atom_FR: np.ndarray, n_told: int, said_GF: np.ndarray | None = None) -> csr_array:
    atom_GN, loading_GN = told_by(row_GR, atom_FR, min(n_told, len(atom_FR)), said_GF, WEIGHT)
    ends = np.arange(0, atom_GN.size + 1, atom_GN.shape[1])
    return csr_array((loading_GN.ravel(), atom_GN.ravel(), ends), shape=(len(row_GR), len(atom_FR)))


def _refitted(row_GR: np.ndarray, atom_FR: np.ndarray, loading_GF: csr_array, again: np.ndarray) -> np.ndarray:
    """Give the atoms at some positions as they tell all genes best, the others staying as they are."""
    again_GF = loading_GF[:, again]
    left_GR = row_GR - loading_GF @ atom_FR + again_GF @ atom_FR[again]
    gram_FF = (again_GF.T @ again_GF).toarray()
    ridge = np.float32(RIDGE) * gram_FF.diagonal().mean()
    right_FR = again_GF.T @ left_GR + ridge * atom_FR[again]
    found_FR = np.linalg.solve(gram_FF + ridge * np.eye(len(gram_FF), dtype=np.float32), right_FR)
    return found_FR / np.linalg.norm(found_FR, axis=1, keepdims=True)

"""A dictionary in which each gene is told by few atoms: what programs there are, seen from the genes.

Where programs move genes and most genes belong to few of them, genes of one program go together, up or down, and lie in
a heap around its activity; genes of two lie between two heaps. So atoms begin as the densest heaps, and then take turns
with the genes: each gene is told by the few atoms that suit it best (orthogonal matching pursuit; Pati, Rezaiifar and
Krishnaprasad 1993), and the atoms are those that tell all genes best (method of optimal directions; Engan, Aase and
Husoy 1999). To these come atoms whose loadings are independent over genes (FastICA; Hyvarinen 1999), which tell
programs apart that always go together, as long as they are about other genes. Nothing is drawn at random.

Axes: G genes, R directions in which profiles differ, F atoms, N atoms of a gene.
"""

from __future__ import annotations

import warnings

import numpy as np

NEAR = 0.95
"""Genes are of one heap whose |correlation| with its middle is above this."""
SAME = 0.95
"""|Correlation| of two atoms from which on one will do."""
ROUNDS, STEPS = 10, 200
RIDGE = 1e-3
"""Of the atoms' regression, as a share of its mean diagonal, towards what they were."""


def learned(row_GR: np.ndarray, n_atoms: int, n_told: int) -> np.ndarray:
    """Give atoms of length 1, at most so many of each of the two kinds.

    Parameters
    ----------
    row_GR
        How each gene varies, of length 1 (float32).
    n_told
        Atoms by which a gene is told.
    """
    heap_FR, other_FR = heaps(row_GR, n_atoms, n_told), independent(row_GR, n_atoms)
    new_F = (np.abs(other_FR @ heap_FR.T) < SAME).all(axis=1)  # which what is not a number is not
    return np.concatenate([heap_FR, other_FR[new_F]])


def independent(row_GR: np.ndarray, n_atoms: int) -> np.ndarray:
    """Give atoms whose loadings are independent over genes, begun from the directions in which genes differ.

    Where genes do not differ in a direction its atom is not a number.
    """
    from sklearn.decomposition import FastICA

    width = min(n_atoms, row_GR.shape[1], len(row_GR) - 1)
    ica = FastICA(width, whiten="unit-variance", whiten_solver="eigh", w_init=np.eye(width), max_iter=STEPS, tol=1e-3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the best after so many steps will do
        atom_FR = ica.fit(row_GR.astype(np.float64)).mixing_.T
        return (atom_FR / np.linalg.norm(atom_FR, axis=1, keepdims=True)).astype(np.float32)


def heaps(row_GR: np.ndarray, n_atoms: int, n_told: int) -> np.ndarray:
    """Give atoms that begin as heaps of genes, and in which each gene is told by `n_told`."""
    from scipy.sparse import csr_array

    atom_FR = densest(row_GR, n_atoms)
    n_genes, n_told = len(row_GR), min(n_told, len(atom_FR))
    for _ in range(ROUNDS):
        atom_GN, loading_GN = told_by(row_GR, atom_FR, n_told)
        ends = np.arange(0, n_genes * n_told + 1, n_told)
        loading_GF = csr_array((loading_GN.ravel(), atom_GN.ravel(), ends), shape=(n_genes, len(atom_FR)))
        gram_FF = (loading_GF.T @ loading_GF).toarray()
        ridge = np.float32(RIDGE) * gram_FF.diagonal().mean()
        right_FR = loading_GF.T @ row_GR + ridge * atom_FR
        atom_FR = np.linalg.solve(gram_FF + ridge * np.eye(len(gram_FF), dtype=np.float32), right_FR)
        atom_FR /= np.linalg.norm(atom_FR, axis=1, keepdims=True)
    return atom_FR


def densest(row_GR: np.ndarray, n_atoms: int) -> np.ndarray:
    """Give the middles of heaps of genes, of length 1: around the gene with most others near it, again and again."""
    cosine_GG = row_GR @ row_GR.T
    near_GG = np.abs(cosine_GG) > NEAR
    left_G, near_G = np.ones(len(row_GR), dtype=bool), near_GG.sum(axis=1)
    atoms: list[np.ndarray] = []
    while len(atoms) < n_atoms and left_G.any():
        middle = np.where(left_G, near_G, -1).argmax()
        member_G = near_GG[middle] & left_G
        member_G[middle] = True
        atom_R = np.sign(cosine_GG[middle, member_G]) @ row_GR[member_G]
        atoms.append(atom_R / np.linalg.norm(atom_R))
        left_G &= ~member_G
        near_G -= near_GG[:, member_G].sum(axis=1)
    return np.array(atoms, dtype=np.float32)


def told_by(
    row_GR: np.ndarray, atom_FR: np.ndarray, n_told: int, said_GF: np.ndarray | None = None, weight: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Give the atoms that tell each gene (int64, G x N, all different), and their loadings (float32).

    Where something is said of the loadings, `weight` times their squared distance from it is added to the error.
    """
    cosine_GF, gram_FF = row_GR @ atom_FR.T, atom_FR @ atom_FR.T
    if said_GF is not None:
        cosine_GF += np.float32(weight) * said_GF
        gram_FF += np.float32(weight) * np.eye(len(gram_FF), dtype=np.float32)
    left_GF, chosen_GN = cosine_GF, np.empty((len(row_GR), 0), dtype=np.int64)
    for _ in range(n_told):
        strength_GF = np.abs(left_GF)
        np.put_along_axis(strength_GF, chosen_GN, -1, axis=1)
        chosen_GN = np.column_stack([chosen_GN, strength_GF.argmax(axis=1)])
        loading_GN = solved(gram_FF, cosine_GF, chosen_GN)
        left_GF = cosine_GF.copy()
        for loading_G, atom_G in zip(loading_GN.T, chosen_GN.T, strict=True):
            left_GF -= loading_G[:, None] * gram_FF[atom_G]
    return chosen_GN, loading_GN


def solved(gram_FF: np.ndarray, right_GF: np.ndarray, chosen_GN: np.ndarray) -> np.ndarray:
    """Give the least squares of each gene on those that are chosen for it, by the products of all."""
    gram_GNN = gram_FF[chosen_GN[:, :, None], chosen_GN[:, None, :]]
    # two that are all but the same share what either could tell
    gram_GNN = gram_GNN + np.float32(1e-4) * gram_FF.diagonal().mean() * np.eye(chosen_GN.shape[1], dtype=np.float32)
    right_GN1 = np.take_along_axis(right_GF, chosen_GN, axis=1)[:, :, None]
    return np.linalg.solve(gram_GNN, right_GN1)[:, :, 0].astype(np.float32)

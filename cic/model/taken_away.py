"""What a model makes of profiles once some of their genes are taken away.

Axes: S samples, P held-out profiles, G genes, Q sets of missing genes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cic.model.basis import squared_norms

if TYPE_CHECKING:
    from cic.model.bundle import Bundle

PRESENT = (2, 4, 10, 20, 50, 100)
"""What is foretold is held against held-out profiles that have every second gene, every fourth, and so on."""


@dataclass(frozen=True)
class Made:
    """What a model makes of profiles.

    Attributes
    ----------
    error_S
        Squared error of each over all modelled genes, those taken away included (float64).
    likeliest_S
        Position of the likeliest label; `None` without a classifier.
    """

    error_S: np.ndarray
    likeliest_S: np.ndarray | None


def left_with(values_SG: np.ndarray, missing_G: np.ndarray) -> np.ndarray:
    """Say which profiles have any expression left without some genes: a cell may have no count in the others."""
    return np.asarray(values_SG[:, ~missing_G].any(axis=1))


def made_without(bundle: Bundle, values_SG: np.ndarray, missing_G: np.ndarray) -> Made:
    """Take genes away from profiles, and see what the model makes of what is left.

    Parameters
    ----------
    values_SG
        Samples x `genes_in`, with all genes, as `Bundle.align` gives them.
    missing_G
        Which of `genes_in` to take away, so that every profile is `left_with` some expression; none, to see what it
        makes of whole profiles.

    Raises
    ------
    ModelError
        If the model keeps nothing by which missing genes could be inferred.
    """
    whole_SG = bundle.preprocessor.transform(values_SG)
    given_SG = whole_SG
    if missing_G.any():
        values_SG = np.where(missing_G, np.float32(np.nan), values_SG)
        given_SG = bundle.preprocessor.transform(values_SG)
    z_SK, outside_S = bundle.basis.project(bundle.completed(given_SG)[0])
    code_SW = bundle.encode_basis(z_SK)
    error_S = squared_norms(bundle.basis.lift(bundle.decode_basis(code_SW)) - whole_SG)
    if not bundle.labels:
        return Made(error_S, None)
    return Made(error_S, bundle.classify(values_SG, code_SW, z_SK, outside_S).argmax(axis=1))


def growths(bundle: Bundle, values_PG: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Hold what is foretold of missing genes against held-out profiles that lack them.

    Returns
    -------
    numpy.ndarray, numpy.ndarray
        Error over all genes without some, as a multiple of that with all of them: as foretold, ascending, and as
        measured (float64, Q).
    """
    kept, nothing_G = bundle.preprocessor.kept, np.zeros(len(bundle.genes_in), dtype=bool)
    whole_P, found = made_without(bundle, values_PG, nothing_G).error_S, list[tuple[float, float]]()
    for every in PRESENT:
        missing_G = nothing_G.copy()
        missing_G[kept] = np.arange(len(kept)) % every > 0
        if not (left_P := left_with(values_PG, missing_G)).any():
            continue
        part = float(made_without(bundle, values_PG[left_P], missing_G).error_S.sum())
        whole = float(whole_P[left_P].sum())
        found.append((bundle.inference(~missing_G[kept]).error_factor, part / whole if whole else 1.0))
    foretold_Q, measured_Q = np.array(sorted(found)).reshape(-1, 2).T
    return foretold_Q, measured_Q

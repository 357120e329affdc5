"""What sets studies apart, taken away: each is brought to a reference by its own profiles and the reference's alone.

No label is looked at, and no third study, so what a study becomes tells nothing of any other but the reference, which
has to be in the training part (`cic.data.corrected`). Axes: S samples, G genes.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Literal

import numpy as np
from neuroCombat.neuroCombat import aprior, bprior, it_sol

from cic.data.corrected import CORRECTION, REFERENCE, correction_of
from cic.data.matrix import ExpressionMatrix
from cic.errors import DataError

log = logging.getLogger("cic.data")
Correct = Literal["centre", "combat"]
FEWEST = 3
"""Profiles of a study of which a variance is taken."""


def corrected(matrix: ExpressionMatrix, how: Correct, reference: str) -> ExpressionMatrix:
    """Bring every study to the reference, whose profiles stay as they are.

    Parameters
    ----------
    matrix
        On log2 scale, or log ratios; its column `study` says whose each profile is.
    how
        `centre`: each gene's mean becomes that of the reference. `combat`: mean and spread do, both shrunk towards
        what is usual among the study's genes (Johnson, Li and Rabinovic 2007, Biostatistics 8:118, with a reference
        batch as in Zhang et al. 2018, BMC Bioinformatics 19:262).
    reference
        The study to which the others are brought.

    Raises
    ------
    DataError
        If there is no such study, or one has too few profiles.
    """
    study_S = matrix.samples["study"].to_numpy()
    names, counts = np.unique(study_S.astype(str), return_counts=True)
    if reference not in names:
        raise DataError(f"there is no study `{reference}`", where="--reference", expected=" or ".join(names))
    if how == "combat" and counts.min() < FEWEST:
        raise DataError(
            f"study `{names[counts.argmin()]}` has {counts.min()} profile(s)", where="--correct combat",
            expected=f"at least {FEWEST}, for the spread of a gene",
            fix="say --correct centre, or leave that study out",
        )  # fmt: skip
    values_SG = matrix.dense().copy()
    reference_SG = values_SG[study_S == reference].astype(np.float64)
    for name in names[names != reference]:
        own_SG = values_SG[study_S == name].astype(np.float64)
        if how == "combat":
            varies_G = (np.ptp(own_SG, axis=0) > 0) & (np.ptp(reference_SG, axis=0) > 0)
            if not varies_G.all():
                log.info("%s: %d genes vary not there or not in %s: centred", name, (~varies_G).sum(), reference)
            own_SG[:, varies_G] = combat(own_SG[:, varies_G], reference_SG[:, varies_G])
            own_SG[:, ~varies_G] = centred(own_SG[:, ~varies_G], reference_SG[:, ~varies_G])
        else:
            own_SG = centred(own_SG, reference_SG)
        values_SG[study_S == name] = own_SG
    said_S = [correction_of(name, REFERENCE if name == reference else how) for name in study_S]
    return replace(matrix, values=values_SG, samples=matrix.samples.assign(**{CORRECTION: said_S}))


def centred(own_SG: np.ndarray, reference_SG: np.ndarray) -> np.ndarray:
    """Move each gene's mean to that of the reference."""
    return own_SG - own_SG.mean(axis=0) + reference_SG.mean(axis=0)


def combat(own_SG: np.ndarray, reference_SG: np.ndarray) -> np.ndarray:
    """Adjust mean and spread of each gene to the reference by ComBat's shrunken estimates.

    Priors and posteriors are neuroCombat's; its own entry fails with a reference under numpy 1.24 and later. A test
    holds the two equal.

    Parameters
    ----------
    own_SG, reference_SG
        float64; every gene varies in both.
    """
    mean_G, spread_G = reference_SG.mean(axis=0), reference_SG.std(axis=0)
    own_SG = (own_SG - mean_G) / spread_G
    shift_G, scale_G = own_SG.mean(axis=0), own_SG.var(axis=0, ddof=1)
    shift_G, scale_G = it_sol(
        own_SG.T, shift_G, scale_G, shift_G.mean(), shift_G.var(ddof=1), aprior(scale_G), bprior(scale_G)
    )
    return (own_SG - shift_G) / np.sqrt(scale_G) * spread_G + mean_G

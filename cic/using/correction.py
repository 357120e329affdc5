"""A correction of profiles from another study or platform by one shift per gene, without labels and without retraining.

The mean of other profiles differs from the training mean by what is measured otherwise, and by which cells they are.
So each profile is compared with training profiles that are like it: those nearest in code, as the model makes them
again. The shift is the mean difference, and as the codes change with it, it is taken a few times over. Anchors of like
cells tell a batch from its mix in mutual nearest neighbours (Haghverdi et al. 2018) and Symphony (Kang et al. 2021).

A difference has two parts, and of each a gene's mean is shrunken towards none by empirical Bayes (Efron and Morris
1973), by how far chance alone would take it. What the model leaves out of a profile is its own, noise above all, so
that n profiles tell as much as n. What is made of a profile and of those nearest to it differs by where it lies among
them, alike for all that lie there: n profiles tell as much as they fall among different ones, counted by the inverse
Simpson index of how often each training profile is among the nearest. A hundred profiles of one kind are one place.

Axes: S samples, G modelled genes, W numbers of the code, R training profiles whose codes the model keeps.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from cic.errors import DataError, ModelError
from cic.model.bundle import Bundle
from cic.model.threads import one_thread
from cic.written import whole

log = logging.getLogger(__name__)
ROUNDS = 3
"""Of comparing: more let the shift creep into what tells cells apart."""
FEWEST = 8
"""Profiles from which on a shift that is not there does no harm (docs/foreign.md): with 5, the error rises by 5%."""
MOST = 1000
"""Profiles, spread evenly, that a shift is taken from."""
KEY = "cic"


@dataclass(frozen=True)
class Correction:
    """One shift a gene, which is taken off profiles before a model encodes them.

    Attributes
    ----------
    shift_G
        float32, on the scale of the model, over its `genes`.
    model
        Digest of the bundle that it was fitted for.
    fitted_to
        What its profiles were read from.
    n_profiles, n_apart
        How many there were, and as how many different ones they count.
    """

    shift_G: np.ndarray
    model: str
    fitted_to: str
    n_profiles: int
    n_apart: float

    @property
    def digest(self) -> str:
        """SHA-256 of the file that `write_correction` makes."""
        return hashlib.sha256(_as_bytes(self)).hexdigest()

    @property
    def size(self) -> float:
        """Root mean square of the shifts, in units of the model's scale."""
        return float(np.sqrt(np.mean(np.square(self.shift_G, dtype=np.float64))))

    def __str__(self) -> str:
        return (
            f"a shift of {self.size:.2g} a gene (root mean square), fitted to {self.n_profiles} profiles that count as "
            f"{self.n_apart:.2g} different ones"
        )


def check_enough(n_profiles: int, where: str) -> None:
    """Refuse to take a shift from fewer than `FEWEST` profiles.

    Raises
    ------
    DataError
        If they are fewer.
    """
    if n_profiles < FEWEST:
        raise DataError(
            f"{n_profiles} profiles are too few to tell a shift from their mix of cells", where=where,
            expected=f"at least {FEWEST} profiles of one study, better of many cell types",
            fix="encode them without a correction",
        )  # fmt: skip


def spread(parts: Iterable[np.ndarray]) -> tuple[np.ndarray, int]:
    """Give `MOST` profiles or more, spread evenly over those that pass by, or all where fewer pass; and how many pass.

    Parameters
    ----------
    parts
        Samples x genes each. No more than three times `MOST` profiles are held beside the part that passes.
    """
    kept, every, n_seen = list[np.ndarray](), 1, 0
    for part_SG in parts:
        kept.append(part_SG[(np.arange(len(part_SG)) + n_seen) % every == 0])
        n_seen += len(part_SG)
        while sum(map(len, kept)) >= 2 * MOST:
            kept, every = [np.concatenate(kept)[::2]], 2 * every
    return np.concatenate(kept), n_seen


def fit_correction(bundle: Bundle, values_SG: np.ndarray, fitted_to: str) -> Correction:
    """Find by how much the genes of profiles are shifted against those that a model was trained on.

    Parameters
    ----------
    values_SG
        Samples x `genes_in`, as `Bundle.align` gives them; of one study, or of one platform.
    fitted_to
        What to call the profiles.

    Raises
    ------
    ModelError
        If the model keeps no codes of its training profiles.
    """
    if bundle.reference is None or not bundle.reference.code_RW.size:
        raise ModelError(
            "the model keeps no codes of its training profiles to compare with",
            where="correction",
            fix="train it again with this release and at least 5 validation profiles",
        )
    with one_thread():
        code_RW = bundle.reference.code_RW
        made_RG = bundle.basis.lift(bundle.decode_basis(code_RW))
        values_SG = values_SG[:: -(-len(values_SG) // MOST)]
        x_SG = bundle.preprocessor.transform(values_SG)
        shift_G, n_apart = np.zeros(x_SG.shape[1]), 0.0
        for _ in range(ROUNDS):
            code_SW = _shifted(bundle, shift_G).encode(values_SG)
            made_SG, weight_SR = bundle.basis.lift(bundle.decode_basis(code_SW)), _nearest(code_SW, code_RW)
            n_apart = _different(weight_SR)
            shift_G = shrunken(x_SG - made_SG, len(x_SG)) + shrunken(made_SG - weight_SR @ made_RG, n_apart)
    return Correction(shift_G.astype(np.float32), bundle.digest, fitted_to, len(x_SG), n_apart)


def corrected(bundle: Bundle, correction: Correction) -> Bundle:
    """Give the model as it sees profiles whose shift is taken off; its codes mean what they did.

    Raises
    ------
    ModelError
        If the correction was fitted for another model.
    """
    if correction.model != bundle.digest:
        raise ModelError(
            f"the correction was fitted for the model {correction.model[:12]}, not for {bundle.digest[:12]}",
            where="correction",
            fix="fit one for this model: cic correct, or Model.correction",
        )
    return _shifted(bundle, correction.shift_G)


def shrunken(difference_SG: np.ndarray, n: float) -> np.ndarray:
    """Give the mean of each gene's differences, shrunken by how far chance alone would take it (float64, G).

    The variance of the true shifts is that of the means less what chance adds: tau² = mean(m² - v), 0 at least, with v
    the variance of a mean of `n` differences. The shift is m tau² / (tau² + v). Genes that are missing (NaN) have none.
    """
    mean_G = difference_SG.mean(axis=0, dtype=np.float64)
    chance_G = difference_SG.var(axis=0, ddof=1, dtype=np.float64) / n
    there_G = np.isfinite(mean_G)
    true = max(float(np.mean((mean_G**2 - chance_G)[there_G])), 0.0) if there_G.any() else 0.0
    share_G = np.divide(true, true + chance_G, out=np.zeros_like(mean_G), where=there_G & (true + chance_G > 0))
    return np.where(there_G, mean_G, 0.0) * share_G


def write_correction(path: Path, correction: Correction) -> None:
    """Write a correction: one file in the format of safetensors, with what it is as JSON in its header.

    Raises
    ------
    OSError
        If it cannot be written; what was there stays.
    """
    with whole(path) as partial:
        partial.write_bytes(_as_bytes(correction))


def read_correction(path: Path) -> Correction:
    """Read a correction.

    Raises
    ------
    DataError
        If there is no such file, or it is no correction.
    """
    if not path.is_file():
        raise DataError("there is no such file", where=str(path), expected="a correction, as `cic correct` writes it")
    try:
        with safe_open(path, framework="numpy") as file:
            about = json.loads((file.metadata() or {})[KEY])
            found = Correction(file.get_tensor("shift_G"), **about)
        if found.shift_G.ndim != 1 or not np.isfinite(found.shift_G).all():
            raise ValueError("its shifts are not a finite number a gene")
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"this is no correction: {error}", where=str(path), fix="make it again by `cic correct`"
        ) from None
    return found


def _as_bytes(correction: Correction) -> bytes:
    about = {one.name: getattr(correction, one.name) for one in fields(correction) if one.name != "shift_G"}
    return save({"shift_G": correction.shift_G}, {KEY: json.dumps(about, sort_keys=True)})


def _shifted(bundle: Bundle, shift_G: np.ndarray) -> Bundle:
    """Move the centre of the preprocessing, which is where a shift on the model's scale is taken off."""
    ready = bundle.preprocessor
    moved_G = shift_G * ready.scale_G
    return replace(bundle, preprocessor=replace(ready, mean_G=ready.mean_G + moved_G, moved_G=moved_G))


def _nearest(code_SW: np.ndarray, code_RW: np.ndarray) -> np.ndarray:
    """Give weights that take the mean of the √R codes nearest to each; every number is in units of its spread."""
    scale_W = np.maximum(code_RW.std(axis=0, dtype=np.float64), 1e-12)
    one_SW, other_RW = code_SW / scale_W, code_RW / scale_W
    distance_SR = np.square(other_RW).sum(axis=1) - 2 * one_SW @ other_RW.T  # but for what all of a row have
    n_near = max(round(len(code_RW) ** 0.5), 1)
    nearest_SN = np.argpartition(distance_SR, n_near - 1, axis=1)[:, :n_near]
    weight_SR = np.zeros(distance_SR.shape, dtype=np.float32)
    np.put_along_axis(weight_SR, nearest_SN, np.float32(1 / n_near), axis=1)
    return weight_SR


def _different(weight_SR: np.ndarray) -> float:
    """Count profiles by how different their nearest ones are: all the same count as one, all apart as all of them."""
    share_R = weight_SR.mean(axis=0, dtype=np.float64)
    return float(np.square(weight_SR[0]).sum() / np.square(share_R).sum()) if len(weight_SR) else 0.0

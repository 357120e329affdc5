"""From a bundle and held-out profiles to the gate's evidence: challenger and champion on the same profiles."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from cic.config import Registry
from cic.data.matrix import ExpressionMatrix, fingerprints
from cic.data.terms import COUNT_UNITS
from cic.data.units import log2_scale
from cic.errors import DataError, ModelError
from cic.evaluation.profiles.reconstruction import project, squared_errors
from cic.model.bundle import Bundle
from cic.model.bundle_files import bundle_digest, load_bundle
from cic.model.copies import trained_on
from cic.registry.fetched import fetched_bundle
from cic.registry.gate import AgainstChampion, Case, Decision, judge
from cic.registry.log import HELD_OUT_DIGITS, look_at
from cic.registry.registry import Version, current, history, withdrawal
from cic.registry.validation import judged_elsewhere
from cic.seeds import derive_seed
from cic.tracking.lineage import held_out_digest

ROWS = 256


def decide(
    uri: str,
    name: str,
    bundle_folder: Path,
    matrix: ExpressionMatrix,
    pca_errors: np.ndarray,
    audit_passed: bool,
    objections: tuple[str, ...],
    thresholds: Registry,
    seed: int,
    *,
    reinstate: bool = False,
    sealed: ExpressionMatrix | None = None,
) -> Decision:
    """Score the challenger and the present champion on held-out profiles, and let the gate decide.

    A challenger that passes is judged once more by each data set of `registry.validation`, and last by the sealed
    profiles, if there are any.

    Parameters
    ----------
    bundle_folder
        The challenger.
    matrix
        The test part, with the columns `group` and `replicate` as far as known.
    pca_errors
        Squared error of each of its profiles by PCA of the challenger's width, over the genes that it models.
    objections
        What the challenger's evaluation holds against it, whatever it is compared with.
    reinstate
        Whether a model that a rollback withdrew may come back.
    sealed
        Profiles that nothing has looked at so far.
    """
    challenger = load_bundle(bundle_folder)
    digest = bundle_digest(bundle_folder)
    champion = current(uri, name)
    decisions = history(uri, name)
    withdrawn = "" if reinstate else withdrawal(uri, name, digest)

    def evidence(held_out: ExpressionMatrix, pca_S: np.ndarray | None) -> Case:
        if held_out.unit != challenger.unit and not {held_out.unit, challenger.unit} <= {*COUNT_UNITS}:
            raise ModelError(f"they are in `{held_out.unit}`, the model takes `{challenger.unit}`")
        values_SG = challenger.align(held_out, held_out.source)
        if pca_S is None:
            pca_S = squared_errors(project(challenger, challenger.preprocessor.transform(values_SG)))["pca"]
        known = held_out_digest([str(one) for one in held_out.samples.index], fingerprints(held_out.values))
        return Case(
            samples=held_out.samples,
            model_S=in_chunks(challenger.squared_errors, values_SG),
            pca_S=pca_S,
            unseen_S=~trained_on(challenger, values_SG),
            audit_passed=audit_passed,
            objections=objections,
            champion=None if champion is None else _against(uri, champion, challenger, digest, held_out),
            withdrawn=withdrawn,
            held_out=known[:HELD_OUT_DIGITS],
            look=look_at(decisions, known[:HELD_OUT_DIGITS], digest),
        )

    decision = judge(evidence(matrix, np.asarray(pca_errors, dtype=np.float64)), thresholds, seed)
    decision = judged_elsewhere(decision, lambda elsewhere: evidence(elsewhere, None), thresholds, seed)
    if sealed is None or not decision.promote:
        return decision
    last = judge(evidence(sealed, None), thresholds, derive_seed(seed, "sealed"))
    return Decision(
        last.promote,
        last.outcome,
        tuple(f"on the sealed profiles: {reason}" for reason in last.reasons)
        + (decision.reasons if last.promote else ()),
        decision.figures | {"sealed": last.figures},
    )


def _against(uri: str, champion: Version, challenger: Bundle, digest: str, matrix: ExpressionMatrix) -> AgainstChampion:
    if champion.bundle_digest == digest:
        return AgainstChampion(champion.version, same_bundle=True)
    try:
        with fetched_bundle(uri, champion) as folder:
            other = load_bundle(folder)
        return compare_models(champion.version, challenger, other, matrix)
    except (ModelError, DataError) as error:
        return AgainstChampion(champion.version, obstacle=error.found)


def compare_models(version: str, challenger: Bundle, champion: Bundle, matrix: ExpressionMatrix) -> AgainstChampion:
    """Give both models' errors on the same profiles, over the genes that both model.

    Each is held against the profiles on the log2 scale as it sees them; the two scales differ only for counts, where
    each takes counts per million over the genes that it knows.

    Raises
    ------
    ModelError
        If the profiles lack genes of one of them, or the two take different units.
    """
    if challenger.unit != champion.unit:
        raise ModelError(f"it takes `{champion.unit}`, the challenger `{challenger.unit}`")
    known = set(champion.genes)
    common = [gene for gene in challenger.genes if gene in known]
    if not common:
        raise ModelError("they model no gene in common; give models of other data another `registry.name`")
    errors, seen = [], []
    for bundle in (challenger, champion):
        values_SG = bundle.align(matrix, matrix.source)
        errors.append(_errors_over(bundle, common, values_SG))
        seen.append(trained_on(bundle, values_SG))
    return AgainstChampion(
        version,
        challenger_S=errors[0],
        champion_S=errors[1],
        unseen_S=~(seen[0] | seen[1]),
        n_genes=len(common),
        gene_share=len(common) / len(champion.genes),
    )


def _errors_over(bundle: Bundle, genes: list[str], values_SG: np.ndarray) -> np.ndarray:
    """Give each profile's squared error on log2 scale over some of the genes (float64, S)."""
    place_out = pd.Index(bundle.genes).get_indexer(pd.Index(genes))
    place_in = pd.Index(bundle.genes_in).get_indexer(pd.Index(genes))

    def errors(chunk_SG: np.ndarray) -> np.ndarray:
        truth_SG = log2_scale(chunk_SG, bundle.unit)[:, place_in]
        difference_SG = bundle.reconstruct(chunk_SG)[:, place_out] - truth_SG
        return np.einsum("sg,sg->s", difference_SG, difference_SG, dtype=np.float64)

    return in_chunks(errors, values_SG)


def in_chunks(function: Callable[[np.ndarray], np.ndarray], values_SG: np.ndarray) -> np.ndarray:
    """Apply `function` to a few hundred profiles at a time, so that memory does not grow with their number."""
    starts = range(0, len(values_SG), ROWS)
    return np.concatenate([function(values_SG[start : start + ROWS]) for start in starts])

"""The gate before the registry: evidence in, decision out. It reads nothing and asks nobody.

A challenger passes if its split was audited clean, if its evaluation found nothing that speaks against it outright, if
it beats PCA of equal width on held-out profiles, and if it beats the present champion on the same ones. Both
comparisons are paired: profiles, or whole groups of them, are drawn again with replacement, and the bound of the
interval that speaks against the challenger has to be on its side. Where groups are named and the profiles compared
come from fewer than five, neither comparison is passed.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd

from cic.config import Registry
from cic.evaluation.statistics.intervals import Interval, ratio_interval, resampling

RESAMPLES_IN_A_TAIL = 20
MOST_RESAMPLES = 50_000
ROUNDING = 1e-4
"""An advantage below this share is float arithmetic, not a better model, however sure the interval is."""


AUDITED = "the leakage audit found nothing"
FEW_GROUPS = "but these profiles come from too few groups to say so of others"
REINSTATED = "; `cic registry promote --reinstate` lets it try again"


@dataclass(frozen=True)
class AgainstChampion:
    """The present champion beside the challenger, on the same held-out profiles.

    Attributes
    ----------
    version
        Of the champion.
    same_bundle
        Whether both are the very same model, byte by byte.
    obstacle
        Why the champion cannot be compared with; empty if it can.
    challenger_S, champion_S
        Squared error of each profile over the genes that both model, on log2 scale.
    unseen_S
        Whether neither of them was trained on the profile; others don't count.
    n_genes, gene_share
        Genes compared, and the share they are of the champion's.
    """

    version: str
    same_bundle: bool = False
    obstacle: str = ""
    challenger_S: np.ndarray = field(default_factory=lambda: np.empty(0))
    champion_S: np.ndarray = field(default_factory=lambda: np.empty(0))
    unseen_S: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=bool))
    n_genes: int = 0
    gene_share: float = 1.0


@dataclass(frozen=True)
class Case:
    """What the gate decides upon.

    Attributes
    ----------
    samples
        The held-out profiles, indexed by unique sample id, with the columns `group` and `replicate` as far as known.
    model_S, pca_S
        Squared error of each, by the challenger and by PCA of equal width, over the genes that the challenger models.
    unseen_S
        Whether the challenger was not trained on the profile.
    audit_passed
        Whether the leakage audit of its split found nothing.
    champion
        `None` if there is no champion yet.
    withdrawn
        Why this very model was withdrawn by a rollback; empty if it was not.
    objections
        What else its evaluation holds against it, a sentence each: that nothing was learnt, say.
    held_out
        Digest of the held-out profiles.
    look
        The how many-th model this is that was decided upon by these profiles.
    """

    samples: pd.DataFrame
    model_S: np.ndarray
    pca_S: np.ndarray
    unseen_S: np.ndarray
    audit_passed: bool
    champion: AgainstChampion | None = None
    withdrawn: str = ""
    objections: tuple[str, ...] = ()
    held_out: str = ""
    look: int = 1


@dataclass(frozen=True)
class Decision:
    """What the gate says.

    Attributes
    ----------
    promote
        Whether the challenger takes the alias.
    outcome
        `unchanged` if the challenger is the champion already: no promotion, and nothing wrong either.
    reasons
        What spoke against it if it was refused, else what spoke for it.
    figures
        The numbers behind it, plain JSON.
    """

    promote: bool
    outcome: Literal["promoted", "refused", "unchanged"]
    reasons: tuple[str, ...]
    figures: dict[str, Any]


@dataclass(frozen=True)
class _Check:
    passed: bool
    reason: str
    figures: dict[str, Any]


def confidence_at(look: int, confidence: float) -> float:
    """Give the confidence that a decision needs when it is not the first upon the same held-out profiles.

    Who trains again until something passes would pass by luck in the end. So the error that `confidence` allows is
    spent over all decisions together: the k-th gets the share 6 / (π k)² of it, and these add up to 1 however many
    come (Bonferroni's bound; spending as in Lan and DeMets 1983, "Discrete sequential boundaries for clinical
    trials").
    """
    return 1 - (1 - confidence) * 6 / (math.pi * look) ** 2


def judge(evidence: Case, thresholds: Registry, seed: int, max_ratio_to_champion: float = 1.0) -> Decision:
    """Decide whether the challenger may become champion.

    The decision does not depend on the order of the profiles, and profiles that do not count have no influence.

    Parameters
    ----------
    seed
        Of the resampling.
    max_ratio_to_champion
        The upper bound of its error over the champion's must be below this.
    """
    champion = evidence.champion
    if champion is not None and champion.same_bundle:
        reason = f"version {champion.version}, the champion, is this very model"
        return Decision(False, "unchanged", (reason,), {"champion": champion.version})
    asked = confidence_at(evidence.look, thresholds.confidence)
    resamples = min(math.ceil(RESAMPLES_IN_A_TAIL / ((1 - asked) / 2)), MOST_RESAMPLES)
    thresholds = thresholds.model_copy(update={"confidence": asked, "bootstrap": max(thresholds.bootstrap, resamples)})
    checks = [
        _audit(evidence),
        _against_pca(evidence, thresholds, seed),
        _against_champion(evidence, thresholds, seed, max_ratio_to_champion),
    ]
    checks += [_Check(False, objection, {}) for objection in evidence.objections]
    if evidence.withdrawn:
        checks.append(_Check(False, f"this very model was withdrawn: {evidence.withdrawn}{REINSTATED}", {}))
    promote = all(check.passed for check in checks)
    return Decision(
        promote,
        "promoted" if promote else "refused",
        tuple(check.reason for check in checks if check.passed == promote),
        {key: value for check in checks for key, value in check.figures.items()}
        | {"held_out": evidence.held_out, "look": evidence.look, "confidence": asked},
    )


def _audit(evidence: Case) -> _Check:
    passed = evidence.audit_passed
    return _Check(
        passed,
        AUDITED if passed else "the leakage audit of its split did not pass",
        {"audit_passed": passed},
    )


def _against_pca(evidence: Case, thresholds: Registry, seed: int) -> _Check:
    name = "PCA of equal width"
    compared = _compare(evidence.samples, evidence.model_S, evidence.pca_S, evidence.unseen_S, thresholds, seed, name)
    if isinstance(compared, str):
        return _Check(False, compared, {})
    ratio, figures = compared
    bound = thresholds.max_ratio_to_pca
    below, few = ratio.high is not None and ratio.high < bound - ROUNDING, "caution" in figures
    passed = below and not few
    reason = f"its error is {_shown(ratio)} of that of {name}, " + (
        (FEW_GROUPS if few else f"below {bound:g} with confidence")
        if below
        else f"which is not below {bound:g} with confidence"
    )
    if evidence.look > 1:
        reason += (
            f" (decision {evidence.look} upon these held-out profiles, so the confidence asked is "
            f"{thresholds.confidence:.2%})"
        )
    if not passed and abs(ratio.value - 1) < ROUNDING:
        reason = f"it is no better than {name}: its errors are the same, as those of a model of depth 0 are"
    return _Check(passed, reason, {"pca": figures})


def _against_champion(evidence: Case, thresholds: Registry, seed: int, bound: float) -> _Check:
    champion = evidence.champion
    if champion is None:
        return _Check(True, "there is no champion yet", {"champion": None})
    name = f"the champion, version {champion.version}"
    known = {"champion": champion.version}
    if champion.obstacle:
        return _Check(False, f"it cannot be compared with {name}: {champion.obstacle}", known)
    if champion.gene_share < thresholds.min_gene_share:
        reason = (
            f"it models only {champion.gene_share:.0%} of the genes of {name}, "
            f"fewer than the {thresholds.min_gene_share:.0%} asked for"
        )
        return _Check(False, reason, known)
    compared = _compare(
        evidence.samples, champion.challenger_S, champion.champion_S, champion.unseen_S, thresholds, seed, name
    )
    if isinstance(compared, str):
        return _Check(False, compared, known)
    ratio, figures = compared
    better, few = ratio.high is not None and ratio.high < bound - ROUNDING, "caution" in figures
    passed = better and not few
    words = "better" if bound == 1 else f"below {bound:g}"
    reason = f"its error is {_shown(ratio)} of that of {name}, on the same {figures['n_profiles']} profiles, " + (
        (FEW_GROUPS if few else f"{words} with confidence") if better else f"which is not {words} with confidence"
    )
    return _Check(passed, reason, known | {"against_champion": figures | {"n_genes": champion.n_genes}})


def _compare(
    samples: pd.DataFrame,
    model_S: np.ndarray,
    other_S: np.ndarray,
    counts_S: np.ndarray,
    thresholds: Registry,
    seed: int,
    name: str,
) -> tuple[Interval, dict[str, Any]] | str:
    """Give the ratio of summed errors with its figures, or why there is none."""
    order = np.argsort(samples.index.to_numpy(dtype=str), kind="stable")
    keep = order[counts_S[order]]
    n_left, n_out = len(keep), len(order) - len(keep)
    if n_left < thresholds.min_profiles:
        return (
            f"too few held-out profiles to compare it with {name}: {n_left} of at least {thresholds.min_profiles}"
            + (
                f", after {n_out} that a model was trained on: another `seed` or `split` holds out others; keep the "
                "champion's, or give the model a `registry.name` of its own"
                if n_out
                else ""
            )
        )
    model_S, other_S = model_S[keep], other_S[keep]
    if not (np.isfinite(model_S).all() and np.isfinite(other_S).all()):
        return f"not all errors beside those of {name} are finite numbers"
    if not other_S.sum() > 0:
        return f"it cannot be better than {name}, which has no error at all"
    plan = resampling(samples.iloc[keep], thresholds.bootstrap, thresholds.confidence, seed)
    ratio = ratio_interval(model_S, other_S, plan)
    figures = {
        "ratio": asdict(ratio),
        "n_profiles": n_left,
        "n_left_out": n_out,
        "n_units": plan.n_units,
        "resampled_by": plan.by,
        "confidence": thresholds.confidence,
    } | ({"caution": plan.caution} if plan.caution else {})
    return ratio, figures


def _shown(ratio: Interval) -> str:
    if ratio.low is None or ratio.high is None:
        return f"{ratio.value:.3f} (too few independent profiles for an interval)"
    return f"{ratio.value:.3f} ({ratio.low:.3f} to {ratio.high:.3f})"

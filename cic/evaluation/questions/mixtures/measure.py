"""Whether the codes of mixtures lie between those of the pure components, in the true proportions.

The code of a pure component is the mean over its pure *training* profiles. The shares of each held-out mixture (of each
mixture, where too few are held out) are then estimated from its code alone, as the point of the simplex that those pure
codes span which lies nearest to it, and compared with the shares that were mixed. The same is done with PCA codes of
equal width, with the whole profile on the scale of the model, and, where the data are on a linear scale, with the whole
profile on that: RNA mixes on the linear scale, while model and PCA see logarithms, on which a mixture lies off the
straight line between its components.

Axes: S profiles, M held-out mixtures, C components, D dimensions of whatever a profile is described by.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import nnls

from cic.data.roles import PROPORTION
from cic.data.units import LINEAR_UNITS
from cic.evaluation.finding import Answer
from cic.evaluation.questions.mixtures.found import Found
from cic.evaluation.statistics.intervals import (
    FEWEST_UNITS,
    Interval,
    Resampling,
    ratio_interval,
    root,
)
from cic.evaluation.subject import Subject
from cic.model.threads import one_thread

PURE_FROM = 0.999
"""Share of one component from which a profile counts as pure."""
SUM_WITHIN = 0.05
"""Shares of a profile may miss 1 by this much, and are brought to it; others name no whole mixture."""
SUM_WEIGHT = 1e4
"""Of the condition that shares add up to 1, in units of the farthest pure profile."""
METHODS = ("model", "pca", "profile", "linear", "equal_shares")


def measure(subject: Subject) -> Answer:
    """Estimate the shares of held-out mixtures from their codes, and compare with the truth.

    Returns
    -------
    Answer
        Metrics, with intervals over resampled mixtures. Methods are model, pca (codes of equal width), profile
        (all genes, scale of the model), linear (all genes, linear scale; null where the unit is not linear) and
        equal_shares (1 / C for everyone).

        - n (mixtures), n_components, n_compositions (different ones among them), units and by (resampled)
        - held_out: 1, or 0 where fewer than `FEWEST_UNITS` units of mixtures are, and those of all parts are used
        - n_pure_training: the fewest profiles behind a component's pure code
        - rmse: intervals by method, of a share
        - rmse_of_means: values of all but equal_shares, of a share told from the mean of all mixtures of the same
          composition: what averaging noise away leaves
        - ratio_to_pca, ratio_to_equal_shares: intervals, the model's RMSE over theirs, paired
        - pearson: intervals of all but equal_shares, over mixtures and components
        - off_plane: intervals of the same, mean distance of a mixture from the plane through the pure codes over the
          mean distance of two of those; null where a profile is described by fewer numbers than there are components
        - off_plane_pure: values of the same, for pure profiles that were not trained on, which is noise alone; null
          without any

        Table `mixtures`, a row a mixture and component: sample_id, component, true, and the estimates by
        method (linear is empty where there is none).
    """
    names = [name for name in subject.samples if str(name).startswith(PROPORTION)]
    if len(names) < 2:
        return _nothing("the data name no two columns with shares of a mixture (`data.proportions`).")
    share_SC, whole_S = known_shares(subject.samples[names])
    pure_S = share_SC.max(axis=1) >= PURE_FROM
    component_S = np.where(pure_S, share_SC.argmax(axis=1), -1)
    train_S = (subject.part_S == "train") & whole_S
    components = [str(name).removeprefix(PROPORTION) for name in names]
    n_pure = [int((train_S & (component_S == number)).sum()) for number in range(len(names))]
    if min(n_pure) == 0:
        lacking = ", ".join(name for name, n in zip(components, n_pure, strict=True) if not n)
        return _nothing(f"no training profile is pure {lacking}, and so the codes of mixtures lie between nothing.")
    if not (whole_S & ~pure_S).any():
        return _nothing("no profile is a mixture.")
    mixed_S, plan, held_out = choose_mixtures(subject, whole_S & ~pure_S)
    true_MC = share_SC[mixed_S]
    left_out, cautions = {}, {}
    single_S = pure_S & whole_S & (subject.test_S if held_out else ~train_S)
    estimates = {"equal_shares": np.full_like(true_MC, 1 / len(names))}
    same_M = np.unique(np.round(true_MC, 3), axis=0, return_inverse=True)[1].reshape(-1)
    of_means: dict[str, Any] = dict.fromkeys(METHODS[:-1])
    plane: dict[str, Any] = dict.fromkeys(METHODS[:-1])
    plane_pure: dict[str, Any] = dict.fromkeys(METHODS[:-1])
    with one_thread():
        for name, x_SD in descriptions(subject).items():
            pure_CD = np.stack([x_SD[train_S & (component_S == number)].mean(axis=0, dtype=np.float64)
                                for number in range(len(names))])  # fmt: skip
            estimates[name] = estimate_shares(x_SD[mixed_S], pure_CD)
            of_means[name] = error_of_means(x_SD[mixed_S], pure_CD, true_MC, same_M)
            if x_SD.shape[1] < len(names):
                continue  # the plane fills the space, so that nothing can lie off it
            off_M = off_plane(x_SD[mixed_S], pure_CD)
            plane[name] = ratio_interval(off_M, np.ones(len(off_M)), plan)
            if single_S.any():
                plane_pure[name] = float(off_plane(x_SD[single_S], pure_CD).mean())
    square = {name: np.square(one_MC - true_MC).mean(axis=1) for name, one_MC in estimates.items()}
    each_M = np.ones(len(true_MC))
    if "linear" not in estimates:
        left_out["mixtures.linear"] = (
            f"the unit is `{subject.bundle.unit}`, so mixtures were not also taken apart on a linear scale, on which "
            "RNA mixes."
        )
    if int((~whole_S).sum()):
        left_out["mixtures.shares"] = (
            f"{int((~whole_S).sum())} profiles have a share missing, or shares that do not add up to 1."
        )
    if not held_out:
        cautions["mixtures.parts"] = (
            "Too few mixtures are held out, so those of all parts are used, most of which the model was trained on, "
            "though not on their shares."
        )
    if plan.caution:
        cautions["mixtures.resampling"] = plan.caution
    if subject.hyper.bottleneck_width < len(names) - 1:
        cautions["mixtures.width"] = (
            f"A code of {subject.hyper.bottleneck_width} numbers has no room for the shares of {len(names)} components."
        )
    metrics = {
        "n": len(true_MC),
        "n_components": len(names),
        "n_compositions": int(same_M.max()) + 1,
        "held_out": int(held_out),
        "units": plan.n_units,
        "by": plan.by,
        "n_pure_training": min(n_pure),
        "rmse": {
            name: root(ratio_interval(square[name], each_M, plan)) if name in square else None for name in METHODS
        },
        "rmse_of_means": of_means,
        "ratio_to_pca": root(ratio_interval(square["model"], square["pca"], plan)),
        "ratio_to_equal_shares": root(ratio_interval(square["model"], square["equal_shares"], plan)),
        "pearson": {
            name: pearson(true_MC, estimates[name], plan) if name in estimates else None for name in METHODS[:-1]
        },
        "off_plane": plane,
        "off_plane_pure": plane_pure,
    }
    table = pd.DataFrame(
        {
            "sample_id": np.repeat(subject.samples.index[mixed_S].astype(str), len(names)),
            "component": components * len(true_MC),
            "true": true_MC.ravel(),
            **{name: estimates[name].ravel() if name in estimates else np.nan for name in METHODS},
        }
    )
    return Answer(Found.model_validate(metrics), left_out, cautions, {"mixtures": table})


def known_shares(columns: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Give shares that add up to 1 (S x C, 0 where unknown), and which profiles name a whole mixture."""
    share_SC = columns.to_numpy(dtype=np.float64)
    total_S = share_SC.sum(axis=1)
    whole_S = np.abs(total_S - 1) <= SUM_WITHIN  # a missing share makes the sum missing, and this false
    known_SC = np.zeros_like(share_SC)
    known_SC[whole_S] = share_SC[whole_S] / total_S[whole_S, None]
    return known_SC, whole_S


def choose_mixtures(subject: Subject, mixed_S: np.ndarray) -> tuple[np.ndarray, Resampling, bool]:
    """Give which mixtures to score, how to resample them, and whether they are held out.

    Those of the test part, if there are at least `FEWEST_UNITS` independent units of them, else those of all parts.
    """
    for held_out, subset_S in ((True, mixed_S & subject.test_S), (False, mixed_S)):
        plan = subject.plan.over(subject.samples[subset_S])
        if plan.n_units >= FEWEST_UNITS:
            return subset_S, plan, held_out
    return subset_S, plan, False


def descriptions(subject: Subject) -> dict[str, np.ndarray]:
    """Give what shares are estimated from: S x D by method."""
    found = {
        "model": subject.profiles.code_SW,
        "pca": subject.profiles.pca_code_SW,
        "profile": subject.coordinates.y_SY,
    }
    preprocessor = subject.bundle.preprocessor
    if subject.bundle.unit in LINEAR_UNITS:
        log2_SG = preprocessor.inverse(subject.x_SG)
        found["linear"] = preprocessor.to_unit(log2_SG)
    return found


def estimate_shares(x_MD: np.ndarray, pure_CD: np.ndarray) -> np.ndarray:
    """Give the shares, none below 0 and with the sum 1, of the mixture of `pure_CD` that lies nearest to each row.

    Least squares under these constraints, as non-negative least squares with the sum as one more equation of large
    weight (Lawson and Hanson 1974, chapter 23; Haskell and Hanson 1981).

    Returns
    -------
    numpy.ndarray
        float64, M x C.
    """
    # with a sum of 1 nothing changes if all are moved by the same; of the rest only what is within the span of the pure
    # ones matters, so that D equations become C
    origin_D = pure_CD.mean(axis=0)
    from_origin_CD = pure_CD - origin_D
    basis_DC, mixing_CC = np.linalg.qr(from_origin_CD.T)
    inside_MC = (x_MD - origin_D) @ basis_DC
    weight = SUM_WEIGHT * (float(np.linalg.norm(from_origin_CD, axis=1).max()) or 1.0)
    equations = np.vstack([mixing_CC, np.full(len(pure_CD), weight)])
    shares = [nnls(equations, np.append(inside_C, weight))[0] for inside_C in inside_MC]
    share_MC = np.stack(shares)
    return share_MC / share_MC.sum(axis=1, keepdims=True)


def error_of_means(x_MD: np.ndarray, pure_CD: np.ndarray, true_MC: np.ndarray, same_M: np.ndarray) -> float:
    """Give the root mean squared error of shares told from the means of mixtures with the same number in `same_M`."""
    means = [x_MD[same_M == number].mean(axis=0, dtype=np.float64) for number in range(same_M.max() + 1)]
    truths = [true_MC[same_M == number].mean(axis=0) for number in range(same_M.max() + 1)]
    return float(np.sqrt(np.square(estimate_shares(np.stack(means), pure_CD) - np.stack(truths)).mean()))


def off_plane(x_MD: np.ndarray, pure_CD: np.ndarray) -> np.ndarray:
    """Give each row's distance from the plane through `pure_CD`, over the mean distance of two of these (float64, M).

    NaN where the pure ones do not differ.
    """
    origin_D = pure_CD.mean(axis=0)
    from_origin_MD = x_MD.astype(np.float64) - origin_D
    _, length_C, basis_CD = np.linalg.svd(pure_CD - origin_D, full_matrices=False)
    basis_CD = basis_CD[length_C > 1e-9 * max(length_C[0], np.finfo(float).tiny)]
    outside_MD = from_origin_MD - (from_origin_MD @ basis_CD.T) @ basis_CD
    first, second = np.triu_indices(len(pure_CD), k=1)
    spread = np.linalg.norm(pure_CD[first] - pure_CD[second], axis=1).mean()
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.linalg.norm(outside_MD, axis=1) / spread)


def pearson(true_MC: np.ndarray, made_MC: np.ndarray, plan: Resampling) -> Interval:
    """Give Pearson r over mixtures and components together, with its interval."""
    moments = (np.ones_like(true_MC), true_MC, made_MC, true_MC**2, made_MC**2, true_MC * made_MC)
    moment_M6 = np.stack([one_MC.sum(axis=1) for one_MC in moments], axis=1)

    def correlation(sum_R6: np.ndarray) -> np.ndarray:
        n, x, y, xx, yy, xy = sum_R6.T
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray((n * xy - x * y) / np.sqrt((n * xx - x * x) * (n * yy - y * y)))

    value = float(correlation(moment_M6.sum(axis=0)[None])[0])
    return plan.interval(value, correlation(plan.sums(moment_M6)))


def _nothing(reason: str) -> Answer:
    return Answer(None, {"mixtures": reason})

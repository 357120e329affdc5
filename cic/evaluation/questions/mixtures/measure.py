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

from dataclasses import dataclass

import numpy as np
import pandas as pd

from cic.data.terms import LINEAR_UNITS
from cic.evaluation.finding import Answer
from cic.evaluation.questions.mixtures.compositions import Compositions, compositions
from cic.evaluation.questions.mixtures.found import Found
from cic.evaluation.questions.mixtures.simplex import error_of_means, estimate_shares, off_plane
from cic.evaluation.statistics.intervals import FEWEST_UNITS, Interval, Resampling, ratio_interval, root
from cic.evaluation.subject import Subject
from cic.model.threads import one_thread

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
    mixtures = compositions(subject)
    if isinstance(mixtures, str):
        return Answer(None, {"mixtures": mixtures})
    scored_S, plan, held_out = choose_mixtures(subject, mixtures.mixed_S)
    unseen_S = subject.test_S if held_out else ~mixtures.train_S
    apart = take_apart(subject, mixtures, scored_S, mixtures.pure_S & mixtures.whole_S & unseen_S, plan)
    true_MC, estimates = mixtures.share_SC[scored_S], apart.estimates
    square = {name: np.square(one_MC - true_MC).mean(axis=1) for name, one_MC in estimates.items()}
    each_M = np.ones(len(true_MC))
    metrics = {
        "n": len(true_MC),
        "n_components": len(mixtures.components),
        "n_compositions": int(apart.same_M.max()) + 1,
        "held_out": int(held_out),
        "units": plan.n_units,
        "by": plan.by,
        "n_pure_training": min(mixtures.n_pure),
        "rmse": {
            name: root(ratio_interval(square[name], each_M, plan)) if name in square else None for name in METHODS
        },
        "rmse_of_means": apart.of_means,
        "ratio_to_pca": root(ratio_interval(square["model"], square["pca"], plan)),
        "ratio_to_equal_shares": root(ratio_interval(square["model"], square["equal_shares"], plan)),
        "pearson": {
            name: pearson(true_MC, estimates[name], plan) if name in estimates else None for name in METHODS[:-1]
        },
        "off_plane": apart.plane,
        "off_plane_pure": apart.plane_pure,
    }
    table = pd.DataFrame(
        {
            "sample_id": np.repeat(subject.samples.index[scored_S].astype(str), len(mixtures.components)),
            "component": list(mixtures.components) * len(true_MC),
            "true": true_MC.ravel(),
            **{name: estimates[name].ravel() if name in estimates else np.nan for name in METHODS},
        }
    )
    return Answer(
        Found.model_validate(metrics),
        _left_out(subject, mixtures, linear="linear" in estimates),
        _cautions(subject, mixtures, plan, held_out),
        {"mixtures": table},
    )


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


@dataclass(frozen=True)
class Apart:
    """Mixtures taken apart by every description of them; what a description cannot tell is `None`.

    Attributes
    ----------
    estimates
        Shares by method (M x C), equal ones among them.
    same_M
        Number of a mixture's composition.
    of_means
        Root mean squared error of shares told from the mean of each composition.
    plane, plane_pure
        Distance from the plane through the pure codes: of the mixtures, and of pure profiles that were not trained on.
    """

    estimates: dict[str, np.ndarray]
    same_M: np.ndarray
    of_means: dict[str, float | None]
    plane: dict[str, Interval | None]
    plane_pure: dict[str, float | None]


def take_apart(
    subject: Subject, mixtures: Compositions, scored_S: np.ndarray, single_S: np.ndarray, plan: Resampling
) -> Apart:
    """Estimate the shares of the mixtures `scored_S`, and how far they and the pure `single_S` lie off the plane."""
    true_MC, n_components = mixtures.share_SC[scored_S], len(mixtures.components)
    same_M = np.unique(np.round(true_MC, 3), axis=0, return_inverse=True)[1].reshape(-1)
    found = Apart(
        {"equal_shares": np.full_like(true_MC, 1 / n_components)},
        same_M,
        dict.fromkeys(METHODS[:-1]),
        dict.fromkeys(METHODS[:-1]),
        dict.fromkeys(METHODS[:-1]),
    )
    with one_thread():
        for name, x_SD in descriptions(subject).items():
            pure_CD = mixtures.pure(x_SD)
            found.estimates[name] = estimate_shares(x_SD[scored_S], pure_CD)
            found.of_means[name] = error_of_means(x_SD[scored_S], pure_CD, true_MC, same_M)
            if x_SD.shape[1] < n_components:
                continue  # the plane fills the space, so that nothing can lie off it
            off_M = off_plane(x_SD[scored_S], pure_CD)
            found.plane[name] = ratio_interval(off_M, np.ones(len(off_M)), plan)
            if single_S.any():
                found.plane_pure[name] = float(off_plane(x_SD[single_S], pure_CD).mean())
    return found


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


def _left_out(subject: Subject, mixtures: Compositions, linear: bool) -> dict[str, str]:
    found = {}
    if not linear:
        found["mixtures.linear"] = (
            f"the unit is `{subject.bundle.unit}`, so mixtures were not also taken apart on a linear scale, on which "
            "RNA mixes."
        )
    if unknown := int((~mixtures.whole_S).sum()):
        found["mixtures.shares"] = f"{unknown} profiles have a share missing, or shares that do not add up to 1."
    return found


def _cautions(subject: Subject, mixtures: Compositions, plan: Resampling, held_out: bool) -> dict[str, str]:
    found, width, n_components = {}, subject.hyper.bottleneck_width, len(mixtures.components)
    if not held_out:
        found["mixtures.parts"] = (
            "Too few mixtures are held out, so those of all parts are used, most of which the model was trained on, "
            "though not on their shares."
        )
    if plan.caution:
        found["mixtures.resampling"] = plan.caution
    if width < n_components - 1:
        found["mixtures.width"] = f"A code of {width} numbers has no room for the shares of {n_components} components."
    return found

"""What the profiles themselves say: outliers, copies, replicates that disagree, sexes that contradict the table."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cic.checking.finding import Finding, Level, counted, some
from cic.checking.library import deviations, size_of
from cic.checking.looked_at import Components
from cic.checking.neighbours import Neighbours, Replicates
from cic.checking.sexes import SEXES, Sexes
from cic.data.terms import Unit

FAR = 5.0
"""Robust standard deviations from the median of the group and label beyond which a profile is an outlier."""
LEAST_LOG2, LEAST_SHARE = 1.0, 0.1
"""And the least difference that matters, of sizes (twofold) and of shares: where profiles are all but equal, 5
deviations are nothing."""
OF_ONE_SEX = 0.8
"""Share of the groups that are of one sex, from which on groups are donors."""


def about_library(library: pd.DataFrame, samples: pd.DataFrame, unit: Unit) -> list[Finding]:
    """Name profiles of unusual size, share of zeros or mitochondrial share."""
    size_S = library["size"].to_numpy()
    side_S = _sides(np.log2(np.maximum(size_S, 1)) if unit == "counts" else size_S, samples, LEAST_LOG2)
    zeros_S = _sides(library["zeros"].to_numpy(), samples, LEAST_SHARE)
    odd = {
        f"an unusually small {size_of(unit)}": side_S < 0,
        f"an unusually large {size_of(unit)}": side_S > 0,
        "an unusually small share of zeros": zeros_S < 0,
        "an unusually large share of zeros": zeros_S > 0,
    }
    if unit == "counts" and library["mitochondrial"].notna().all():
        share_S = _sides(library["mitochondrial"].to_numpy(), samples, LEAST_SHARE)
        odd["an unusually large mitochondrial share, as damaged cells have"] = share_S > 0
    return [one for what, odd_S in odd.items() for one in _outliers(library.index[odd_S], what)]


def _sides(value_S: np.ndarray, samples: pd.DataFrame, least: float) -> np.ndarray:
    """Give -1 or 1 where a value is far below or above the medians of both its group and its label, else 0."""
    each = []
    for role in [role for role in ("group", "label") if role in samples] or ["neither"]:
        away_S, robust_S = deviations(value_S, samples.get(role))
        each.append(np.sign(away_S) * ((np.abs(robust_S) > FAR) & (np.abs(away_S) >= least)))
    return np.where(np.equal(each, each[0]).all(axis=0), each[0], 0)


def _outliers(names: pd.Index, what: str, topic: str = "library") -> list[Finding]:
    named = tuple(str(name) for name in names)
    message = f"{counted(len(named), 'profile')} with {what}: {some(named)}"
    return [Finding("warn", topic, message, "", named)] if named else []


def about_components(components: Components, samples: pd.DataFrame) -> list[Finding]:
    """Name profiles that lie apart from all others of their label."""
    far = components.rows[components.apart_S][np.argsort(-components.distance_S[components.apart_S], kind="stable")]
    among = "others of their label" if "label" in samples else "all others"
    return _outliers(samples.index[far], f"a place far from {among} in the principal components", "map")


def about_neighbours(neighbours: Neighbours, samples: pd.DataFrame) -> list[Finding]:
    """Name profiles that are the same, or all but the same; what a group keeps together does no harm to a split."""
    found = []
    for astride in (True, False):
        sets = [rows for rows in neighbours.copies if _astride(samples, rows) == astride]
        if sets:
            told = some([" = ".join(str(samples.index[row]) for row in rows[:4]) for rows in sets], 3)
            message = f"{counted(len(sets), 'set')} of profiles that are equal to the last bit{_where(astride)}: {told}"
            named = tuple(str(samples.index[row]) for rows in sets for row in rows)
            found.append(Finding("warn", "copies", message, "keep one of each", named))
        pairs = [one for one in neighbours.twins if _astride(samples, (one.first, one.second)) == astride]
        if pairs:
            named = tuple(dict.fromkeys(str(samples.index[row]) for one in pairs for row in (one.first, one.second)))
            told = some([f"{samples.index[one.first]} ~ {samples.index[one.second]}" for one in pairs], 3)
            message = f"{counted(len(pairs), 'pair')} of profiles that are all but the same{_where(astride)}: {told}"
            fix = "if they are of one sample, say so in the column `data.replicate` names" if astride else ""
            found.append(Finding("warn" if astride else "note", "copies", message, fix, named))
    return found


def _where(astride: bool) -> str:
    return ", which nothing keeps on one side of a split" if astride else ", each of one group or sample"


def _astride(samples: pd.DataFrame, rows: tuple[int, ...]) -> bool:
    """Tell whether a split may part profiles: what shares a group, or is the same sample, stays together."""
    few = samples.iloc[list(rows)]
    return not any(role in few and few[role].nunique(dropna=False) == 1 for role in ("group", "replicate"))


def about_replicates(replicates: Replicates, samples: pd.DataFrame) -> list[Finding]:
    """Say how well replicates agree, and name those that do not."""
    within, between = float(np.median(replicates.within_P)), float(np.median(replicates.between_P))
    if not replicates.agree:
        message = (
            f"replicates lie {within:.2f} apart and different samples {between:.2f} (root mean square a gene, log2): "
            "either measuring is that noisy, or the column does not say what is a replicate of what"
        )
        return [Finding("warn", "replicates", message)]
    message = f"replicates lie {within:.2f} apart, different samples {between:.2f} (root mean square a gene, log2)"
    odd = samples.index[np.array(replicates.odd, dtype=int)]
    told = "a place no nearer to their replicates than to a quarter of all other profiles"
    return [*_outliers(odd, told, "replicates"), Finding("note", "replicates", message)]


def about_sexes(sexes: Sexes, samples: pd.DataFrame) -> list[Finding]:
    """Name profiles whose genes contradict what is known, and samples or donors that have both sexes."""
    found = []
    told_S, contradicts_S = sexes.told_S, sexes.contradicts_S
    if contradicts_S.any():
        named = tuple(str(name) for name in samples.index[contradicts_S])
        known = zip(named, sexes.known_S[contradicts_S], told_S[contradicts_S], strict=True)
        by = f"the column `{sexes.column}`" if sexes.column else "the label"
        told = some([f"{name} ({SEXES[was]} by {by}, {SEXES[is_]} by genes)" for name, was, is_ in known], 3)
        message = f"{counted(len(named), 'profile')} whose genes contradict the sex that is known: {told}"
        found.append(Finding("warn", "sexes", message, "look whether samples were mixed up", named))
    is_told_S = told_S != ""
    levels: dict[str, Level] = {"replicate": "warn", "group": "note"}
    for role, level in levels.items():
        if role not in samples or not is_told_S.any():
            continue
        sexes_of_set = (
            pd.Series(told_S[is_told_S]).groupby(samples[role].to_numpy()[is_told_S]).agg(["nunique", "size"])
        )
        several = sexes_of_set[sexes_of_set["size"] > 1]
        both = [str(name) for name in several.index[several["nunique"] > 1]]
        if both and (role == "replicate" or len(both) <= (1 - OF_ONE_SEX) * len(several)):
            named = tuple(str(name) for name in samples.index[samples[role].isin(both)])
            what = "sample that was measured again" if role == "replicate" else "group"
            message = f"{counted(len(both), what)} with profiles of both sexes: {some(both)}"
            found.append(Finding(level, "sexes", message, "", named))
    n_female, n_male = (int((told_S == sex).sum()) for sex in SEXES)
    n_uncertain = len(told_S) - n_female - n_male
    message = f"sex of the profiles by their genes: female {n_female:,}, male {n_male:,}, uncertain {n_uncertain:,}"
    if not sexes.has_xist:
        message += ", as XIST, which alone tells a female one, is not among the genes"
    return [*found, Finding("note", "sexes", message)]

"""All that a model says of profiles, as columns: `Model` makes tables of them, and a server sends them without.

To make a table of one profile and to take it apart again takes nearly as long as to make its code.
"""

from __future__ import annotations

import logging
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from cic.model.bundle import Bundle
from cic.model.familiarity import COLUMNS, TYPE_COLUMNS, answers
from cic.model.features import Features
from cic.using.correction import Correction, corrected
from cic.using.profiles import Reading, taken, where_from

log = logging.getLogger(__name__)

Told: TypeAlias = tuple[pd.Index, dict[str, np.ndarray]]
"""Ids of samples, and columns by name, a value a sample each."""


def encoded(
    bundle: Bundle,
    profiles: Any,
    how: Reading,
    correction: Correction | None = None,
    held_out: Any = None,
    features: Features | None = None,
) -> Told:
    """Give codes and what is to be doubted of them; parameters and columns as of `Model.encode`, without `model`."""
    samples, told, _ = _told(bundle, profiles, how, correction, held_out, features)
    return samples, told


def classified(
    bundle: Bundle, profiles: Any, how: Reading, correction: Correction | None = None, held_out: Any = None
) -> Told:
    """Give cell types likewise; parameters and columns as of `Model.classify`, without `model`."""
    bundle.check_classifies()
    samples, told, chances = _told(bundle, profiles, how, correction, held_out)
    stamps = [name for name in told if name == "correction" or name.startswith("error_growth")]
    wanted = [*TYPE_COLUMNS, *COLUMNS, *stamps]
    return samples, {name: told[name] for name in wanted} | chances


def _told(
    bundle: Bundle,
    profiles: Any,
    how: Reading,
    correction: Correction | None,
    held_out: Any,
    features: Features | None = None,
) -> tuple[pd.Index, dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Give ids, all that is said of profiles, and the chances of each label."""
    where = where_from(profiles)
    ids, parts, chances = list[pd.Index](), list[dict[str, np.ndarray]](), list[dict[str, np.ndarray]]()
    model, stamps = bundle, dict[str, Any]()
    if correction is not None:
        bundle, stamps = corrected(model, correction), {"correction": correction.digest[:12]}
        log.warning("%s: corrected by %s of %s", where, correction, correction.fitted_to)
    for values_SG, samples in taken(bundle, profiles, where, how):
        if held_out is not None and not parts:
            from cic.using.held_out import growth  # whoever asks for no cost need not wait for what resamples

            stamps |= growth(model, held_out, np.isnan(values_SG).all(axis=0), where)
        told, probability_SL = answers(bundle, values_SG, features)
        for note in sorted({*told["note"]} - {""}):
            log.warning("%s: %s", where, note)
        for name, stamp in stamps.items():
            told[name] = np.full(len(samples), stamp, dtype=float if isinstance(stamp, float) else object)
        ids.append(samples)
        parts.append(told)
        if probability_SL is not None:
            columns = (f"p({label})" for label in bundle.labels)
            chances.append(dict(zip(columns, probability_SL.T, strict=True)))
    return ids[0].append(ids[1:]) if ids[1:] else ids[0], _joined(parts), _joined(chances)


def _joined(parts: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Give columns below one another; one part alone as it is, since whoever asks for one profile waits for it."""
    if len(parts) == 1:
        return parts[0]
    return {name: np.concatenate([part[name] for part in parts]) for name in (parts[0] if parts else ())}

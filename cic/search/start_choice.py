"""How much of what another model lends is taken (`training.start_from`), chosen before the search."""

from __future__ import annotations

import logging
import math
from dataclasses import replace
from functools import partial

import numpy as np

from cic.config import Params
from cic.data.matrix import ExpressionMatrix
from cic.model.bundle import Bundle
from cic.model.prepare import prepare
from cic.model.start import SHARES, Start
from cic.model.training import Hyperparameters
from cic.model.trial import TrialSpec, run_trial
from cic.search.space import Space
from cic.seeds import derive_seed
from cic.workers.workers import Workers

log = logging.getLogger("cic.data")


def chosen_start(
    bundle: Bundle | None, params: Params, matrix: ExpressionMatrix, part_S: np.ndarray, workers: Workers, device: str
) -> Start | None:
    """Choose how much what is lent counts: with what one training of each, at the centre of the space, foretells best.

    It is trained at the smallest depth above 0 and the middle width of the search, and judged on the validation part. A
    share of 0, which lends nothing, is among those that are tried.
    """
    if bundle is None:
        return None
    space = Space.of(params.search)
    assert space.depth is not None, "Params asks for a depth above 0"
    hyper = Hyperparameters.model_validate(
        {"depth": space.depth.values[0], "bottleneck_width": space.widths[len(space.widths) // 2], **space.centre()}
    )
    train, validation = (matrix.select(part_S == name) for name in ("train", "validation"))
    rank, seed = params.search.rank or params.training.rank, derive_seed(params.seed, "start")
    # the basis is the same for every share but 0
    nothing, all_of_it = (
        prepare(train, validation, params, rank, workers.pass_over, Start(bundle, share)).fold for share in (0.0, 1.0)
    )
    folds = [replace(all_of_it, lent_weight=share * all_of_it.lent_weight) if share else nothing for share in SHARES]
    specs = [TrialSpec(number, hyper, seed, params.training, (fold,)) for number, fold in enumerate(folds)]
    errors = [
        math.inf if one.error is None else one.error for one in workers.map(partial(run_trial, device=device), specs)
    ]
    chosen = Start(bundle, SHARES[errors.index(min(errors))])
    log.info(
        "start: what %s lends counts %g times as much as the training profiles; validation error by such weights: %s",
        params.training.start_from, chosen.share,
        ", ".join(f"{share:g}: {error:.4f}" for share, error in zip(SHARES, errors, strict=True)),
    )  # fmt: skip
    return chosen

"""The fit of a network that is merged of several."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence

import torch

from cic.config import Training
from cic.model.fold import Fold
from cic.model.merging import merged
from cic.model.threads import one_thread
from cic.model.training import Hyperparameters
from cic.model.trial import FitCourse, Fitted, NotFitted, reason_of, to_the_end

log = logging.getLogger(__name__)
MERGED_RATE = 0.25
"""Learning rate of a merged network over that of its members."""


def fit_merged(
    members: Sequence[Fitted], fold: Fold, hyper: Hyperparameters, training: Training, seed: int, device: str = "cpu"
) -> Fitted | NotFitted:
    """Make one network of several that were fitted from other seeds, and train it as long again, with smaller steps.

    Its code is that of the best of them. Whatever goes wrong is told, not raised.
    """
    ordered = sorted(members, key=lambda one: one.validation_loss)
    calmer = hyper.model_copy(update={"learning_rate": MERGED_RATE * hyper.learning_rate})
    try:
        with one_thread():
            network = merged([one.network for one in ordered], torch.from_numpy(fold.z_train_SK))
        # before its output weights are solved for it reproduces nothing
        course = FitCourse(network, math.inf, fold.error_alone, training.patience, seed)
        to_the_end(course, fold, calmer, training, seed, device)
        return course.fitted()
    except Exception as error:
        log.warning("merging %d trainings failed", len(members), exc_info=True)
        return NotFitted(seed, reason_of(error))

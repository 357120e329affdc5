"""When a training ends, judged by its looks at the validation part."""

from __future__ import annotations

import math

from cic.config import Training

RUNGS = (0.125, 0.25, 0.5)
"""Shares of the epochs at which a trial may be pruned."""


class Best:
    """The epoch of lowest validation loss so far, and the validation error there.

    It begins with an untrained network, which is PCA; where more is trained than its error, a head or by a penalty,
    nobody has trained that yet. Then, too, the later of two equal losses is the better: no validation profile may have
    a label, and the code be fixed.
    """

    def __init__(self, pca: float, error_alone: bool) -> None:
        self.error, self.loss, self.epoch = pca, pca if error_alone else math.inf, 0
        self.error_alone = error_alone

    def see(self, epoch: int, error: float, loss: float) -> bool:
        """Say whether this epoch is the best so far."""
        if loss < self.loss or (not self.error_alone and loss == self.loss):
            self.error, self.loss, self.epoch = error, loss, epoch
            return True
        return False


def rung_epochs(training: Training) -> tuple[int, ...]:
    """Give the epochs at which a trial may be pruned: looks at the validation part about the shares `RUNGS`."""
    every = training.validate_every
    return tuple(sorted({every * math.ceil(share * training.epochs / every) for share in RUNGS}))

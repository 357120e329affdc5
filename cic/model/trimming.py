"""The components of the basis that a decoder speaks of: later ones only where that lowers the validation error.

A good part of the later components is what single training profiles, or single studies, have of their own, and what is
foretold of those can be worse than nothing. The error on left-out profiles does not tell: the basis is of all training
profiles, the left-out ones among them, and shows every left-out profile more of its own than a new one has there.

Axes: S samples, K coordinates of the basis.
"""

from __future__ import annotations

import copy
from dataclasses import replace

import torch

from cic.model.autoencoder import Autoencoder
from cic.model.fold import Fold
from cic.model.threads import one_thread
from cic.model.training import reconstructed
from cic.model.trial import Fitted

FIRST = 32
"""Components that are always spoken of; then twice as many, and so on, are tried."""


@torch.no_grad()
def trimmed(fitted: Fitted, fold: Fold) -> Fitted:
    """Give the network silent on all components from one on, where that is better on the validation profiles."""
    shape = fitted.network.architecture
    if not shape.depth:
        return fitted
    z_SK = torch.from_numpy(fold.z_validation_SK)
    first, best = max(FIRST, shape.bottleneck_width), fitted
    with one_thread():
        while first < shape.n_inputs:
            network = _silent_from(fitted.network, first)
            inside, *_ = reconstructed(network, z_SK)
            error = (inside.item() + float(fold.outside_validation_S.sum())) / float(fold.total_validation_S.sum())
            if error < best.validation_error:
                best = replace(fitted, network=network, validation_error=error)
            first *= 2
    return best


def _silent_from(network: Autoencoder, first: int) -> Autoencoder:
    quiet = copy.deepcopy(network)
    for layer in (quiet.decoder_linear, quiet.decoder_last):
        layer.weight[first:] = 0
    quiet.decoder_last.bias[first:] = 0
    return quiet

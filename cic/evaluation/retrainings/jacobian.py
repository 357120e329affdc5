"""The mean derivative of a decoder.

Axes: S profiles, K coordinates of a sample basis, W code, B batch.
"""

from __future__ import annotations

import numpy as np
import torch

from cic.model.autoencoder import Autoencoder

ROWS_AT_A_TIME = 128


@torch.inference_mode()
def mean_jacobian(network: Autoencoder, code_SW: np.ndarray) -> np.ndarray:
    """Give the decoder's derivative, averaged over the codes of some profiles (K x W, float64)."""
    total_KW = np.zeros((network.architecture.n_inputs, network.architecture.bottleneck_width))
    for code_BW in torch.from_numpy(code_SW).split(ROWS_AT_A_TIME):
        total_KW += network.decoder_jacobian(code_BW).sum(dim=0, dtype=torch.float64).numpy()
    return total_KW / len(code_SW)

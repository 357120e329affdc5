"""Turning a code to axes that are as simple as can be, by an orthogonal map that the weights take up.

A code is free up to an invertible map. Of the orthogonal ones, which leave the refinement of codes as it is too,
varimax (Kaiser 1958) of what each number does to each gene makes numbers that move some genes much and most others
little.

Axes: S profiles, K coordinates of the sample basis, G genes, W numbers of the code, V numbers of the turned code.
"""

from __future__ import annotations

import numpy as np

from cic.model.basis import SampleBasis
from cic.model.inference import TrainedNetwork
from cic.model.threads import one_thread

MOST_PROFILES, MOST_GENES = 256, 5000
"""Over which effects are taken, at most; spread evenly."""
ROUNDS, TOLERANCE = 200, 1e-6


def turned_to_genes(network: TrainedNetwork, basis: SampleBasis, z_train_SK: np.ndarray) -> TrainedNetwork:
    """Give the same function with a code whose numbers move few genes each.

    Parameters
    ----------
    z_train_SK
        Training profiles in the basis: what a number does is the decoder's derivative, averaged over some of them.
    """
    with one_thread():
        code_SW = network.encode(z_train_SK[:: -(-len(z_train_SK) // MOST_PROFILES)])
        mean_KW = np.mean([network.jacobian(code_W[None])[0] for code_W in code_SW], axis=0, dtype=np.float64)
        return turned(network, simplest(basis.components_GK @ mean_KW))


def simplest(effect_GW: np.ndarray) -> np.ndarray:
    """Give the orthogonal map by which codes are turned, from what each number does to each gene."""
    return varimax(effect_GW[:: -(-len(effect_GW) // MOST_GENES)])


def varimax(effect_GW: np.ndarray) -> np.ndarray:
    """Give the orthogonal map (float64, W x V) after which squared effects vary most within each number.

    Numbers are ordered by the sum of their squared effects, and point to where their largest effects go up.
    """
    effect_GW = effect_GW.astype(np.float64)
    turn_WV, reached = np.eye(effect_GW.shape[1]), 0.0
    for _ in range(ROUNDS):
        turned_GV = effect_GW @ turn_WV
        gradient_GV = turned_GV**3 - turned_GV * np.square(turned_GV).mean(axis=0)
        left_WV, size_V, right_VV = np.linalg.svd(effect_GW.T @ gradient_GV)
        turn_WV = left_WV @ right_VV
        if size_V.sum() < reached * (1 + TOLERANCE):
            break
        reached = size_V.sum()
    turned_GV = effect_GW @ turn_WV
    order_V = np.argsort(-np.square(turned_GV).sum(axis=0), kind="stable")
    sign_V = np.where((turned_GV**3).sum(axis=0) < 0, -1.0, 1.0)
    return (turn_WV * sign_V)[:, order_V]


def turned(network: TrainedNetwork, turn_WV: np.ndarray) -> TrainedNetwork:
    """Give the same function with the code times an orthogonal map."""
    weights = {name: value.astype(np.float64) for name, value in network.weights.items()}
    scale_W = weights["code_scale_W"]
    scale_V = np.sqrt(np.square(scale_W) @ np.square(turn_WV))
    changed = {"code_scale_W": scale_V}
    for name in ("encoder_linear.weight", "encoder_last.weight", "encoder_last.bias"):
        if name in weights:
            changed[name] = turn_WV.T @ weights[name]
    for name in ("decoder_linear.weight", "decoder_hidden.0.weight"):
        if name in weights:
            changed[name] = weights[name] @ turn_WV
    if "head.weight" in weights:
        changed["head.weight"] = (weights["head.weight"] / scale_W) @ turn_WV * scale_V
    return TrainedNetwork(
        network.architecture,
        network.weights | {name: value.astype(np.float32) for name, value in changed.items()},
    )

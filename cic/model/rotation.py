"""Turning a code to axes that are simpler, by an orthogonal map that the weights take up.

A code is free up to an invertible map. The orthogonal ones leave the refinement of codes as it is too. Which axes are
good for anything shows in another training: those that it finds too.

Axes: S profiles, K coordinates of the sample basis, G genes, W numbers of the code, V numbers of the turned code.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np

from cic.model.basis import SampleBasis
from cic.model.inference import TrainedNetwork
from cic.model.recurrence import recurrence
from cic.model.threads import one_thread

Turn = Literal["none", "genes", "codes"]
"""As trained; varimax (Kaiser 1958) of what each number does to each gene, and of the codes of training profiles."""
MOST_CODES, MOST_EFFECTS, MOST_GENES = 2048, 256, 5000
"""Profiles for codes and for effects, and genes, that a turn is found from; more are taken evenly from all."""
ROUNDS, TOLERANCE = 200, 1e-6


def turned_best(
    networks: Sequence[TrainedNetwork], basis: SampleBasis, z_train_SK: np.ndarray, z_held_SK: np.ndarray
) -> tuple[TrainedNetwork, Turn]:
    """Give the first network with its code turned as lets its numbers recur best in the others, and by which turn.

    Parameters
    ----------
    networks
        Trained on the same profiles. Of one alone nothing can be told, and it stays as it was trained.
    z_train_SK, z_held_SK
        Training and validation profiles in the basis.
    """
    first, *others = networks
    if not others:
        return first, "none"
    with one_thread():
        turns = [_turns(network, basis, z_train_SK) for network in networks]
        some_SK = z_held_SK[:: -(-len(z_held_SK) // MOST_CODES)]
        held = [network.encode(some_SK).astype(np.float64) for network in networks]

        def recurs(kind: Turn) -> float:
            mine_SV, *theirs = (code_SW @ turn[kind] for code_SW, turn in zip(held, turns, strict=True))
            found = np.mean([np.median(recurrence(mine_SV, code_SV, signed=False)) for code_SV in theirs])
            return round(float(found), 3)  # of turns that differ by less the first

        kind: Turn = max(get_args(Turn), key=recurs)
        return turned(first, turns[0][kind]), kind


def _turns(network: TrainedNetwork, basis: SampleBasis, z_train_SK: np.ndarray) -> dict[Turn, np.ndarray]:
    code_SW = network.encode(z_train_SK[:: -(-len(z_train_SK) // MOST_CODES)])
    some = code_SW[:: -(-len(code_SW) // MOST_EFFECTS)]
    mean_KW = np.mean([network.jacobian(code_W[None])[0] for code_W in some], axis=0, dtype=np.float64)
    effect_GW = basis.components_GK @ mean_KW
    return {kind: turn_of(kind, effect_GW, code_SW) for kind in get_args(Turn)}


def turn_of(kind: Turn, effect_GW: np.ndarray, code_SW: np.ndarray) -> np.ndarray:
    """Give the orthogonal map (float64, W x V) of one kind.

    Parameters
    ----------
    effect_GW
        What each number does to each gene: the decoder's derivative, averaged over profiles.
    code_SW
        Codes of training profiles.
    """
    if kind == "genes":
        return varimax(effect_GW[:: -(-len(effect_GW) // MOST_GENES)])
    return varimax(code_SW - code_SW.mean(axis=0)) if kind == "codes" else np.eye(code_SW.shape[1])


def varimax(value_XW: np.ndarray) -> np.ndarray:
    """Give the orthogonal map (float64, W x V) after which the squared values of each number vary most.

    Numbers are ordered by the sum of their squares, and point to where their largest values are.
    """
    value_XW = value_XW.astype(np.float64)
    turn_WV, reached = np.eye(value_XW.shape[1]), 0.0
    for _ in range(ROUNDS):
        turned_XV = value_XW @ turn_WV
        gradient_XV = turned_XV**3 - turned_XV * np.square(turned_XV).mean(axis=0)
        left_WV, size_V, right_VV = np.linalg.svd(value_XW.T @ gradient_XV)
        turn_WV = left_WV @ right_VV
        if size_V.sum() < reached * (1 + TOLERANCE):
            break
        reached = size_V.sum()
    turned_XV = value_XW @ turn_WV
    order_V = np.argsort(-np.square(turned_XV).sum(axis=0), kind="stable")
    sign_V = np.where((turned_XV**3).sum(axis=0) < 0, -1.0, 1.0)
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

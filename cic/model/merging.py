"""One network of several that were trained alike: their layers side by side, on one code.

Trainings from other seeds find other features, and a regression on all of them foretells more than one on the features
of any. An autoencoder needs one code, though. All trainings start at PCA, so their codes are nearly affine maps of
each other: the first one's numbers are kept, the encoders' codes are mapped to it and averaged, and the map back goes
into the first layer of each decoder. What comes of it is an ordinary network, only wider, whose layers do not yet know
of each other; to train it on changes that.

Axes: S samples, K coordinates of the basis, W code, M members.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from cic.model.autoencoder import Autoencoder

Weights = dict[str, Tensor]
Affine = tuple[Tensor, Tensor]


@torch.no_grad()
def merged(members: Sequence[Autoencoder], z_SK: Tensor) -> Autoencoder:
    """Give the wide network, whose hidden features are still silent: the output weights are left to find.

    Parameters
    ----------
    members
        Trained networks of one shape, hidden layers and all; the code is that of the first.
    z_SK
        Profiles by whose codes one code is mapped to another.
    """
    first = members[0].architecture
    architecture = first.model_copy(
        update={"hidden_width": len(members) * first.hidden_width, "members": len(members) * first.members}
    )
    codes = [network.encode_once(z_SK) for network in members]
    there = [_affine(codes[0], code_SW) for code_SW in codes]
    back = [_affine(code_SW, codes[0]) for code_SW in codes]
    states = [network.state_dict() for network in members]
    network = Autoencoder(architecture)
    network.load_state_dict(
        {"code_scale_W": states[0]["code_scale_W"]}
        | _encoder(states, back, first.depth)
        | _decoder(states, there, first.depth)
        | (_head(states, there) if first.n_labels else {})
    )
    return network


def _encoder(states: Sequence[Weights], back: Sequence[Affine], depth: int) -> Weights:
    """Give the mean of the members' encoders, each mapped to the code of the first."""
    pairs = list(zip(states, back, strict=True))
    return _side_by_side(states, "encoder", depth) | {
        "encoder_linear.weight": _mean([map_WW @ state["encoder_linear.weight"] for state, (map_WW, _) in pairs]),
        "encoder_last.weight": torch.cat(
            [map_WW @ state["encoder_last.weight"] / len(states) for state, (map_WW, _) in pairs], dim=1
        ),
        "encoder_last.bias": _mean([map_WW @ state["encoder_last.bias"] + at_W for state, (map_WW, at_W) in pairs]),
    }


def _decoder(states: Sequence[Weights], there: Sequence[Affine], depth: int) -> Weights:
    """Give the members' decoders, each fed by the code of the first as it is mapped to its own."""
    fed = []
    for state, (map_WW, shift_W) in zip(states, there, strict=True):
        weight, bias = state["decoder_hidden.0.weight"], state["decoder_hidden.0.bias"]
        fed.append(
            {**state, "decoder_hidden.0.weight": weight @ map_WW, "decoder_hidden.0.bias": bias + weight @ shift_W}
        )
    return _side_by_side(fed, "decoder", depth) | {
        "decoder_linear.weight": _mean([state["decoder_linear.weight"] for state in states]),
        "decoder_last.weight": torch.cat([torch.zeros_like(state["decoder_last.weight"]) for state in states], dim=1),
        "decoder_last.bias": _mean([state["decoder_last.bias"] for state in states]),
    }


def _head(states: Sequence[Weights], there: Sequence[Affine]) -> Weights:
    """Give the mean of the members' logits; a head reads a code in units of its scale."""
    scale_W = states[0]["code_scale_W"]
    heads = [(state["head.weight"] / scale_W, state["head.bias"]) for state in states]
    parts = [(*head, *way) for head, way in zip(heads, there, strict=True)]
    return {
        "head.weight": _mean([weight_LW @ map_WW for weight_LW, _, map_WW, _ in parts]) * scale_W,
        "head.bias": _mean([bias_L + weight_LW @ shift_W for weight_LW, bias_L, _, shift_W in parts]),
    }


def _side_by_side(states: Sequence[Weights], side: str, depth: int) -> Weights:
    """Give hidden layers of which the first read the same, and later ones what is their member's own."""
    found = {}
    for number in range(0, 2 * depth, 2):
        layer = f"{side}_hidden.{number}"
        weights = [state[f"{layer}.weight"] for state in states]
        found[f"{layer}.weight"] = torch.block_diag(*weights) if number else torch.cat(weights)
        found[f"{layer}.bias"] = torch.cat([state[f"{layer}.bias"] for state in states])
    return found


def _mean(parts: Sequence[Tensor]) -> Tensor:
    return torch.stack(list(parts)).mean(dim=0)


def _affine(from_SW: Tensor, to_SW: Tensor) -> Affine:
    """Give the matrix and the shift that bring one code nearest to another, by least squares."""
    if from_SW is to_SW:
        return torch.eye(from_SW.shape[1], dtype=from_SW.dtype), from_SW.new_zeros(from_SW.shape[1])
    with_one = np.column_stack([from_SW.double().numpy(), np.ones(len(from_SW))])
    solved, *_ = np.linalg.lstsq(with_one, to_SW.double().numpy(), rcond=None)
    both = torch.from_numpy(solved).to(from_SW.dtype)
    return both[:-1].T, both[-1]

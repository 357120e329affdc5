"""A trained network in use: codes from profiles and back, in numpy alone, which is there in a tenth of torch's time.

`cic.model.autoencoder` is the same function for training; a test holds the two equal.

Axes: B batch, K inputs, H hidden, W code, F decoder features, L labels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import count

import numpy as np

from cic.model.architecture import Architecture, decoder_widths, encoder_widths
from cic.model.classifier import probabilities

DAMPING = 0.1
"""Of the refinement, as a share of the mean curvature."""
ROWS = 128
"""Codes that are refined together, so that their slopes stay in the cache."""


# scipy.special takes as long to import as all else but pandas: whoever loads a model may not encode yet


def _gelu(x: np.ndarray) -> np.ndarray:
    from scipy.special import ndtr

    return x * ndtr(x)


def _gelu_slope(x: np.ndarray) -> np.ndarray:
    from scipy.special import ndtr

    return ndtr(x) + x * np.exp(-x * x / 2) * x.dtype.type(1 / math.sqrt(2 * math.pi))


def _elu(x: np.ndarray) -> np.ndarray:
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))


def _elu_slope(x: np.ndarray) -> np.ndarray:
    return np.exp(np.minimum(x, 0))


ACTIVATIONS: dict[str, tuple[Callable[[np.ndarray], np.ndarray], Callable[[np.ndarray], np.ndarray]]] = {
    "elu": (_elu, _elu_slope),
    "gelu": (_gelu, _gelu_slope),
}
"""The activations, and their derivatives."""


@dataclass(frozen=True)
class TrainedNetwork:
    """Weights by name, float32, as `cic.model.autoencoder.Autoencoder` names them, and what they compute.

    Attributes
    ----------
    weights
        Of a linear layer, outputs x inputs.
    """

    architecture: Architecture
    weights: dict[str, np.ndarray]

    def __post_init__(self) -> None:
        """Refuse weights that are not of that shape.

        Raises
        ------
        ValueError
            Naming those that are missing, left over, or of another shape.
        """
        wanted = shapes(self.architecture)
        given = {name: value.shape for name, value in self.weights.items()}
        odd = sorted(name for name in {*wanted, *given} if wanted.get(name) != given.get(name))
        if odd:
            raise ValueError(f"weights {odd[0]} are {given.get(odd[0])} where {wanted.get(odd[0])} is expected")

    def encode(self, z_BK: np.ndarray) -> np.ndarray:
        """Give the code c_BW of each profile: the encoder's, improved by `refinements` steps."""
        c_BW = self._through("encoder", z_BK)
        if not self.architecture.depth:
            return c_BW
        output_KF, bend_RF = self._output
        for _ in range(self.architecture.refinements):
            parts = [slice(start, start + ROWS) for start in range(0, len(c_BW), ROWS)]
            refined = [self._refined(c_BW[part], z_BK[part], output_KF, bend_RF) for part in parts]
            c_BW = np.concatenate([c_BW[:0], *refined])
        return c_BW

    def decode(self, c_BW: np.ndarray) -> np.ndarray:
        """Give the reconstruction z_BK of each code."""
        return self._through("decoder", c_BW)

    def jacobian(self, c_BW: np.ndarray) -> np.ndarray:
        """Give the derivative of the reconstruction with respect to the code, d_BKW."""
        linear_KW = self.weights["decoder_linear.weight"]
        if not self.architecture.depth:
            return np.broadcast_to(linear_KW, (len(c_BW), *linear_KW.shape))
        return self._output[0] @ self._feature_slopes(c_BW).swapaxes(1, 2)

    def probabilities(self, c_BW: np.ndarray) -> np.ndarray:
        """Give the probability p_BL of each label.

        Raises
        ------
        ValueError
            If the network has no classifier.
        """
        if not self.architecture.n_labels:
            raise ValueError("this network has no classifier")
        return probabilities(self._linear("head", c_BW / self.weights["code_scale_W"]))

    def _through(self, side: str, x_BI: np.ndarray) -> np.ndarray:
        """Give the linear path of one side, and what its hidden layers add."""
        linear_BO = x_BI @ self.weights[f"{side}_linear.weight"].T
        if not self.architecture.depth:
            return linear_BO
        activation, _ = ACTIVATIONS[self.architecture.activation]
        hidden_BH = x_BI
        for layer in self._hidden_layers(side):
            hidden_BH = activation(self._linear(layer, hidden_BH))
        return linear_BO + self._linear(f"{side}_last", hidden_BH)

    @cached_property
    def _output(self) -> tuple[np.ndarray, np.ndarray]:
        """All output weights of the decoder, and fewer rows with their products, which all refinements share."""
        output_KF = np.concatenate([self.weights["decoder_last.weight"], self.weights["decoder_linear.weight"]], axis=1)
        first = self.architecture.curvature
        return output_KF, output_KF[:first] if first else np.linalg.qr(output_KF).R

    def _hidden_layers(self, side: str) -> Iterator[str]:
        """Yield the names of the hidden layers: an activation, which has no weights, stands after each."""
        return (f"{side}_hidden.{number}" for number in range(0, 2 * self.architecture.depth, 2))

    def _linear(self, layer: str, x_BI: np.ndarray) -> np.ndarray:
        return x_BI @ self.weights[f"{layer}.weight"].T + self.weights[f"{layer}.bias"]

    def _refined(self, c_BW: np.ndarray, z_BK: np.ndarray, output_KF: np.ndarray, bend_RF: np.ndarray) -> np.ndarray:
        """Move each code by one damped Gauss-Newton step on its squared reconstruction error (Levenberg 1944).

        The Jacobian is the output weights times the slopes of the features before them. The first components of the
        basis, which have nearly all of the variance, tell its products well enough, and more cheaply than all.
        """
        slope_BWF = self._feature_slopes(c_BW)
        bend_BWR = slope_BWF @ bend_RF.T
        normal_BWW = bend_BWR @ bend_BWR.swapaxes(1, 2)
        diagonal_BW = np.einsum("bww->bw", normal_BWW)
        diagonal_BW += np.float32(DAMPING) * diagonal_BW.mean(axis=1, keepdims=True)
        gradient_BW1 = slope_BWF @ ((z_BK - self.decode(c_BW)) @ output_KF)[:, :, None]
        # where the decoder does not answer to the code, no step can be told
        told_B = np.isfinite(normal_BWW).all(axis=(1, 2)) & (diagonal_BW > 0).all(axis=1)
        normal_BWW[~told_B] = np.eye(c_BW.shape[1], dtype=c_BW.dtype)
        step_BW = np.linalg.solve(normal_BWW, gradient_BW1)[:, :, 0]
        return c_BW + np.where(told_B[:, None] & np.isfinite(step_BW).all(axis=1, keepdims=True), step_BW, 0)

    def _feature_slopes(self, c_BW: np.ndarray) -> np.ndarray:
        """Give the derivative of the last hidden layer and of the code itself with respect to the code, d_BWF."""
        activation, derivative = ACTIVATIONS[self.architecture.activation]
        n, width = c_BW.shape
        hidden_BH, slope_BWH = c_BW, np.eye(width, dtype=c_BW.dtype)[None]
        for layer in self._hidden_layers("decoder"):
            before_BH = self._linear(layer, hidden_BH)
            slope_BWH = slope_BWH @ self.weights[f"{layer}.weight"].T * derivative(before_BH)[:, None, :]
            hidden_BH = activation(before_BH)
        one_BWW = np.broadcast_to(np.eye(width, dtype=c_BW.dtype), (n, width, width))
        return np.concatenate([slope_BWH, one_BWW], axis=2)


def shapes(architecture: Architecture) -> dict[str, tuple[int, ...]]:
    """Give the name and shape of every weight."""
    inputs, width = architecture.n_inputs, architecture.bottleneck_width
    found: dict[str, tuple[int, ...]] = {
        "encoder_linear.weight": (width, inputs),
        "decoder_linear.weight": (inputs, width),
        "code_scale_W": (width,),
    }
    sides = (
        ("encoder", [inputs, *encoder_widths(architecture)], width),
        ("decoder", [width, *decoder_widths(architecture)], inputs),
    )
    for side, widths, n_out in sides if architecture.depth else ():
        layers = [*zip(count(0, 2), widths[1:], widths, strict=False)]
        named = [(f"{side}_hidden.{number}", after, before) for number, after, before in layers]
        for name, after, before in (*named, (f"{side}_last", n_out, widths[-1])):
            found |= {f"{name}.weight": (after, before), f"{name}.bias": (after,)}
    if architecture.n_labels:
        found |= {"head.weight": (architecture.n_labels, width), "head.bias": (architecture.n_labels,)}
    return found

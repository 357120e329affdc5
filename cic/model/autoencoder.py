"""The autoencoder as a plain module: a linear path that starts as PCA, and layers that add to it.

Axes: B batch, K inputs (coordinates of the sample basis, or genes once composed), H hidden, W code, F decoder
features, L labels.
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from cic.model.architecture import Architecture, decoder_widths, encoder_widths
from cic.model.inference import DAMPING, ROWS, TrainedNetwork

ACTIVATIONS = {"elu": nn.ELU, "gelu": nn.GELU}
SLOPES = {
    "elu": lambda x: torch.where(x > 0, 1.0, torch.exp(x.clamp(max=0))),
    "gelu": lambda x: torch.special.ndtr(x) + x * torch.exp(-x * x / 2) / math.sqrt(2 * math.pi),
}
"""Derivatives of the activations."""


class Autoencoder(nn.Module):
    """Encoder, code, decoder, and optionally a classifier on the code.

    code = P z + f(z) and reconstruction = Q c + g(c). P and Q start as the first W coordinates of the basis: those
    are the principal components, so that at depth 0, where there is no f and no g, the model is PCA.
    """

    encoder_linear: nn.Linear
    decoder_linear: nn.Linear
    head: nn.Linear | None
    encoder_hidden: nn.Sequential
    encoder_last: nn.Linear
    decoder_hidden: nn.Sequential
    decoder_last: nn.Linear
    code_scale_W: Tensor

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        inputs, width, activation = architecture.n_inputs, architecture.bottleneck_width, architecture.activation
        self.encoder_linear = nn.Linear(inputs, width, bias=False)
        self.decoder_linear = nn.Linear(width, inputs, bias=False)
        if architecture.depth:
            self.encoder_hidden = _hidden([inputs, *encoder_widths(architecture)], activation)
            self.encoder_last = nn.Linear(encoder_widths(architecture)[-1], width)
            self.decoder_hidden = _hidden([width, *decoder_widths(architecture)], activation)
            self.decoder_last = nn.Linear(decoder_widths(architecture)[-1], inputs)
        self.head = nn.Linear(width, architecture.n_labels) if architecture.n_labels else None
        self.register_buffer("code_scale_W", torch.ones(width))

    @torch.no_grad()
    def initialise(self, spread_K: Tensor, feature_scale: float, generator: torch.Generator) -> None:
        """Set the linear path to PCA and draw the other layers; f and g start at zero.

        Parameters
        ----------
        spread_K
            Root mean square of each training coordinate. What reads the code is scaled by it.
        feature_scale
            How far, in units of the code's spread, the decoder's first features bend: small is smooth.
        generator
            Source of every random weight.
        """
        width = self.architecture.bottleneck_width
        self.code_scale_W[: len(spread_K)] = spread_K[:width]
        for weight in (self.encoder_linear.weight, self.decoder_linear.weight.T):
            weight.zero_()
            weight.fill_diagonal_(1.0)
        if self.head is not None:
            nn.init.zeros_(self.head.weight)
            nn.init.zeros_(self.head.bias)
        if not self.architecture.depth:
            return
        for layer in (*self.encoder_hidden, *self.decoder_hidden):
            if isinstance(layer, nn.Linear):
                nn.init.kaiming_uniform_(layer.weight, a=5**0.5, generator=generator)
                nn.init.zeros_(layer.bias)
        first = self.decoder_hidden[0]
        assert isinstance(first, nn.Linear)
        spread = float(spread_K[:width].mean())
        first.weight.normal_(0.0, feature_scale / width**0.5 / spread, generator=generator)
        first.bias.normal_(0.0, 1.0, generator=generator)
        for last in (self.encoder_last, self.decoder_last):
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)

    def encode(self, z_BK: Tensor) -> Tensor:
        """Give the code c_BW of each profile: the encoder's, improved by `refinements` steps."""
        c_BW = self.encode_once(z_BK)
        if not self.architecture.depth or not self.architecture.refinements:
            return c_BW
        output_KF = torch.cat([self.decoder_last.weight, self.decoder_linear.weight], dim=1)
        first = self.architecture.curvature
        bend_RF = output_KF[:first] if first else torch.linalg.qr(output_KF, mode="r").R
        for _ in range(self.architecture.refinements):
            parts = zip(c_BW.split(ROWS), z_BK.split(ROWS), strict=True)
            c_BW = torch.cat([self._refined(c_bW, z_bK, output_KF, bend_RF) for c_bW, z_bK in parts])
        return c_BW

    def encode_once(self, z_BK: Tensor) -> Tensor:
        """Give the encoder's own code c_BW."""
        linear_BW = self.encoder_linear(z_BK)
        return linear_BW + self.encoder_last(self.encoder_hidden(z_BK)) if self.architecture.depth else linear_BW

    def _refined(self, c_BW: Tensor, z_BK: Tensor, output_KF: Tensor, bend_RF: Tensor) -> Tensor:
        """Move each code by one damped Gauss-Newton step on its squared reconstruction error (Levenberg 1944).

        The Jacobian is the output weights times the slopes of the features before them. The first components of the
        basis, which have nearly all of the variance, tell its products well enough, and more cheaply than all.
        """
        slope_BWF = self._feature_slopes(c_BW)
        bend_BWR = slope_BWF @ bend_RF.T
        normal_BWW = bend_BWR @ bend_BWR.mT
        damping_B1 = DAMPING * normal_BWW.diagonal(dim1=1, dim2=2).mean(dim=1, keepdim=True)
        normal_BWW.diagonal(dim1=1, dim2=2).add_(damping_B1)
        gradient_BW1 = slope_BWF @ ((z_BK - self.decode(c_BW)) @ output_KF)[:, :, None]
        step_BW1, _ = torch.linalg.solve_ex(normal_BWW, gradient_BW1)
        # where the decoder does not answer to the code, no step can be told
        return c_BW + torch.where(torch.isfinite(step_BW1).all(dim=1, keepdim=True), step_BW1, 0.0)[:, :, 0]

    def _feature_slopes(self, c_BW: Tensor) -> Tensor:
        """Give the derivative of the last hidden layer and of the code itself with respect to the code, d_BWF."""
        derivative = SLOPES[self.architecture.activation]
        hidden_BH, slope_BWH = c_BW, c_BW.new_zeros(())
        for number, layer in enumerate(self.decoder_hidden):
            if not isinstance(layer, nn.Linear):
                slope_BWH = slope_BWH * derivative(hidden_BH)[:, None, :]
            else:
                slope_BWH = slope_BWH @ layer.weight.T if number else layer.weight.T[None]
            hidden_BH = layer(hidden_BH)
        one_WW = torch.eye(c_BW.shape[1], device=c_BW.device, dtype=c_BW.dtype)
        return torch.cat([slope_BWH, one_WW.expand(len(c_BW), -1, -1)], dim=2)

    def decoder_jacobian(self, c_BW: Tensor) -> Tensor:
        """Give the derivative of each reconstruction with respect to its code, j_BKW."""
        linear_KW = self.decoder_linear.weight
        if not self.architecture.depth:
            return linear_KW.expand(len(c_BW), -1, -1)
        output_KF = torch.cat([self.decoder_last.weight, linear_KW], dim=1)
        return (self._feature_slopes(c_BW) @ output_KF.T).mT

    def decode(self, c_BW: Tensor) -> Tensor:
        """Give the reconstruction z_BK of each code."""
        linear_BK = self.decoder_linear(c_BW)
        return linear_BK + self.decoder_last(self.decoder_hidden(c_BW)) if self.architecture.depth else linear_BK

    def decoder_features(self, c_BW: Tensor) -> Tensor:
        """Give what the decoder's output is linear in, f_BF: last hidden layer, code, and 1."""
        ones_B1 = torch.ones_like(c_BW[:, :1])
        return torch.cat([self.decoder_hidden(c_BW), c_BW, ones_B1], dim=1)

    def output_layers(self, weight_FK: Tensor) -> dict[str, Tensor]:
        """Give weights of `decoder_features` as the parameters of the layers that these feed."""
        width = self.architecture.bottleneck_width
        return {
            "decoder_last.weight": weight_FK[..., : -width - 1, :].mT,
            "decoder_linear.weight": weight_FK[..., -width - 1 : -1, :].mT,
            "decoder_last.bias": weight_FK[..., -1, :],
        }

    @torch.no_grad()
    def set_output_weights(self, weight_FK: Tensor) -> None:
        """Set the layers that `decoder_features` feeds."""
        for name, value in self.output_layers(weight_FK).items():
            self.get_parameter(name).copy_(value)

    def label_logits(self, c_BW: Tensor) -> Tensor:
        """Give the classifier's logits l_BL of each code."""
        if self.head is None:
            raise ValueError("this autoencoder has no classifier")
        return self.head(c_BW / self.code_scale_W)

    def forward(self, z_BK: Tensor) -> Tensor:
        """Give the reconstruction of each profile."""
        return self.decode(self.encode(z_BK))


def frozen(network: Autoencoder) -> TrainedNetwork:
    """Give the network as it is used: its weights, copied, without torch."""
    weights = {name: value.cpu().numpy().copy() for name, value in network.state_dict().items()}
    return TrainedNetwork(network.architecture, weights)


def differentiable(network: TrainedNetwork) -> Autoencoder:
    """Give a network that is used as one that can be trained, or asked for derivatives."""
    made = Autoencoder(network.architecture)
    made.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in network.weights.items()})
    return made.eval()


def _hidden(widths: list[int], activation: str) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), ACTIVATIONS[activation]()]
    return nn.Sequential(*layers)


def composed(network: Autoencoder, components_GK: Tensor) -> Autoencoder:
    """Give the same function on genes: the basis multiplied into the first and last weights.

    Parameters
    ----------
    network
        Trained on coordinates of a basis, K inputs.
    components_GK
        Orthonormal columns of that basis.

    Returns
    -------
    Autoencoder
        Takes and gives centred profiles divided by the basis' scale, G inputs.
    """
    weights = {name: value.clone() for name, value in network.state_dict().items()}
    for name in ("encoder_linear.weight", "encoder_hidden.0.weight"):
        if name in weights:
            weights[name] = weights[name] @ components_GK.T
    for name in ("decoder_linear.weight", "decoder_last.weight", "decoder_last.bias"):
        if name in weights:
            weights[name] = components_GK @ weights[name]
    # the first genes tell no more than others
    shape = network.architecture.model_copy(update={"n_inputs": components_GK.shape[0], "curvature": 0})
    result = Autoencoder(shape)
    result.load_state_dict(weights)
    return result

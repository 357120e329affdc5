"""What an architecture costs: weights, and arithmetic a profile. Both follow from its shape alone."""

from __future__ import annotations

from itertools import pairwise

from cic.model.architecture import Architecture, decoder_widths, encoder_widths


def parameters(shape: Architecture) -> int:
    """Give the number of weights, biases included, of encoder and decoder over the basis; without a classifier."""
    layers = [*_encoder(shape), *_decoder(shape)]
    return 2 * shape.n_inputs * shape.bottleneck_width + sum((before + 1) * after for before, after in layers)


def multiply_adds(shape: Architecture) -> int:
    """Give the multiplications with addition that take one profile in the basis to its code and back.

    Each refinement decodes, follows the derivatives of the features that the output is linear in through the layers
    before them, and solves for the step. What all profiles share is not counted, nor is turning genes into the basis,
    the same for every architecture.
    """
    width, inputs = shape.bottleneck_width, shape.n_inputs
    encoder, decoder = (sum(before * after for before, after in layers(shape)) for layers in (_encoder, _decoder))
    encode, decode = inputs * width + encoder, width * inputs + decoder
    if not shape.depth:
        return encode + decode
    layers = [before * after for before, after in _decoder(shape)[:-1]]
    features = shape.hidden_width + width
    slopes = sum(layers) + width * sum(layers[1:])  # those of the first layer are its weights
    bends = min(inputs, shape.curvature or features)
    step = bends * width * (features + width) + (inputs + width) * features + width**3 // 3
    return encode + decode + shape.refinements * (decode + slopes + step)


def _encoder(shape: Architecture) -> list[tuple[int, int]]:
    return list(pairwise([shape.n_inputs, *encoder_widths(shape), shape.bottleneck_width])) if shape.depth else []


def _decoder(shape: Architecture) -> list[tuple[int, int]]:
    return list(pairwise([shape.bottleneck_width, *decoder_widths(shape), shape.n_inputs])) if shape.depth else []

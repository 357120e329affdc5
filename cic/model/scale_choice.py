"""Which scale the model of counts is on, where the parameters leave that to the data (`preprocess.transform: auto`)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import get_args

import numpy as np

from cic.config import Params, Transform
from cic.data import sparse
from cic.data.matrix import ExpressionMatrix
from cic.data.terms import COUNT_UNITS
from cic.model.deviance import deviances, fit_levels
from cic.model.prepare import Prepared, prepare
from cic.model.threads import one_thread
from cic.seeds import generator

ROWS = 256


def with_transform(params: Params, matrix: ExpressionMatrix, part_S: np.ndarray) -> Params:
    """Give the parameters with a scale in place of `auto`.

    Of counts, that on which PCA, of the middle width of the search, foretells the validation profiles with the smaller
    deviance, which does not depend on the scale; of all else log2. Of more than `sparse.FEW` profiles of a part a
    sample of that many takes part.
    """
    if params.preprocess.transform != "auto":
        return params
    chosen: Transform = "log2"
    if matrix.unit in COUNT_UNITS:
        train, validation = (
            _some(matrix.select(part_S == part), part, params.seed) for part in ("train", "validation")
        )
        deviance = {one: pca_deviance(on_scale(params, one), train, validation) for one in get_args(Transform)}
        chosen = min(deviance, key=lambda one: deviance[one])
    return on_scale(params, chosen)


def pca_deviance(params: Params, train: ExpressionMatrix, validation: ExpressionMatrix) -> float:
    """Give the deviance of the validation counts by PCA of the training profiles, of the middle width of the search."""
    widths = sorted(params.search.bottleneck_width)
    with one_thread():
        ready = prepare(train, validation, params, widths[len(widths) // 2])
        training, held_out = (partial(_foretold, ready, one) for one in (train, validation))
        levels = fit_levels(training, held_out)
        return sum(
            float(deviances(counts_BG, levels.expected(counts_BG, rate_BG)).sum()) for counts_BG, rate_BG in held_out()
        )


def _foretold(ready: Prepared, matrix: ExpressionMatrix) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for start in range(0, matrix.n_samples, ROWS):
        block_SG = matrix.select(np.arange(start, min(start + ROWS, matrix.n_samples))).dense()
        z_BK, _ = ready.basis.project(ready.preprocessor.transform(block_SG))
        log2_BG = ready.preprocessor.inverse(ready.basis.lift(z_BK))
        yield block_SG[:, ready.preprocessor.kept], ready.preprocessor.to_unit(log2_BG)


def _some(matrix: ExpressionMatrix, part: str, seed: int) -> ExpressionMatrix:
    if matrix.n_samples <= sparse.FEW:
        return matrix
    draw = generator(seed, "scale", part)
    return matrix.select(np.sort(draw.choice(matrix.n_samples, sparse.FEW, replace=False)))


def on_scale(params: Params, transform: Transform) -> Params:
    """Give the parameters with this scale of the model."""
    return params.model_copy(update={"preprocess": params.preprocess.model_copy(update={"transform": transform})})

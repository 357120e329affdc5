"""Which scale the model is on, where the parameters leave that to the data (`auto`).

Squared errors on different scales cannot be compared, so each choice has a measure that does not depend on the scale:
for `preprocess.transform` the deviance of counts, for `preprocess.within_sample` the order of genes within a profile.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import get_args

import numpy as np
import pandas as pd

from cic.config import Params, Transform, Within
from cic.data import sparse
from cic.data.matrix import ExpressionMatrix
from cic.data.terms import COUNT_UNITS
from cic.data.within import normal_scores
from cic.model.deviance import deviances, fit_levels
from cic.model.prepare import Prepared, prepare
from cic.model.threads import one_thread
from cic.seeds import generator

ROWS = 256


def with_scale(params: Params, matrix: ExpressionMatrix, part_S: np.ndarray) -> Params:
    """Give the parameters with a scale in place of `auto`.

    Of counts, that on which PCA, of the middle width of the search, foretells the validation profiles with the smaller
    deviance, which does not depend on the scale; of all else log2. Likewise the normalisation within profiles by which
    it foretells the order of genes with the smallest `order_errors`. Of more than `sparse.FEW` profiles of a part a
    sample of that many takes part.
    """
    config = params.preprocess
    if config.transform == "auto" and matrix.unit not in COUNT_UNITS:
        return on_scale(params, transform="log2")
    if "auto" not in (config.transform, config.within_sample):
        return params
    train, validation = (_some(matrix.select(part_S == part), part, params.seed) for part in ("train", "validation"))
    if config.transform == "auto":
        deviance = {one: pca_deviance(on_scale(params, one), train, validation) for one in get_args(Transform)}
        return on_scale(params, transform=min(deviance, key=lambda one: deviance[one]))
    error = order_errors(params, train, validation)
    chosen: Within = min(error, key=lambda one: error[one])
    return on_scale(params, within=chosen)


def order_errors(params: Params, train: ExpressionMatrix, validation: ExpressionMatrix) -> dict[Within, float]:
    """Give by normalisation within profiles how badly PCA, of the middle width, foretells the order of genes.

    That is the mean squared difference of the normal scores, within each validation profile, of what is foretold and of
    what is there, over the genes that all can model. Whatever monotone is done to a whole profile drops out.
    """
    with one_thread():
        ready = {one: _middle(on_scale(params, within=one), train, validation) for one in get_args(Within)}
        shared = sorted(set.intersection(*(set(one.preprocessor.genes) for one in ready.values())))
        return {name: _order_error(one, validation, shared) for name, one in ready.items()}


def _order_error(ready: Prepared, validation: ExpressionMatrix, genes: Sequence[str]) -> float:
    at_G = pd.Index(ready.preprocessor.genes).get_indexer(pd.Index(genes))
    total = 0.0
    for start in range(0, validation.n_samples, ROWS):
        values_SG = validation.select(np.arange(start, min(start + ROWS, validation.n_samples))).dense()
        z_BK, _ = ready.basis.project(ready.preprocessor.transform(values_SG))
        made_BG, true_BG = ready.preprocessor.inverse(ready.basis.lift(z_BK)), ready.preprocessor.log2(values_SG)
        total += float(np.square(normal_scores(made_BG[:, at_G]) - normal_scores(true_BG[:, at_G])).mean(axis=1).sum())
    return total / validation.n_samples


def _middle(params: Params, train: ExpressionMatrix, validation: ExpressionMatrix) -> Prepared:
    """Prepare PCA of the middle width of the search."""
    widths = sorted(params.search.bottleneck_width)
    return prepare(train, validation, params, widths[len(widths) // 2])


def pca_deviance(params: Params, train: ExpressionMatrix, validation: ExpressionMatrix) -> float:
    """Give the deviance of the validation counts by PCA of the training profiles, of the middle width of the search."""
    with one_thread():
        ready = _middle(params, train, validation)
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


def on_scale(params: Params, transform: Transform | None = None, within: Within | None = None) -> Params:
    """Give the parameters with this scale of the model; what is not given stays."""
    given = {"transform": transform, "within_sample": within}
    update = {name: value for name, value in given.items() if value is not None}
    return params.model_copy(update={"preprocess": params.preprocess.model_copy(update=update)})

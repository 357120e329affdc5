"""Simulated single cells: sparse counts by the hundred thousand, written in a stream.

They descend from the same lineage tree and respond with the same programs as the bulk profiles of
`cic.data.synthetic`; of each cell some thousand molecules are then counted, so that most genes count nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import scipy.sparse
from pydantic import Field

from cic.data.dataset import made
from cic.data.matrix_file import PROFILES, ROWS_WRITTEN, write_matrix_rows
from cic.data.sparse import stacked
from cic.data.synthetic import ROWS_A_CHUNK, Recipe, Truth, draw_truth, gene_names, write_truth
from cic.seeds import generator

SIZE_SPREAD = 0.4
"""Standard deviation of the logarithm of a cell's number of molecules."""


class CellRecipe(Recipe):
    """What `simulate_cells` makes."""

    samples: Annotated[int, Field(ge=12)] = Field(default=100_000, description="cells")
    replicate_pairs: Annotated[int, Field(ge=0, le=0)] = Field(default=0, description="no cell is measured twice")
    molecules: Annotated[float, Field(gt=0)] = Field(
        default=3500.0, description="counted of a cell, in the median; of 20,000 genes about 5% are seen then"
    )


def simulate_cells(recipe: CellRecipe, path: Path, progress: Callable[[int], None] | None = None) -> None:
    """Make a data set of simulated cells, as sparse counts, and their truth, as `cic.data.synthetic.simulate`.

    Never more than a few thousand cells are held at once.
    """
    truth = draw_truth(recipe)
    samples = truth.samples.drop(columns="replicate_of").rename(columns={"study": "donor"})

    def chunks() -> Iterator[tuple[pd.DataFrame, scipy.sparse.csr_array]]:
        waiting: list[scipy.sparse.csr_array] = []
        begun = 0
        for counts_SG in _counts(recipe, truth):
            waiting.append(counts_SG)
            if progress is not None:
                progress(counts_SG.shape[0])
            n_waiting = sum(block.shape[0] for block in waiting)
            if n_waiting + ROWS_A_CHUNK > ROWS_WRITTEN or begun + n_waiting == recipe.samples:
                yield samples.iloc[begun : begun + n_waiting], stacked(waiting, recipe.genes)
                begun += n_waiting

    def write(folder: Path) -> None:
        write_matrix_rows(folder / PROFILES, gene_names(recipe), "counts", chunks())
        write_truth(recipe, truth, folder)

    made(path, write, {"simulated": recipe.model_dump(mode="json")})


def _counts(recipe: CellRecipe, truth: Truth) -> Iterator[scipy.sparse.csr_array]:
    """Yield the counts of a chunk of cells, each drawn from a seed of its own: Poisson about its share of a cell."""
    for chunk, start in enumerate(range(0, recipe.samples, ROWS_A_CHUNK)):
        rows = slice(start, start + ROWS_A_CHUNK)
        rng = generator(recipe.seed, "synthetic", "cells", chunk)
        log2_SG = truth.activity_SP[rows].astype(np.float32) @ truth.effect_PG.astype(np.float32)
        log2_SG += (truth.base_G + truth.shift_TG).astype(np.float32)[truth.study_S[rows]]
        share_SG = np.exp2(log2_SG)
        size_S = recipe.molecules * np.exp(SIZE_SPREAD * rng.standard_normal(len(share_SG)))
        share_SG *= (size_S / share_SG.sum(axis=1, dtype=np.float64)).astype(np.float32)[:, None]
        counts_SG = rng.poisson(share_SG)
        empty_S = ~counts_SG.any(axis=1)  # of the smallest recipes only: no cell is without counts
        counts_SG[empty_S, share_SG[empty_S].argmax(axis=1)] = 1
        yield scipy.sparse.csr_array(counts_SG.astype(np.float32))

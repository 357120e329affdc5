"""What the stage `fit` would refuse after the search, looked for before it.

The search itself depends on nothing of the section `fit`, so that a change there does not run it again.
"""

from __future__ import annotations

from cic.config import Params
from cic.data.matrix import read_matrix
from cic.folders import Folders, read_part
from cic.model.prepare import label_names
from cic.stages.given_sets import read_sets


def foresee(params: Params, folders: Folders) -> None:
    """Refuse what `fit` could not train with.

    Raises
    ------
    ConfigError
        If a classifier is asked for and the training profiles have fewer than two labels.
    DataError
        If there are no gene sets where `fit.gene_sets` has them, or they are damaged.
    """
    if params.fit.classifier:
        samples = read_matrix(folders["ingest"] / "matrix.parquet").samples
        label_names(samples[read_part(folders).loc[samples.index] == "train"])
    if params.fit.gene_sets is not None:
        read_sets(params.fit.gene_sets)

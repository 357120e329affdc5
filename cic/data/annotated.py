"""AnnData `.h5ad` files: dense or sparse, genes only."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import scipy.sparse

from cic.errors import DataError

log = logging.getLogger("cic.data")
GENES = "Gene Expression"


def read_h5ad(path: Path) -> tuple[np.ndarray, list[str], list[str], pd.DataFrame]:
    """Read `X` of an AnnData file.

    Returns
    -------
    tuple
        float32 values (samples, genes), sample ids, gene names, and the columns of `obs`. Features that are no genes by
        `var["feature_types"]` (antibodies, peaks) are left out, with a warning.

    Raises
    ------
    DataError
        If the file cannot be read, or has no `X` of numbers.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", anndata.OldFormatWarning)  # files of old releases are welcome
            data = anndata.read_h5ad(path)
    except (OSError, KeyError, ValueError, TypeError, RuntimeError) as error:
        raise DataError(
            f"not readable as .h5ad: {str(error).splitlines()[0]}", where=str(path), fix="write or fetch it again"
        ) from None
    if data.X is None:
        raise DataError("the file has no `X`", where=str(path), expected="expression values in `X`")
    if "feature_types" in data.var.columns:
        other = (data.var["feature_types"] != GENES).to_numpy()
        if other.any():
            kinds = ", ".join(sorted({str(kind) for kind in data.var["feature_types"][other]}))
            log.warning("%s: %d features are no genes and are left out: %s", path, int(other.sum()), kinds)
            data = data[:, ~other]
    x = data.X
    dense_SG = x.toarray() if scipy.sparse.issparse(x) else np.asarray(x)
    if not np.issubdtype(dense_SG.dtype, np.number) or np.iscomplexobj(dense_SG):
        raise DataError(f"`X` holds {dense_SG.dtype}", where=str(path), expected="numbers")
    obs = data.obs.copy()
    for name in obs.columns:
        if not pd.api.types.is_numeric_dtype(obs[name].dtype):
            text = obs[name].astype(object)
            obs[name] = text.where(text.isna(), text.map(str)).astype(object)
    ids, genes = [str(name) for name in data.obs_names], [str(name) for name in data.var_names]
    return dense_SG.astype(np.float32), ids, genes, obs

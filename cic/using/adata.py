"""An AnnData in memory: its profiles for a model, and what the model says filled into it.

The library itself is not imported: who has an AnnData has it.
"""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cic.data import sparse
from cic.data.conversions import converted
from cic.data.matrix import ExpressionMatrix
from cic.data.said import NATURAL, refuse_other_base
from cic.data.terms import DeclaredUnit
from cic.data.wide import Wide
from cic.errors import ModelError
from cic.using.annotations import ABOUT, CODES, LAYER, MODEL, Annotations, filled_names, merged_about, tell

log = logging.getLogger("cic.data")
RAW = "raw"


def is_anndata(profiles: Any) -> bool:
    """Tell an AnnData from anything else."""
    return hasattr(profiles, "obs_names") and hasattr(profiles, "obsm")


def matrix_of(adata: Any, layer: str | None, unit: DeclaredUnit, where: str) -> ExpressionMatrix:
    """Give one matrix of an AnnData as profiles; of many cells sparse ones stay sparse.

    Parameters
    ----------
    layer
        Which: `X` unless given, `raw`, or the name of a layer.
    unit
        What the numbers are.

    Raises
    ------
    ModelError
        If there is no such matrix, or it holds no numbers.
    DataError
        If samples or genes repeat, or values are not what an import takes.
    """
    is_raw = layer == RAW and adata.raw is not None
    of_genes = adata.raw if is_raw else adata
    others = [*adata.layers, *([RAW] if adata.raw is not None else []), *(["X"] if adata.X is not None else [])]
    if layer not in (None, *others) or (layer is None and adata.X is None):
        raise ModelError(
            f"the AnnData has no matrix `{layer or 'X'}`", where=where, expected=f"one of: {', '.join(others)}",
            fix="choose one by `layer`",
        )  # fmt: skip
    values_SG = _values(of_genes.X if is_raw or layer in (None, "X") else adata.layers[layer], where)
    var = of_genes.var
    if "feature_types" in var:
        from cic.data.tenx import GENES

        gene_G = (var["feature_types"] == GENES).to_numpy()
        if not gene_G.all():
            log.warning("%s: %d features are no genes and are left out", where, int((~gene_G).sum()))
            values_SG, var = values_SG[:, gene_G], var[gene_G]
    if layer in (None, "X") and isinstance(note := adata.uns.get("log1p"), dict):
        refuse_other_base(values_SG, float(note.get("base") or NATURAL), unit, where)
    genes = tuple(str(gene) for gene in var.index)
    index = pd.Index([str(one) for one in adata.obs_names], name="sample_id", dtype=object)
    wide, kept_unit = converted(Wide(sparse.as_kept(values_SG), list(index), genes), unit, None, 0, Path(where))
    return ExpressionMatrix(wide.values, genes, pd.DataFrame(index=index), kept_unit, where)


def _values(x: Any, where: str) -> sparse.Values:
    """Give a matrix, in memory or of a file that is open, as float32, dense or as compressed rows."""
    import scipy.sparse

    if hasattr(x, "to_memory"):  # sparse, in a file
        x = x.to_memory()
    if scipy.sparse.issparse(x) and x.dtype.kind in "iuf":
        return sparse.compressed(x)
    if hasattr(x, "chunks") and hasattr(x, "file"):  # dense, in a file
        from cic.data.stores import dense_rows

        x = dense_rows(x, x.shape, Path(x.file.filename))
        return x if sparse.is_sparse(x) else x.astype(np.float32, copy=False)
    if not isinstance(x, np.ndarray) or x.dtype.kind not in "iuf":
        raise ModelError(
            f"its values are {type(x).__module__.partition('.')[0]}'s {type(x).__name__} of {x.dtype}", where=where,
            expected="numbers in an array of numpy or scipy", fix="bring them to one, lazy ones by adata.to_memory()",
        )  # fmt: skip
    return np.asarray(x, dtype=np.float32)


def fill(adata: Any, found: Annotations, where: str) -> None:
    """Fill what a model said into an AnnData; a view becomes one of its own, as everywhere in scanpy."""
    filled = filled_names(found)
    before = adata.uns.get(ABOUT)
    about, stale = merged_about(before, found.uns, filled)
    tell(where, [place for place in filled if _holds(adata, place)], stale, before)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Trying to modify attribute|Setting element|Transforming to str")
        adata.uns[ABOUT] = about
        for name, values in found.obsm.items():
            adata.obsm[name] = values
        for column in found.obs:
            adata.obs[column] = found.obs[column].values
        for place in stale:
            _remove(adata, place)


def fill_layer(adata: Any, profiles: pd.DataFrame, about: dict[str, Any], where: str) -> None:
    """Fill profiles into the layer `cic`, NaN where the model does not know the gene.

    Raises
    ------
    ModelError
        If the model knows none of the genes.
    """
    place = f"layers/{LAYER}"
    tell(where, [place] if _holds(adata, place) else [], [], adata.uns.get(ABOUT))
    position_G = known_genes(profiles.columns, adata.var_names, where)
    adata.layers[LAYER] = in_order(profiles.to_numpy(dtype=np.float32), position_G)
    adata.uns[ABOUT], _ = merged_about(adata.uns.get(ABOUT), about, [place])


def known_genes(genes: pd.Index, wanted: pd.Index, where: str) -> np.ndarray:
    """Give where each wanted gene stands among a model's, -1 where it does not, and say how many do not.

    Raises
    ------
    ModelError
        If none does.
    """
    position_G = pd.Index(genes).get_indexer(pd.Index(wanted).astype(str))
    unknown = int((position_G < 0).sum())
    if unknown == len(position_G):
        raise ModelError(
            "the model knows none of the genes", where=where, expected=f"names such as {', '.join(genes[:3])}",
            fix="name the genes as the model does, or decode into a table",
        )  # fmt: skip
    if unknown:
        log.warning("%s: %d of %d genes are not the model's: NaN in the layer", where, unknown, len(position_G))
    return position_G


def in_order(values_SG: np.ndarray, position_G: np.ndarray) -> np.ndarray:
    """Give columns in another order; NaN where the position is -1."""
    taken_SG = values_SG[:, position_G]
    taken_SG[:, position_G < 0] = np.nan
    return taken_SG


def codes_in(adata: Any) -> tuple[np.ndarray | None, pd.Index, Any, Any]:
    """Give what `cic.using.annotations.table_of_codes` makes a table of."""
    stamps = adata.obs[MODEL].to_numpy(dtype=object) if MODEL in adata.obs else None
    return adata.obsm.get(CODES), adata.obs_names, stamps, adata.uns.get(ABOUT)


def _holds(adata: Any, place: str) -> bool:
    part, name = place.split("/", 1)
    return name in getattr(adata, part)


def _remove(adata: Any, place: str) -> None:
    part, name = place.split("/", 1)
    if _holds(adata, place):
        del getattr(adata, part)[name]

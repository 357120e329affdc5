"""Additions to an AnnData file: what is in it stays as it is, and none of its matrices is held in memory.

Like all that opens a file of others, these run by `cic.data.guarded`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
from anndata.io import read_elem, write_elem

from cic.data.stores import arrays, check_arrays, is_array
from cic.errors import DataError

NEWER = "read and write it with anndata 0.8 or newer"


def read_names(path: Path) -> tuple[pd.Index, pd.Index]:
    """Give the names of samples and of genes."""
    with h5py.File(path, "r") as file:
        return _names(file, "obs", path), _names(file, "var", path)


def read_parts(path: Path, places: Sequence[str]) -> list[Any]:
    """Read parts of the file, such as `obsm/X_cic`; `None` for each that is not there.

    Raises
    ------
    DataError
        If one lies in another file, or declares more than the file holds.
    """
    with h5py.File(path, "r") as file:
        return [_part(file, place, path) for place in places]


def fill(path: Path, samples: pd.Index, parts: Mapping[str, Any], stale: Sequence[str] = ()) -> list[str]:
    """Write parts, such as `obsm/X_cic` or columns of `obs` (`obs/cic_type`), into the file.

    Parameters
    ----------
    path
        A file of one's own: a copy.
    samples
        Whose the parts are, in the order of the file.
    stale
        Parts that are taken away.

    Returns
    -------
    list of str
        Parts that were there before.

    Raises
    ------
    DataError
        If the file has other samples, or is not laid out as AnnData files are since anndata 0.8.
    """
    with h5py.File(path, "r+") as file:
        if not _names(file, "obs", path).equals(pd.Index(samples).astype(str)):
            raise DataError(
                "its samples are not those that were read", where=str(path), fix="do not change it meanwhile"
            )
        there = [place for place in parts if place in file]
        for place in [*stale, *parts]:
            group, name = _made_group(file, place.split("/")[0], path), place.split("/", 1)[1]
            if name in group:
                del group[name]
            if place in parts:
                write_elem(group, name, parts[place])
        columns = [*_columns(file["obs"]), *(place.removeprefix("obs/") for place in parts if place.startswith("obs/"))]
        file["obs"].attrs["column-order"] = [name for name in dict.fromkeys(columns) if name in file["obs"]]
    return there


def add_layer(path: Path, name: str) -> bool:
    """Make room for a layer, samples x genes, of float32; tell whether one of that name was there before."""
    with h5py.File(path, "r+") as file:
        shape = tuple(len(_names(file, table, path)) for table in ("obs", "var"))
        layers = _made_group(file, "layers", path)
        there = name in layers
        if there:
            del layers[name]
        made = layers.create_dataset(name, shape, "f4")
        made.attrs["encoding-type"], made.attrs["encoding-version"] = "array", "0.2.0"
    return there


def write_rows(path: Path, name: str, start: int, values_SG: np.ndarray) -> None:
    """Write profiles into a layer, from the row `start` on."""
    with h5py.File(path, "r+") as file:
        file["layers"][name][start : start + len(values_SG)] = values_SG


def _names(file: h5py.File, table: str, path: Path) -> pd.Index:
    group = _group(file, table, path)
    name = group.attrs.get("_index")
    if not isinstance(name, str) or not is_array(group.get(name)):
        raise DataError(f"`{table}` is no table with an index", where=str(path), fix=NEWER)
    check_arrays([group[name]], path)
    return pd.Index([str(one) for one in read_elem(group[name])])


def _columns(obs: h5py.Group) -> list[str]:
    return [one.decode() if isinstance(one, bytes) else str(one) for one in obs.attrs.get("column-order", [])]


def _part(file: h5py.File, place: str, path: Path) -> Any:
    if place not in file:
        return None
    item = _group(file, place.split("/")[0], path)[place.split("/", 1)[1]]
    check_arrays(arrays(item), path)
    return read_elem(item)


def _made_group(file: h5py.File, name: str, path: Path) -> h5py.Group:
    if file.get(name, getlink=True) is None:
        write_elem(file, name, {})
    return _group(file, name, path)


def _group(file: h5py.File, name: str, path: Path) -> h5py.Group:
    """Give a group of the file; a link would lead to what is not ours to write."""
    if not isinstance(file.get(name, getlink=True), h5py.HardLink) or not isinstance(file[name], h5py.Group):
        raise DataError(f"its `{name}` is no group of its own", where=str(path), expected="an AnnData file", fix=NEWER)
    return file[name]

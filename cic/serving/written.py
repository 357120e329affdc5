"""What the server sends: tables of answers, in the kind that was asked for, each with the model that gave it."""

from __future__ import annotations

import io

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from cic.errors import DataError
from cic.serving.bodies import ARROW, GENE, JSON, PARQUET, SAMPLE

KINDS = (JSON, ARROW, PARQUET)
STAMP = b"cic.model"
"""Key of the stamp in the metadata of a table."""


def kind_wanted(accept: str) -> str | None:
    """Give the first of our kinds that `Accept` names, JSON where it takes anything; `None` where it names none."""
    for part in accept.split(",") if accept.strip() else ["*/*"]:
        name = part.split(";")[0].strip().lower()
        if name in ("*/*", "application/*"):
            return JSON
        if name in KINDS:
            return name
    return None


def answers(samples: pd.Index, told: dict[str, np.ndarray], kind: str, stamp: str) -> bytes:
    """Write columns of codes or types: of JSON an object a profile, else a row a profile."""
    ids = [*map(str, samples)]
    if kind != JSON:
        columns = [pa.array(ids), *(pa.array(column, from_pandas=True) for column in told.values())]
        made = pa.table([*columns, pa.array([stamp] * len(ids))], names=[SAMPLE, *told, "model"])
        return _packed(made, kind, stamp)
    columns = [ids, *(column.tolist() for column in told.values())]
    rows = [dict(zip((SAMPLE, *told), row, strict=True)) for row in zip(*columns, strict=True)]
    return orjson.dumps({"model": stamp, "profiles": rows}, option=orjson.OPT_SERIALIZE_NUMPY)


def profiles(table: pd.DataFrame, kind: str, stamp: str) -> bytes:
    """Write profiles in the form in which they are taken, see `cic.serving.bodies.profiles_of`.

    Raises
    ------
    DataError
        If a sample is called as the column of genes is.
    """
    samples, genes = [*map(str, table.index)], [*table.columns]
    values_SG = np.ascontiguousarray(table.to_numpy(dtype=np.float32))
    if kind == JSON:
        told = {"model": stamp, "genes": genes, "samples": samples, "values": values_SG}
        return orjson.dumps(told, option=orjson.OPT_SERIALIZE_NUMPY)
    if GENE in samples:
        raise DataError(f"a sample is called `{GENE}`", where="body", expected="another id, or an answer in JSON")
    return _packed(pa.table([pa.array(genes), *map(pa.array, values_SG)], names=[GENE, *samples]), kind, stamp)


def _packed(table: pa.Table, kind: str, stamp: str) -> bytes:
    table = table.replace_schema_metadata({STAMP: stamp.encode()})
    packed = io.BytesIO()
    if kind == PARQUET:
        pq.write_table(table, packed)
    else:
        with pa.ipc.new_stream(packed, table.schema) as stream:
            stream.write_table(table)
    return packed.getvalue()

"""Names of genes as they are sent: as one text, and a column of them known again by its bytes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from cic.errors import DataError

GAP = "\0"
COLUMNS_KEPT = 4
"""Columns that are known again: whoever asks again mostly sends the same."""
MOST_KEPT = 4_000_000
"""Bytes, and letters, of a list that is kept: ten times as many as all genes need, and little beside a body."""
Chunk: TypeAlias = tuple[int, int, tuple[bytes | None, ...]]
"""Length and offset of a chunk, and its buffers."""


def joined(genes: Sequence[str]) -> str | list[str]:
    """Give names parted by `GAP`, or as a list where one of them holds that itself.

    One text is told from another sooner than 20,000 names are.
    """
    text = GAP.join(genes)
    return text if text.count(GAP) == len(genes) - 1 else [*genes]


def joined_column(column: pa.ChunkedArray, name: str) -> str | list[str]:
    """Give the same of a column of text without gaps; one that lies in memory as an earlier one did is not read again.

    Raises
    ------
    DataError
        As `check_whole`.
    """
    n_bytes = sum(buffer.size for chunk in column.chunks for buffer in chunk.buffers() if buffer is not None)
    found = _joined if n_bytes <= MOST_KEPT else _joined.__wrapped__
    chunks = ((len(chunk), chunk.offset, tuple(map(_bytes, chunk.buffers()))) for chunk in column.chunks)
    return found(name, column.type, *chunks)


def check_whole(column: pa.ChunkedArray, name: str) -> None:
    """Refuse a column of text whose places or letters are damaged.

    Raises
    ------
    DataError
        Saying how.
    """
    try:
        column.validate(full=True)
    except pa.ArrowInvalid as error:
        raise DataError(f"the column `{name}` is damaged: {error}", where="body") from None


@lru_cache(COLUMNS_KEPT)
def _joined(name: str, kind: pa.DataType, *chunks: Chunk) -> str | list[str]:
    column = pa.chunked_array(
        (pa.Array.from_buffers(kind, n, [*map(_buffer, buffers)], 0, offset) for n, offset, buffers in chunks), kind
    )
    check_whole(column, name)
    name_G = column.cast(pa.string()).combine_chunks()
    text = pc.binary_join(pa.ListArray.from_arrays([0, len(name_G)], name_G), GAP)[0].as_py()
    return text if text.count(GAP) == len(column) - 1 else column.to_pylist()


def _bytes(buffer: pa.Buffer | None) -> bytes | None:
    return None if buffer is None else buffer.to_pybytes()


def _buffer(content: bytes | None) -> pa.Buffer | None:
    return None if content is None else pa.py_buffer(content)

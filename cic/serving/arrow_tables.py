"""Tables in Arrow's stream and in Parquet, read from bodies that anybody may have made.

A stream is read where it lies, which takes next to nothing; what would unfold to more than was sent is refused. A
Parquet file unfolds in the process that reads files of others.
"""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from cic.data.guarded import Parts, guarded
from cic.errors import DataError
from cic.serving.limits import TooMuchError

END = b"\xff\xff\xff\xff\x00\x00\x00\x00"
"""How a stream ends. Without it nobody can tell whether profiles are missing."""
HEADER, COMPRESSION = 2, 3
"""Places of `Message.header` and `RecordBatch.compression` in their tables (Apache Arrow, format/Message.fbs)."""

Take = Callable[[pa.Table], Parts]
"""What takes from a table what is wanted of it: a function of a module, or a `functools.partial` of one."""


def from_stream(body: bytes | bytearray, take: Take) -> Parts:
    """Take what is wanted from a stream.

    Raises
    ------
    DataError
        If it is none, is cut short, is compressed, or `take` finds fault.
    """
    if not body.endswith(END):
        raise DataError(
            "the stream has no end", where="body", expected="an Arrow IPC stream with its end-of-stream mark",
            fix="close the writer before what it wrote is sent",
        )  # fmt: skip
    try:
        _check_plain(body)
        table = pa.ipc.open_stream(pa.py_buffer(body)).read_all()
        table.validate()
        _ = table.column_names, table.schema.types  # both are decoded only now
    except DataError:
        raise
    except (pa.ArrowException, struct.error, OSError, ValueError, KeyError, TypeError) as error:  # damage of any kind
        raise _unreadable("Arrow IPC stream", error) from None
    return take(table)


def from_parquet(body: bytes | bytearray, take: Take, most_bytes: int) -> Parts:
    """Take what is wanted from a Parquet file, in the process for files of others.

    Parameters
    ----------
    most_bytes
        What it may unfold to.

    Raises
    ------
    DataError
        If it is none, brings its reader down, or `take` finds fault; `TooMuchError` if it unfolds to more.
    """
    with tempfile.NamedTemporaryFile(prefix="cic-body-", suffix=".parquet") as file:
        file.write(body)
        file.flush()
        try:
            return guarded(partial(_of_file, take=take, most_bytes=most_bytes), Path(file.name))
        except DataError as error:  # a file that its sender knows nothing of
            where = (error.where or "").replace(file.name, "body")
            raise type(error)(error.found, where=where, expected=error.expected, fix=error.fix) from None


def _of_file(path: Path, take: Take, most_bytes: int) -> Parts:
    try:
        file = pq.ParquetFile(path)
        _check_size(4 * file.metadata.num_rows * file.metadata.num_columns, most_bytes)
        table = file.read()
        _check_size(table.nbytes, most_bytes)  # whatever was declared
    except (pa.ArrowException, OSError) as error:
        raise _unreadable("Parquet file", error) from None
    return take(table)


def _check_size(n_bytes: int, most: int) -> None:
    if n_bytes > most:
        raise TooMuchError(
            f"the file unfolds to {n_bytes:,} bytes", where="body", expected=f"at most {most:,}",
            fix="send fewer profiles at a time",
        )  # fmt: skip


def _unreadable(kind: str, error: Exception) -> DataError:
    first = (str(error).splitlines() or [""])[0]
    return DataError(f"the body is not readable: {first:.300}", where="body", expected=f"a whole {kind}")


def _check_plain(body: bytes | bytearray) -> None:
    """Refuse messages that stand for more bytes than they have.

    Arrow itself makes room for what a compressed buffer says that it unfolds to, however much that is.
    """
    messages = pa.ipc.MessageReader.open_stream(pa.py_buffer(body))
    while True:
        try:
            message = messages.read_next_message()
        except StopIteration:
            return
        if message.type not in ("schema", "record batch"):
            raise DataError(f"there is a {message.type} message", where="body", expected="plain columns")
        if message.type == "record batch" and _is_compressed(memoryview(message.metadata)):
            raise DataError(
                "the stream is compressed", where="body", expected="plain buffers",
                fix="write it without compression, or send Parquet",
            )  # fmt: skip


def _is_compressed(metadata: memoryview) -> bool:
    """Look into the FlatBuffers table of a record batch, which pyarrow does not show."""
    message = struct.unpack_from("<I", metadata, 0)[0]
    header = _place(metadata, message, HEADER)
    batch = header + struct.unpack_from("<I", metadata, header)[0]
    return _place(metadata, batch, COMPRESSION) != batch


def _place(metadata: memoryview, table: int, number: int) -> int:
    """Give where a field of a FlatBuffers table lies; the table's own place where it has none."""
    fields = table - struct.unpack_from("<i", metadata, table)[0]
    known = (struct.unpack_from("<H", metadata, fields)[0] - 4) // 2
    return table + (struct.unpack_from("<H", metadata, fields + 4 + 2 * number)[0] if number < known else 0)

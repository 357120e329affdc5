"""The large arrays of tasks: each goes to the workers once, as a file, and not with every task.

A task's description is plain data: dataclasses, tuples, lists, dicts, numbers, arrays. On its way to a worker each
large array in it is replaced by the place of its file; there it is put in again. Tasks know nothing of it.
"""

from __future__ import annotations

import copy
import weakref
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass
from functools import partial
from itertools import count
from typing import Any, TypeVar

import numpy as np

from cic.workers.files import new_folder, read_array, remove, write_array

LARGE = 2**16
"""Bytes from which on an array goes by file; less goes with the task."""
ALIGNED = 16
"""Bytes that the address of an array is a multiple of where it was made. Taken out of a message it may be any; and on
it depend the last bits of products."""
S = TypeVar("S")
R = TypeVar("R")


@dataclass(frozen=True)
class ArrayFile:
    """In place of an array: where it is."""

    place: str


class SentArrays:
    """Files of the arrays that one process sends to its workers.

    Parameters
    ----------
    shared
        Folder or URL that all of them see; `None` is a temporary folder of this machine.
    """

    def __init__(self, shared: str | None = None) -> None:
        self.folder = new_folder(shared)
        self._numbers = count()
        self._kept: dict[int, tuple[weakref.ref[np.ndarray], str]] = {}

    @contextmanager
    def sent(self, specs: Sequence[Any]) -> Iterator[list[Any]]:
        """Give descriptions as they go to workers, for as long as the block runs.

        An array that several of them have is written once, and kept for later ones for as long as somebody holds it:
        it must not be changed. What only one has is removed in the end.
        """
        self._drop_unheld()
        users: Counter[int] = Counter()
        for spec in specs:
            users.update({id(array) for array in _large_arrays(spec)})
        known = {key: place for key, (_, place) in self._kept.items()}  # `specs` hold theirs, so that no key is reused
        alone: list[str] = []

        def placed(array: np.ndarray) -> np.ndarray | ArrayFile:
            if not _is_large(array):
                return array
            if id(array) not in known:
                known[id(array)] = self.write(array)
                if users[id(array)] > 1:
                    self._kept[id(array)] = (weakref.ref(array), known[id(array)])
                else:
                    alone.append(known[id(array)])
            return ArrayFile(known[id(array)])

        try:
            yield [_replaced(spec, placed) for spec in specs]
        finally:
            for place in alone:
                remove(place)

    def write(self, array: np.ndarray) -> str:
        """Write an array into a file of its own, and give its place."""
        place = f"{self.folder}/{next(self._numbers)}.npy"
        write_array(place, array)
        return place

    def _drop_unheld(self) -> None:
        for key, (held, place) in list(self._kept.items()):
            if held() is None:
                del self._kept[key]
                remove(place)

    def close(self) -> None:
        """Remove everything."""
        self._kept.clear()
        remove(self.folder)


def run_sent(run: Callable[[S], R], spec: Any) -> R:
    """Run, in a worker, what was sent to it: the description has its arrays again."""
    return run(_received(spec))


_at_hand: dict[str, np.ndarray] = {}
"""Arrays of this worker's last task, by place: most tasks have them in common with the next."""


def aligned(value: Any) -> Any:
    """Give plain data that came in a message with its arrays where arithmetic gives what it gives elsewhere."""
    return _replaced(value, _aligned)


def _aligned(array: np.ndarray) -> np.ndarray:
    return array.copy(order="K") if array.ctypes.data % ALIGNED else array


def _received(spec: Any) -> Any:
    before = dict(_at_hand)
    _at_hand.clear()

    def array(found: np.ndarray | ArrayFile) -> np.ndarray:
        if not isinstance(found, ArrayFile):
            return _aligned(found)
        if found.place not in _at_hand:
            _at_hand[found.place] = before[found.place] if found.place in before else read_array(found.place)
        return _at_hand[found.place]

    return _replaced(spec, array)


def _large_arrays(spec: Any) -> list[np.ndarray]:
    found: list[np.ndarray] = []

    def note(array: np.ndarray) -> np.ndarray:
        if _is_large(array):
            found.append(array)
        return array

    _replaced(spec, note)
    return found


def _replaced(value: Any, swap: Callable[[Any], Any]) -> Any:
    """Give plain data with what `swap` gives for each array, or file of one, in it; the same object if none differs."""
    if isinstance(value, np.ndarray | ArrayFile):
        return swap(value)
    if type(value) in (tuple, list):
        if set(map(type, value)) <= {str}:  # names of genes: tens of thousands, with each block of a pass
            return value
        parts = [_replaced(part, swap) for part in value]
        return value if all(new is old for new, old in zip(parts, value, strict=True)) else type(value)(parts)
    if type(value) is dict:
        parts = [_replaced(part, swap) for part in value.values()]
        differ = any(new is not old for new, old in zip(parts, value.values(), strict=True))
        return dict(zip(value, parts, strict=True)) if differ else value
    if type(value) is partial:
        before = (value.args, value.keywords)
        after = _replaced(before, swap)
        return value if after is before else partial(value.func, *after[0], **after[1])
    if is_dataclass(value) and not isinstance(value, type):
        new = {field.name: _replaced(getattr(value, field.name), swap) for field in fields(value)}
        changed = {name: part for name, part in new.items() if part is not getattr(value, name)}
        return _with(value, changed) if changed else value
    return value


def _with(value: Any, changed: dict[str, Any]) -> Any:
    """Give a copy of a dataclass with other fields, whatever it checks when it is made: an array's file is no array."""
    other = copy.copy(value)
    for name, part in changed.items():
        object.__setattr__(other, name, part)
    return other


def _is_large(array: np.ndarray) -> bool:
    return array.nbytes >= LARGE and not array.dtype.hasobject

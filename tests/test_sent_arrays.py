"""What tasks have in common goes to workers once: as files of arrays, in a folder or behind a URL."""

from __future__ import annotations

import os
import pickle
import stat
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from array_job import product, product_killed_once, tasks
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from cic.errors import ServiceError
from cic.workers import arrays as arrays_module
from cic.workers.arrays import LARGE, SentArrays, aligned, run_sent
from cic.workers.executor import make_executor
from cic.workers.files import read_array


@dataclass(frozen=True)
class Node:
    left: Any
    right: Any

    def __post_init__(self) -> None:
        assert not isinstance(self.left, arrays_module.ArrayFile), "what is checked when it is made is never half there"


ARRAYS = arrays_of.arrays(
    st.sampled_from(["<f4", "<f8", "<i8", "?"]), arrays_of.array_shapes(max_dims=2, max_side=6)
).flatmap(lambda array: st.sampled_from([array, np.asfortranarray(array), array[::2]]))
LEAVES = ARRAYS | st.integers() | st.none() | st.text(max_size=3)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=2), inner, max_size=2)
        | st.builds(Node, inner, inner)
        | inner.map(lambda one: partial(max, one, key=one))
    ),
    max_leaves=8,
)


def same(one: Any, other: Any) -> bool:
    """Whether two values are of the same type and content, arrays with the same order in memory."""
    if type(one) is not type(other):
        return False
    if isinstance(one, np.ndarray):
        as_sent = np.ascontiguousarray(one) if not (one.flags.c_contiguous or one.flags.f_contiguous) else one
        flags = (as_sent.flags.c_contiguous, as_sent.flags.f_contiguous)
        here = (other.flags.c_contiguous, other.flags.f_contiguous)
        return one.dtype == other.dtype and flags == here and one.tobytes() == other.tobytes()
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, tuple | list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, Node):
        return same(one.left, other.left) and same(one.right, other.right)
    if isinstance(one, partial):
        return same(one.args, other.args) and same(tuple(one.keywords.values()), tuple(other.keywords.values()))
    return one == other


@given(st.lists(VALUES, min_size=1, max_size=3))
@settings(max_examples=60, deadline=None)
def test_what_a_worker_gets_is_what_was_sent(specs: list[Any]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arrays_module, "LARGE", 1)
        sender = SentArrays()
        try:
            with sender.sent(specs) as sent:
                # as a worker in another process gets them
                pickled = [pickle.dumps(one) for one in sent]
                received = [run_sent(lambda spec: spec, pickle.loads(one)) for one in pickled]  # noqa: S301
        finally:
            sender.close()
    assert all(map(same, specs, received))


def test_what_tasks_share_is_written_once_and_what_is_their_own_is_removed() -> None:
    sender, shared = SentArrays(), tasks(3)
    folder = Path(sender.folder)
    try:
        for specs in (shared, shared[:1], shared[::-1]):
            with sender.sent(specs) as sent:
                assert len(list(folder.iterdir())) == 2 + len(specs)
                assert all(len(pickle.dumps(one)) < 1000 for one in sent), "arrays went with the task"
            assert len(list(folder.iterdir())) == 2
    finally:
        sender.close()
    assert not folder.exists()


@given(ARRAYS, st.integers(1, 15))
@settings(max_examples=30, deadline=None)
def test_arrays_that_came_anywhere_in_a_message_are_where_arithmetic_wants_them(array: np.ndarray, away: int) -> None:
    whole = np.empty(array.nbytes + 64, dtype=np.uint8)
    start = -whole.ctypes.data % 16 + away
    odd = whole[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    odd[...] = array
    for found in (aligned({"a": [Node(odd, 1)]})["a"][0].left, run_sent(lambda spec: spec[0], (odd,))):
        assert found.ctypes.data % 16 == 0
        np.testing.assert_array_equal(found, array)


def test_what_nobody_holds_any_more_is_removed_with_the_next_tasks() -> None:
    sender, first, second = SentArrays(), tasks(2), tasks(2)
    try:
        for given in (first, second):
            with sender.sent(given):
                pass
        assert len(list(Path(sender.folder).iterdir())) == 4
        del first, given
        with sender.sent(second):
            pass
        assert len(list(Path(sender.folder).iterdir())) == 2
    finally:
        sender.close()


def test_small_arrays_go_with_the_task() -> None:
    sender = SentArrays()
    small = np.zeros(LARGE // 8 - 1)
    try:
        with sender.sent([(small,), (small,)]) as sent:
            assert sent[0][0] is small and not list(Path(sender.folder).iterdir())
    finally:
        sender.close()


def test_only_the_owner_may_enter_the_folder(tmp_path: Path) -> None:
    for shared in (None, str(tmp_path)):
        sender = SentArrays(shared)
        assert stat.S_IMODE(os.stat(sender.folder).st_mode) == 0o700
        sender.close()
    assert not list(tmp_path.iterdir())


def test_what_a_task_changes_stays_in_its_process(tmp_path: Path) -> None:
    sender = SentArrays(str(tmp_path))
    place = sender.write(np.zeros(5))
    read_array(place)[:] = 1
    np.testing.assert_array_equal(read_array(place), np.zeros(5))


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    place = tmp_path / "0.npy"
    np.save(place, np.array([object()]), allow_pickle=True)
    with pytest.raises(ServiceError, match="cannot be read"):
        read_array(str(place))


def test_a_folder_that_is_not_there_is_named() -> None:
    with pytest.raises(ServiceError, match="cannot be written") as raised, make_executor(2, shared="/no/such/folder"):
        pass
    assert "/no/such/folder" in str(raised.value) and "search.shared" in str(raised.value)


def test_a_url_of_no_known_kind_is_named() -> None:
    with make_executor(2, shared="nonsense://there") as workers, pytest.raises(ServiceError, match="cannot be written"):
        list(workers.map(product, tasks(2)))


@pytest.mark.parametrize("shared", [None, "folder"])
def test_processes_give_what_this_one_gives_and_a_new_one_finds_the_data_again(
    tmp_path: Path, shared: str | None
) -> None:
    if shared:
        (tmp_path / shared).mkdir()
    given, mark = tasks(6), tmp_path / "killed"
    with make_executor(2, shared=str(tmp_path / shared) if shared else None) as workers:
        for _ in range(2):
            found = list(workers.map(partial(product_killed_once, mark), given))
            np.testing.assert_array_equal(found, [product(task) for task in given])
    assert mark.exists()
    assert not shared or not list((tmp_path / shared).iterdir())

"""Equal profiles are found as by comparing each with each, dense or sparse."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cic.data.equal import numbered, sets_of
from cic.data.sparse import compressed

FEW = arrays(np.float32, st.tuples(st.integers(1, 12), st.integers(1, 4)), elements=st.sampled_from([0, 0, 0, 1, 2.5]))


def one_by_one(values_SG: np.ndarray) -> list[int]:
    """Number each profile as the first that it is equal to."""
    first = [next(row for row, other in enumerate(values_SG) if (other == one).all()) for one in values_SG]
    order = {row: number for number, row in enumerate(dict.fromkeys(first))}
    return [order[row] for row in first]


@given(FEW)
@settings(max_examples=200, deadline=None)
def test_profiles_have_one_number_if_they_are_equal(values_SG: np.ndarray) -> None:
    kept = compressed(values_SG)
    stored_zeros = compressed(values_SG + 1)
    stored_zeros.data -= 1
    for values in (values_SG, kept, stored_zeros):
        assert numbered(values).tolist() == one_by_one(values_SG)


@given(st.lists(st.integers(0, 6), min_size=1, max_size=12))
def test_sets_are_of_those_that_share_a_number(numbers: list[int]) -> None:
    number_S = np.array(numbers)
    expected = [np.flatnonzero(number_S == one).tolist() for one in range(7) if numbers.count(one) > 1]
    assert [rows.tolist() for rows in sets_of(number_S)] == expected

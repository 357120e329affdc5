"""What makes twins, against plain loops over pairs: how like they are, and which are nearest."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cic.data.twins import SHARED, likeness, nearest, residuals

PROFILES = arrays(
    np.float32, st.tuples(st.integers(1, 7), st.integers(2, 9)), elements=st.sampled_from([0, 0, 1, 2, 5])
)


@given(PROFILES, st.booleans())
@settings(max_examples=150, deadline=None)
def test_likeness_is_the_cosine_over_the_genes_that_both_have(values_SG: np.ndarray, shared: bool) -> None:
    weight_SG = (values_SG != 0).astype(np.float32) if shared else np.ones_like(values_SG)
    x_SG = residuals(values_SG, weight_SG)
    like_SS = likeness(x_SG, weight_SG if shared else None)
    for row, other in np.ndindex(like_SS.shape):
        both_G = (weight_SG[row] * weight_SG[other]).astype(bool)
        if both_G.sum() < SHARED * min(weight_SG[row].sum(), weight_SG[other].sum()):
            assert like_SS[row, other] == -1
            continue
        one, two = (x_SG[at, both_G].astype(np.float64) for at in (row, other))
        lengths = np.sqrt((one @ one) * (two @ two))
        if lengths > 1e-3:  # of what is next to nothing the direction is rounding
            np.testing.assert_allclose(like_SS[row, other], one @ two / lengths, atol=1e-4)


@given(st.data(), st.integers(1, 7), st.integers(1, 9))
@settings(max_examples=150, deadline=None)
def test_the_nearest_are_those_that_may_be_compared(data: st.DataObject, n: int, n_neighbours: int) -> None:
    like_SS = data.draw(arrays(np.float32, (n, n), elements=st.sampled_from([-0.5, 0, 0.25, 1])))
    out_SK = data.draw(arrays(np.int64, (n, 2), elements=st.integers(0, 3)))
    near_SN, near_like_SN = nearest(like_SS, out_SK, n_neighbours)
    for row in range(n):
        like = [-1 if (out_SK[row] == out_SK[other]).any() else like_SS[row, other] for other in range(n)]
        wanted = sorted(range(n), key=lambda other: (-like[other], other))[:n_neighbours]
        assert near_SN[row].tolist() == wanted
        assert near_like_SN[row].tolist() == [like[other] for other in wanted]

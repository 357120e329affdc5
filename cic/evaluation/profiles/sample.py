"""Which profiles an evaluation measures where there are more than its questions can take.

Retrainings, intervals and distances cost more than in proportion to the profiles, so a sample stands for all.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from cic.seeds import generator


def measured(samples: pd.DataFrame, part_S: np.ndarray, most: int, seed: int) -> np.ndarray:
    """Tell which profiles are measured: all, or a random sample of `most`.

    Up to half of the sample is of the test part; the rest is of the other parts, in proportion. Technical replicates
    come together, as far as the number allows.

    Parameters
    ----------
    samples
        With the column `replicate` if there is one.
    part_S
        `train`, `validation` or `test`.

    Returns
    -------
    numpy.ndarray
        A mask (S).
    """
    n_samples = len(samples)
    if n_samples <= most:
        return np.ones(n_samples, dtype=bool)
    draw = generator(seed, "measured")
    known = samples["replicate"].to_numpy() if "replicate" in samples else np.full(n_samples, None)
    codes_S = pd.factorize(known)[0]
    set_S = np.where(codes_S < 0, codes_S.max() + 1 + np.arange(n_samples), codes_S)
    order = np.argsort(draw.permutation(int(set_S.max()) + 1)[set_S], kind="stable")
    test_S = part_S == "test"
    n_test = min(int(test_S.sum()), max(most // 2, most - int((~test_S).sum())))
    keep_S = np.zeros(n_samples, dtype=bool)
    left, room = n_samples - int(test_S.sum()), most - n_test
    quota = {"test": n_test}
    for part in ("train", "validation"):
        size = int((part_S == part).sum())
        quota[part] = min(size, round(room * size / left)) if left else 0
        room, left = room - quota[part], left - size
    for part, wanted in quota.items():
        keep_S[order[part_S[order] == part][:wanted]] = True
    return keep_S

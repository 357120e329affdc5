"""When a trial stops early: limits fixed before its round begins, from what earlier rounds had reached."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cic.search.records import Record

WORST_SHARE = 1 / 3
"""Share of earlier trials whose like is stopped: with a one-cycle schedule much is won late, so not one half."""
MIN_TRIALS = 4
"""Trials of the same width that have to have reached a rung before anything stops there."""


def thresholds(records: Sequence[Record], width: int) -> tuple[tuple[int, float], ...]:
    """Give the (epoch, error over PCA's) above which a trial of that width stops.

    Trials that were stopped at a rung count there too: without them the limit would tighten round by round, being
    taken from survivors alone. Widths are not mixed, because what PCA leaves to win differs between them.
    """
    at_epoch: dict[int, list[float]] = {}
    for record in records:
        if record.hyper.bottleneck_width == width:
            for epoch, ratio in record.ratios_at_rungs:
                at_epoch.setdefault(epoch, []).append(ratio)
    return tuple(
        (epoch, float(np.quantile(ratios, 1 - WORST_SHARE)))
        for epoch, ratios in sorted(at_epoch.items())
        if len(ratios) >= MIN_TRIALS
    )

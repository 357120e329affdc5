"""The column by which a data set tells that its studies were corrected to one another, and to which.

Who is corrected to others depends on them. So split and audit keep each such study whole, and the one to which the
others were corrected in training: else what is held out would have shaped what is trained on.
"""

from __future__ import annotations

import pandas as pd

CORRECTION = "merge_correction"
"""Sample column: `reference: STUDY`, or how the study was corrected to it, `centre: STUDY` or `combat: STUDY`."""
REFERENCE = "reference"


def correction_of(study: str, how: str) -> str:
    """Give what the column says of a profile of that study."""
    return f"{how}: {study}"


def is_reference(samples: pd.DataFrame) -> pd.Series:
    """Tell of each sample whether others were corrected to its study."""
    if CORRECTION not in samples:
        return pd.Series(False, index=samples.index)
    return samples[CORRECTION].astype(str).str.startswith(correction_of("", REFERENCE))

"""The words by which a user declares what a file of profiles holds. Importing them costs nothing."""

from __future__ import annotations

from typing import Literal, get_args

Unit = Literal["log2", "tpm", "counts", "intensity", "log_ratio"]
UNITS: tuple[str, ...] = get_args(Unit)
SamplesIn = Literal["rows", "columns"]
DuplicateGenes = Literal["error", "mean", "max", "sum"]
Missing = Literal["error", "drop-genes", "drop-samples"]

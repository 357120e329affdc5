"""The words by which a user declares what a file of profiles holds. Importing them costs nothing."""

from __future__ import annotations

from typing import Literal, get_args

Unit = Literal["log2", "tpm", "cpm", "counts", "estimated_counts", "intensity", "log_ratio", "scaled"]
UNITS: tuple[str, ...] = get_args(Unit)
DeclaredUnit = Literal[Unit, "fpkm", "ln", "log10"]
"""Of a file: what has a unit of these three is brought to `tpm` or `log2` when it is read."""
DECLARED_UNITS: tuple[str, ...] = (*UNITS, "fpkm", "ln", "log10")
COUNT_UNITS = ("counts", "estimated_counts")
"""What is brought to a million a sample before a logarithm is taken. Estimated ones need not be whole."""
LINEAR_UNITS = ("tpm", "cpm", *COUNT_UNITS, "intensity")
CENTRED_UNITS = ("log_ratio", "scaled")
"""What neither has a level nor can be made linear."""
SamplesIn = Literal["rows", "columns"]
DuplicateGenes = Literal["error", "mean", "median", "max", "sum", "highest"]
GenesTo = Literal["symbol", "ensembl", "entrez"]
Missing = Literal["error", "drop-genes", "drop-samples", "keep"]

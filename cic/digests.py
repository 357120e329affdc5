"""Digests by which data and parameters are known again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cic.config import ParamsSection, digest
from cic.data.matrix import ExpressionMatrix

WORKERS = ("workers", "scheduler", "shared")
"""Fields of the section `search` that say what runs, and where."""
DECIDING = ("data", "split", "preprocess", "training", "search", "fit")
"""Sections that decide what model comes out."""


def data_digest(matrix: ExpressionMatrix) -> str:
    """Give the SHA-256 of ids, genes, unit, sample columns and values, whether these are dense or sparse."""
    total = hashlib.sha256()
    total.update(matrix.samples.to_csv().encode())
    total.update("\n".join((matrix.unit, *matrix.genes)).encode())
    for block_SG in matrix.blocks():
        total.update(np.ascontiguousarray(block_SG, dtype="<f4").data)
    return total.hexdigest()


def model_digest(params: Mapping[str, Any]) -> str:
    """Give the digest of the parameters that decide what model comes out, from their plain values by section."""
    return digest(params["seed"], *(json.dumps(_settled(params[name]), sort_keys=True) for name in DECIDING))


def settled(section: ParamsSection) -> dict[str, Any]:
    """Give the fields of a section that an outcome depends on: how many workers there are, and where, is none."""
    return _settled(section.model_dump(mode="json"))


def _settled(section: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in section.items() if key not in WORKERS}


def gene_sets_digest(path: Path) -> str:
    """Give the SHA-256 of a GMT file, or of all those of a folder; of nothing where there is none."""
    total = hashlib.sha256()
    for file in sorted(path.glob("*.gmt")) if path.is_dir() else [path]:
        if not file.is_file():
            continue
        total.update(file.name.encode() + b"\0" + file.read_bytes())
    return total.hexdigest()

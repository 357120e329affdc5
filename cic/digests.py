"""Digests by which data, parameters and code are known again."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import numpy as np

import cic
from cic.config import Params, digest
from cic.data.matrix import ExpressionMatrix


def data_digest(matrix: ExpressionMatrix) -> str:
    """Give the SHA-256 of ids, genes, unit, sample columns and values."""
    total = hashlib.sha256()
    total.update(matrix.samples.to_csv().encode())
    total.update("\n".join((matrix.unit, *matrix.genes)).encode())
    total.update(np.ascontiguousarray(matrix.values, dtype="<f4").tobytes())
    return total.hexdigest()


def model_digest(params: Params) -> str:
    """Give the digest of the parameters that decide what model comes out."""
    search = params.search.model_copy(update={"workers": 0, "scheduler": None})
    return digest(params.seed, params.data, params.split, params.preprocess, params.training, search, params.fit)


def gene_sets_digest(path: Path) -> str:
    """Give the SHA-256 of a GMT file, or of all those of a folder; of nothing where there is none."""
    total = hashlib.sha256()
    for file in sorted(path.glob("*.gmt")) if path.is_dir() else [path] if path.exists() else []:
        total.update(file.name.encode() + b"\0" + file.read_bytes())
    return total.hexdigest()


@cache
def source_digest() -> str:
    """Give the SHA-256 of the package's sources."""
    root = Path(cic.__file__).parent
    total = hashlib.sha256()
    for path in sorted(root.rglob("*.py")) + sorted(root.rglob("*.html")):
        total.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return total.hexdigest()

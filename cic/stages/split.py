"""Stage `split`: the part of each profile, and the leakage audit."""

from __future__ import annotations

from pathlib import Path

from cic.config import Params
from cic.data.audit import audit_split
from cic.data.matrix import read_matrix
from cic.data.missing import filled
from cic.data.split import split_samples
from cic.data.spreadsheet import write_csv
from cic.folders import Folders, write_json
from cic.seeds import derive_seed
from cic.settings import Settings


def split(params: Params, folders: Folders, out: Path, settings: Settings) -> None:
    """Split into train, validation and test, and audit the split for leakage."""
    matrix = read_matrix(folders["ingest"] / "matrix.parquet")
    part = split_samples(matrix.samples, params.split, derive_seed(params.seed, "split"))
    write_csv(part.rename("part").rename_axis("sample_id").to_frame(), out / "split.csv", index=True)
    matrix = filled(matrix, (part == "train").to_numpy())
    write_json(out / "audit.json", audit_split(matrix, part, params.split, derive_seed(params.seed, "audit")).to_json())

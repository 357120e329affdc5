"""Damaged and mangled files of every kind: read as a second, separate reading reads them, or told, and nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from faults import Tally
from mangled import mangled
from mutants import FIXED, KINDS, mutants, whole
from reference_reading import reference

from cic.data import guarded
from cic.data.matrix import ExpressionMatrix
from cic.data.readers import read_table
from cic.errors import DataError

TEXT = ("a.csv", "a.tsv.gz", "a.gct", "a_series_matrix.txt.gz", "a_family.soft", "featureCounts.txt")


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever hangs is told after so many seconds."""
    monkeypatch.setattr(guarded, "SECONDS", 10.0)


REAL = {"bioqc_test.gct": "scaled", "soft_ex_family.soft": "log_ratio"}
"""Specimens as others wrote them, and units that their values do not contradict."""


def read(path: Path, kind: str) -> ExpressionMatrix:
    # intensities are what least is asked of
    unit = REAL.get(kind, "counts" if kind == "own.parquet" else "intensity")
    if kind in REAL:
        return read_table(path, unit=unit)  # type: ignore[arg-type]
    return read_table(path, samples_in=None if kind in FIXED or kind == "own.parquet" else "rows", unit=unit)


def ended(path: Path, kind: str, how: str) -> str:
    """Read a file and tell how that ended; anything but the reference's values or an error that says where fails."""
    beside = sorted(path.parent.iterdir())
    try:
        found = read(path, kind)
    except DataError as error:
        assert str(path) in str(error) and (error.fix or error.expected), how
        return "told"
    finally:
        assert sorted(path.parent.iterdir()) == beside, f"{how}: a file was left behind"
    wanted = reference(path, kind)
    values = found.values if isinstance(found.values, np.ndarray) else found.values.toarray()
    assert (list(found.samples.index), list(found.genes)) == (list(wanted.index), list(wanted.columns)), how
    np.testing.assert_array_equal(values, wanted.to_numpy(), err_msg=how)
    return "read as the reference reads it"


@pytest.mark.attack("damaged files of sixteen kinds", "8", tries=120, short=12)
@pytest.mark.parametrize("kind", [*KINDS, *FIXED])
def test_a_damaged_file_is_read_as_it_stands_or_told(tmp_path: Path, kind: str, tally: Tally) -> None:
    path = whole(tmp_path, kind)
    content = path.read_bytes()
    original = read(path, kind)
    assert ended(path, kind, "whole") == "read as the reference reads it"
    for number, damaged in enumerate(mutants(content, tally.tries, 5)):
        path.write_bytes(damaged)
        tally(ended(path, kind, f"damage {number}"))
        if kind == "own.parquet" and tally.ended[-1] != "told":
            np.testing.assert_array_equal(read(path, kind).values, original.values)
    assert "told" in tally.ended


@pytest.mark.attack("files of text, mangled as people and programs do it", "8", tries=3, short=1)
@pytest.mark.parametrize("kind", TEXT)
def test_a_mangled_file_is_read_as_it_stands_or_told(tmp_path: Path, kind: str, tally: Tally) -> None:
    path = whole(tmp_path, kind)
    content = path.read_bytes()
    for seed in range(tally.tries):
        for name, made in mangled(content, seed):
            path.write_bytes(made)
            tally(ended(path, kind, name))
    assert {"told", "read as the reference reads it"} <= set(tally.ended)


@pytest.mark.attack("damaged specimens, as others wrote them", "8", tries=120, short=6)
@pytest.mark.parametrize("kind", REAL)
def test_a_damaged_specimen_is_read_as_it_stands_or_told(
    tmp_path: Path, real_data: Path, kind: str, tally: Tally
) -> None:
    path = tmp_path / kind
    content = (real_data / "specimens" / kind).read_bytes()
    path.write_bytes(content)
    assert ended(path, kind, "whole") == "read as the reference reads it"
    for number, damaged in enumerate(mutants(content, tally.tries, 7)):
        path.write_bytes(damaged)
        tally(ended(path, kind, f"damage {number}"))

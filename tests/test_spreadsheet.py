"""What is written as CSV runs nothing in a spreadsheet, and is read back as it was."""

from __future__ import annotations

import csv
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cic.data.spreadsheet import as_text, from_text, read_csv, write_csv

DANGEROUS = ("=", "+", "-", "@", "\t", "\r")
TEXT = st.text(st.sampled_from("='+-@\t\ra1,\"\n"), min_size=1, max_size=6)


@given(TEXT)
def test_no_text_is_a_formula_and_all_come_back(text: str) -> None:
    assert not as_text(text).startswith(DANGEROUS)
    assert from_text(as_text(text)) == text


@pytest.mark.attack("formulas in ids, labels and headers of a CSV (60 tables)", "11", ended="text")
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(TEXT, min_size=1, max_size=4, unique=True), TEXT)
def test_a_table_runs_nothing_and_comes_back(tmp_path: Path, ids: list[str], name: str) -> None:
    path = tmp_path / "a.csv"
    index = pd.Index(ids, name="sample_id")
    table = pd.DataFrame({name: [-1.5] * len(ids), "=label": ids[::-1], "kind": ["-x"] * len(ids)}, index=index)
    write_csv(table, path, index=True)
    with path.open(newline="") as file:
        header, *lines = csv.reader(file)
    assert not any(cell.startswith(DANGEROUS) for cell in header)
    assert not any(cell.startswith(DANGEROUS) for line in lines for cell in (line[0], *line[2:]))
    assert all(float(line[1]) == -1.5 for line in lines), "numbers stay numbers"
    back = read_csv(path)
    assert back["sample_id"].tolist() == ids and back.columns[1] == name
    assert back["kind"].tolist() == ["-x"] * len(ids)


def test_ids_that_look_like_numbers_or_nothing_stay_text(tmp_path: Path) -> None:
    ids = ["007", "NA", "=1+1", "1e5", "'=x"]
    write_csv(pd.DataFrame({"x": range(5)}, index=pd.Index(ids, name="sample_id")), tmp_path / "a.csv", index=True)
    assert read_csv(tmp_path / "a.csv")["sample_id"].tolist() == ids

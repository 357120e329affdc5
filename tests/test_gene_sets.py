"""Gene sets come from files that people edit: what is wrong with one is said, with the line."""

from __future__ import annotations

import numpy as np
import pytest

from cic.errors import DataError
from cic.evaluation.gene_sets.gene_sets import GeneSet, gmt_files, match, read_gmt


def written(tmp_path, text, name="sets.gmt"):
    file = tmp_path / name
    file.write_text(text)
    return file


def test_reads_sets_with_their_collection(tmp_path):
    file = written(tmp_path, "LIVER\thttp://x\tALB\tTTR\tALB\t\r\n\nBRAIN\t\tGFAP\n", "organs.gmt")
    assert read_gmt(file) == [GeneSet("LIVER", "organs", ("ALB", "TTR")), GeneSet("BRAIN", "organs", ("GFAP",))]


@pytest.mark.parametrize("line", ["ONLY_A_NAME", "NAME\tdescription", "NAME\tdescription\t\t", "\tdescription\tALB"])
def test_a_line_that_is_no_set_is_told(tmp_path, line):
    with pytest.raises(DataError, match="no gene set") as caught:
        read_gmt(written(tmp_path, f"LIVER\tx\tALB\n{line}\n"))
    assert caught.value.where.endswith("sets.gmt, line 2")
    assert caught.value.expected
    assert caught.value.fix


def test_a_name_twice_in_a_file_is_told_with_both_lines(tmp_path):
    with pytest.raises(DataError, match="LIVER stands there twice") as caught:
        read_gmt(written(tmp_path, "LIVER\tx\tALB\nBRAIN\tx\tGFAP\nLIVER\tx\tTTR\n"))
    assert "lines 1 and 3" in caught.value.where


def test_no_text_is_told(tmp_path):
    file = tmp_path / "sets.gmt"
    file.write_bytes(b"LIVER\tx\t\xff\xfe\n")
    with pytest.raises(DataError, match="no text"):
        read_gmt(file)


def test_a_folder_gives_its_gmt_files_only(tmp_path):
    for name in ("b.gmt", "a.gmt", "README.md"):
        written(tmp_path, "", name)
    assert [file.name for file in gmt_files(tmp_path)] == ["a.gmt", "b.gmt"]
    assert gmt_files(tmp_path / "a.gmt") == [tmp_path / "a.gmt"]
    assert gmt_files(tmp_path / "not there") == []


def test_sets_are_matched_by_name_and_kept_by_matched_size():
    genes = [f"g{number}" for number in range(600)]
    sets = [
        GeneSet("nine", "c", (*genes[:9], *(f"other{number}" for number in range(20)))),
        GeneSet("ten", "c", ("g30", *genes[20:29], "other1")),
        GeneSet("most", "c", tuple(genes[:500])),
        GeneSet("more", "c", tuple(genes[:501])),
    ]
    found = match(sets, genes)
    assert found.names == ("ten", "most")
    assert (found.n_small, found.n_large, found.n_matched) == (1, 1, 501)
    np.testing.assert_array_equal(found.members[0], [*range(20, 29), 30])


def test_a_set_of_all_genes_is_too_large_to_stand_anywhere_in_a_ranking():
    genes = [f"g{number}" for number in range(12)]
    found = match([GeneSet("all", "c", tuple(genes)), GeneSet("most", "c", tuple(genes[1:]))], genes)
    assert (found.names, found.n_small, found.n_large) == (("most",), 0, 1)
    few = match([GeneSet("all", "c", tuple(genes[:4]))], genes[:4])
    assert (len(few), few.n_small, few.n_large) == (0, 1, 0)


def test_no_sets_match_nothing():
    assert len(match([], ["g1"])) == 0

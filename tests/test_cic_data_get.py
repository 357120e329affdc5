"""`cic data get` and what it asks GEO for, from a server on this machine that has a small series."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from click.testing import Result
from geo_server import FILE, MATRIX, NOISE, SERIES, WHOLE, Geo, names
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from cic.cli import app
from cic.errors import ConfigError, DataError, ServiceError
from cic.fetching.geo import entries, folder_of, parsed
from cic.fetching.listing import listed
from cic.fetching.service import Service


def get(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["data", "get", *arguments], env={"COLUMNS": "200"})


# what there is


@pytest.mark.parametrize(
    ("accession", "inner"),
    [
        ("GSE1", "series/GSEnnn/GSE1"),
        ("GSE999", "series/GSEnnn/GSE999"),
        ("gse1000 ", "series/GSE1nnn/GSE1000"),
        ("GSE10072", "series/GSE10nnn/GSE10072"),
        ("GSE118767", "series/GSE118nnn/GSE118767"),
        ("GPL96", "platforms/GPLnnn/GPL96"),
        ("GPL10558", "platforms/GPL10nnn/GPL10558"),
    ],
)
def test_accessions_lie_by_the_thousand(accession: str, inner: str) -> None:
    assert folder_of("https://x/geo", parsed(accession)) == f"https://x/geo/{inner}/"


@pytest.mark.parametrize("accession", ["GSM254625", "GDS3257", "GSE", "GSE10x", "10072", "", "GSE1/../..", "GSE１"])
def test_what_is_no_accession_is_refused(accession: str) -> None:
    with pytest.raises(DataError, match="no accession"):
        parsed(accession)


def test_a_missing_series_and_a_missing_kind_are_told_apart(geo: Geo) -> None:
    del geo.files[f"{SERIES}/suppl/GSE10072_counts.csv.gz"]
    missing, kind, name = get("GSE10073"), get("GSE10072", "--what", "suppl"), get("GSE10072", "--only", "*.tar")
    assert all(isinstance(one.exception, DataError) for one in (missing, kind, name))
    assert "there is no GSE10073" in str(missing.exception)
    assert "nothing of the kind `suppl`" in str(kind.exception) and "matrix, soft" in str(kind.exception)
    assert "no file that is called *.tar" in str(name.exception) and MATRIX in str(name.exception)


def test_a_page_that_is_no_list_is_no_empty_series(geo: Geo, service: Service) -> None:
    geo.files[f"{SERIES[:-1]}3/notice.html"] = b"down"
    with pytest.raises(ServiceError, match="lists no folders"):
        entries(service, geo.base, "GSE10073")


HREFS = st.lists(
    st.sampled_from(
        ["..", "%2e%2e", "/", "%2F", "%5c", "\\", "a", "http://evil/", "//evil/", "?", "#", "%00", ".", "\n", "["]
    ),
    min_size=1, max_size=6,
).map("".join)  # fmt: skip


@given(HREFS)
def test_no_link_leads_out_of_its_folder(href: str) -> None:
    folder = "https://x/geo/series/GSEnnn/GSE1/suppl/"
    try:
        found = listed(f'<a href="{href}">x</a>', folder)
    except ServiceError:
        return
    for name, url in found.items():
        plain = name.removesuffix("/")
        assert url.startswith(folder)
        assert (Path("/to") / plain).resolve().parent == Path("/to")
        assert not set(plain) & set("/\\\0\n")


def test_links_that_would_write_elsewhere_are_refused_and_those_of_the_page_passed_over(
    geo: Geo, service: Service
) -> None:
    folder = f"{SERIES}/matrix/"
    geo.links[folder] = ["../../../../evil.txt", "/etc/passwd", "http://127.0.0.1:1/evil.gz", "mailto:x@y"]
    kinds = [(one.kind, one.name) for one in entries(service, geo.base, "GSE10072")]
    assert kinds == [("matrix", MATRIX), ("soft", "GSE10072_family.soft.gz"), ("suppl", "GSE10072_counts.csv.gz")]
    geo.links[folder] = ["..%2f..%2fevil.txt"]
    with pytest.raises(ServiceError, match="somewhere else"):
        entries(service, geo.base, "GSE10072")


# the verb


def test_the_verb_lists_fetches_says_what_comes_next_and_fetches_nothing_twice(geo: Geo, tmp_path: Path) -> None:
    result = get("gse10072")
    assert result.exit_code == 0, result.output
    for told in (MATRIX, "GSE10072_family.soft.gz", "GSE10072_counts.csv.gz", f"{MATRIX}: fetched"):
        assert told in result.output
    path = f"downloads/GSE10072/{MATRIX}"
    assert f"cic data import {path} --name GSE10072 --unit UNIT\n" in result.output
    assert names(tmp_path / "downloads/GSE10072") == {*WHOLE, ".lock"}
    geo.asked.clear()
    result = get("GSE10072")
    assert f"{path}: is here already" in result.output
    assert geo.gets(MATRIX) == []


@pytest.mark.parametrize(
    ("more", "fetched"),
    [
        (["--list"], set()),
        (["--what", "soft"], {"GSE10072_family.soft.gz"}),
        (["--only", "*counts*"], {"GSE10072_counts.csv.gz"}),
        (["--what", "all"], {MATRIX, "GSE10072_family.soft.gz", "GSE10072_counts.csv.gz"}),
        (["--only", "*counts*", "--only", "*.soft.gz"], {"GSE10072_family.soft.gz", "GSE10072_counts.csv.gz"}),
    ],
)  # fmt: skip
def test_only_what_is_asked_for_is_fetched(geo: Geo, tmp_path: Path, more: list[str], fetched: set[str]) -> None:
    result = get("GSE10072", "--to", "here", *more)
    assert result.exit_code == 0, result.output
    here = names(tmp_path / "here") if fetched else set()
    assert {name for name in here if not name.endswith((".lock", ".json"))} == fetched
    assert ("--samples-in columns" in result.output) == ("GSE10072_counts.csv.gz" in fetched)
    assert (tmp_path / "here").exists() == bool(fetched)
    assert {path.rpartition("/")[2] for method, path, _ in geo.asked if method == "GET"} - {""} == fetched


def test_a_platform_has_its_annotation(geo: Geo, tmp_path: Path) -> None:
    geo.files["platforms/GPLnnn/GPL96/annot/GPL96.annot.gz"] = FILE
    result = get("GPL96")
    assert result.exit_code == 0, result.output
    assert "--gene-map downloads/GPL96/GPL96.annot.gz" in result.output
    assert "nothing that GPL96 can have" in str(get("GPL96", "--what", "matrix").exception)


def test_archives_are_left_packed_and_much_asks_first(geo: Geo, tmp_path: Path) -> None:
    geo.files[f"{SERIES}/suppl/GSE10072_RAW.tar"] = NOISE
    much = get("GSE10072", "--what", "suppl", "--most-gb", "0.0005")
    assert isinstance(much.exception, ConfigError) and "--most-gb" in str(much.exception)
    assert not (tmp_path / "downloads").exists()
    result = get("GSE10072", "--only", "*.tar")
    assert "tar -xf downloads/GSE10072/GSE10072_RAW.tar" in result.output
    assert "GSE10072_RAW.tar" in names(tmp_path / "downloads/GSE10072")


def test_a_fetched_series_is_read(geo: Geo, tmp_path: Path) -> None:
    from cic.data.readers import read_table

    lines = ['!Series_title\t"x"', '!Sample_title\t"a"\t"b"', "!series_matrix_table_begin", '"ID_REF"\t"GSM1"\t"GSM2"',
             '"P1"\t1.5\t2.5', '"P2"\t3\t4', "!series_matrix_table_end", ""]  # fmt: skip
    geo.files[f"{SERIES}/matrix/{MATRIX}"] = gzip.compress("\n".join(lines).encode())
    assert get("GSE10072").exit_code == 0
    matrix = read_table(tmp_path / "downloads/GSE10072" / MATRIX, unit="log2")
    assert matrix.values.tolist() == [[1.5, 3.0], [2.5, 4.0]]


@pytest.mark.parametrize(
    "url", ["ftp://ftp.ncbi.nlm.nih.gov/geo", "ftp.ncbi.nlm.nih.gov", "https:///geo", "https://u:p@h/geo"]
)
def test_an_address_that_is_none_of_a_web_server_is_refused(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("CIC_GEO_URL", url)
    assert "CIC_GEO_URL" in str(get("GSE1").exception)

"""Files of GEO, fetched from a server on this machine that drops connections, truncates, changes its mind and lies."""

from __future__ import annotations

import gzip
import hashlib
import json
import resource
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from geo_server import FILE, FIRST_DAY, HALF, MATRIX, NEXT_DAY, OTHER, QUICK, SERIES, WHOLE, Fault, Geo, names
from hypothesis import given
from hypothesis import strategies as st

from cic.cli.disk import disk_error
from cic.errors import CicError, DataError, ServiceError
from cic.fetching.download import fetch, is_here, partial_of
from cic.fetching.geo import chosen, entries
from cic.fetching.record import record_path, source_of
from cic.fetching.service import Service, open_service
from cic.fetching.sums import DamagedError, Sum, archive_sizes, check_whole, md5_sums


def got(geo: Geo, folder: Path, *faults: Fault, most: int = 10**9) -> bytes:
    """Fetch the series matrix past the faults; give what is in the file then."""
    geo.faults[MATRIX] = list(faults)
    with open_service(QUICK) as service:
        remote = service.remote(f"{geo.base}/{SERIES}/matrix/{MATRIX}")
        fetch(service, remote, folder / MATRIX, known=Sum(), most_bytes=most)
    return (folder / MATRIX).read_bytes()


PARTIAL = {f"{MATRIX}.partial", f"{MATRIX}.partial.json"}
REST = f"bytes={HALF}-"


# one file


@pytest.mark.parametrize(
    ("faults", "ranges"),
    [
        ([], [None]),
        ([Fault(drop_after=HALF)], [None, REST]),
        ([Fault(drop_after=0)], [None, None]),
        ([Fault(drop_after=HALF), Fault(drop_after=10)], [None, REST, f"bytes={HALF + 10}-"]),
        ([Fault(drop_after=HALF), Fault(ignore_range=True)], [None, REST]),
        ([Fault(drop_after=HALF), Fault(wrong_part=True)], [None, REST, None]),
        ([Fault(says=7)], [None, None]),
        ([Fault(says=-7)], [None, None]),
        ([Fault(without_length=True, drop_after=HALF)], [None, REST]),
        ([Fault(without_length=True)], [None]),
        ([Fault(status=503)], [None, None]),
        ([Fault(drop_after=HALF), Fault(status=502), Fault(status=429, retry_after="0")], [None, REST, REST, REST]),
        ([Fault(page="application/x-gzip")], [None, None]),
        ([Fault(drop_after=1 + step * 40_000) for step in range(3)] + [Fault(drop_after=1) for _ in range(9)], None),
    ],
    ids=[
        "no fault", "dropped midway", "dropped at once", "dropped twice", "no ranges", "another range",
        "too long a length", "too short a length", "cut without a length", "no length", "503", "502 and 429",
        "a page for a file", "dropped again and again, a little further each time",
    ],
)  # fmt: skip
def test_what_passes_is_got_over_and_every_byte_is_right(
    geo: Geo, tmp_path: Path, faults: list[Fault], ranges: list[str | None] | None
) -> None:
    assert got(geo, tmp_path, *faults) == FILE
    assert names(tmp_path) == WHOLE
    if ranges is not None:
        assert geo.gets(MATRIX) == ranges


def test_a_silent_server_counts_as_a_dropped_connection(geo: Geo, tmp_path: Path) -> None:
    geo.faults[MATRIX] = [Fault(hang=60, drop_after=HALF)]
    with open_service(replace(QUICK, silence=0.3)) as service:
        remote = service.remote(f"{geo.base}/{SERIES}/matrix/{MATRIX}")
        fetch(service, remote, tmp_path / MATRIX, known=Sum(), most_bytes=10**9)
    assert (tmp_path / MATRIX).read_bytes() == FILE
    assert geo.gets(MATRIX)[:2] == [None, REST]


@pytest.mark.parametrize(
    ("faults", "waits"),
    [
        ([Fault(status=503)] * 9, [1, 2, 4, 8]),
        ([Fault(status=429, retry_after="7"), Fault(status=503)], [7, 2]),
        ([Fault(status=503, retry_after="Mon, 05 May 2008 10:00:00 GMT")], [0]),
        ([Fault(status=429, retry_after="soon")], [1]),
        ([Fault(drop_after=HALF), Fault(status=503), Fault(drop_after=HALF // 2), Fault(status=503)], [1, 2, 1, 2]),
    ],
)
def test_waits_grow_unless_the_server_names_one_or_more_came(
    geo: Geo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, faults: list[Fault], waits: list[float]
) -> None:
    waited: list[float] = []
    monkeypatch.setattr("cic.fetching.service.time.sleep", waited.append)
    geo.faults[MATRIX] = list(faults)
    with open_service() as service:
        remote = service.remote(f"{geo.base}/{SERIES}/matrix/{MATRIX}")
        with suppress(ServiceError):
            fetch(service, remote, tmp_path / MATRIX, known=Sum(), most_bytes=10**9)
    assert waited == waits


@pytest.mark.parametrize("tags", [True, False], ids=["by its tag", "by its date"])
def test_a_file_that_changes_between_two_attempts_is_begun_anew(geo: Geo, tmp_path: Path, tags: bool) -> None:
    geo.tags = tags
    assert got(geo, tmp_path, Fault(drop_after=HALF, change_to=OTHER)) == OTHER
    assert geo.gets(MATRIX) == [None, REST]


@pytest.mark.parametrize(
    ("faults", "kind", "told", "left"),
    [
        ([Fault(drop_after=0)] * 9, ServiceError, "broke off", PARTIAL),
        ([Fault(drop_after=HALF, ignore_range=True)] * 9, ServiceError, "broke off", PARTIAL),
        ([Fault(status=503)] * 9, ServiceError, "503", set()),
        ([Fault(status=403)], ServiceError, "403", set()),
        ([Fault(status=429, retry_after="3600")], ServiceError, "429", set()),
        ([Fault(status=404)], DataError, "404", set()),
        ([Fault(page="text/html; charset=UTF-8")], ServiceError, "web page", set()),
        ([Fault(page="application/x-gzip")] * 2, ServiceError, "no whole gzip file", set()),
    ],
)
def test_what_does_not_pass_ends_in_one_error_and_no_file(
    geo: Geo, tmp_path: Path, faults: list[Fault], kind: type[CicError], told: str, left: set[str]
) -> None:
    with pytest.raises(kind, match=told) as raised:
        got(geo, tmp_path, *faults)
    assert geo.base in str(raised.value.where) and raised.value.fix
    assert names(tmp_path) == left
    tries = {"403": 1, "429": 1, "404": 1, "web page": 1, "no whole gzip file": 2}.get(told)
    assert tries is None or len(geo.gets(MATRIX)) == tries
    assert len(geo.gets(MATRIX)) <= QUICK.failures + 1


def test_a_length_that_is_one_when_asked_and_another_when_sent_is_not_believed(geo: Geo, tmp_path: Path) -> None:
    geo.head_says = 7
    with pytest.raises(ServiceError, match=f"{len(FILE) + 7:,} bytes, and then {len(FILE):,}"):
        got(geo, tmp_path)


@pytest.mark.parametrize(("lie", "told"), [(7, "broke off|other than the rest"), (-7, "no whole gzip file")])
def test_a_length_that_is_wrong_every_time_lets_nothing_pass(geo: Geo, tmp_path: Path, lie: int, told: str) -> None:
    geo.head_says = lie
    with pytest.raises(ServiceError, match=told):
        got(geo, tmp_path, *[Fault(says=lie)] * 20)
    assert not names(tmp_path) & WHOLE
    assert len(geo.gets(MATRIX)) <= QUICK.failures


def interrupted(geo: Geo, folder: Path) -> None:
    """Leave a half of the file, and forget what was asked."""
    with pytest.raises(ServiceError):
        got(geo, folder, Fault(drop_after=HALF), *[Fault(status=503)] * 9)
    assert names(folder) == PARTIAL
    geo.asked.clear()


def test_a_later_call_goes_on_from_an_earlier_one(geo: Geo, tmp_path: Path) -> None:
    interrupted(geo, tmp_path)
    assert got(geo, tmp_path) == FILE
    assert geo.gets(MATRIX) == [REST]


def test_a_later_call_does_not_go_on_from_a_part_of_another_file(geo: Geo, tmp_path: Path) -> None:
    interrupted(geo, tmp_path)
    geo.files[f"{SERIES}/matrix/{MATRIX}"] = OTHER
    geo.days[f"{SERIES}/matrix/{MATRIX}"] = NEXT_DAY
    assert got(geo, tmp_path) == OTHER
    assert geo.gets(MATRIX) == [None]


def test_a_partial_that_is_whole_is_only_checked(geo: Geo, tmp_path: Path) -> None:
    interrupted(geo, tmp_path)
    partial_of(tmp_path / MATRIX).write_bytes(FILE)
    assert got(geo, tmp_path) == FILE
    assert geo.gets(MATRIX) == []


@pytest.mark.parametrize("junk", [b"", b"{", b"[]", b'{"url": 1, "more": 2}'])
def test_a_partial_of_which_nothing_is_known_is_begun_anew(geo: Geo, tmp_path: Path, junk: bytes) -> None:
    partial = partial_of(tmp_path / MATRIX)
    partial.write_bytes(b"junk")
    partial.with_name(partial.name + ".json").write_bytes(junk)
    assert got(geo, tmp_path) == FILE


def test_ctrl_c_leaves_what_can_be_gone_on_from(geo: Geo, tmp_path: Path) -> None:
    geo.faults[MATRIX] = [Fault(hang=60, drop_after=HALF)]
    partial = partial_of(tmp_path / MATRIX)
    program = "import signal; signal.signal(2, signal.default_int_handler); from cic.cli import main; main()"
    command = [sys.executable, "-c", program, "data", "get", "GSE10072", "--to", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as running:
        while running.poll() is None and not (partial.exists() and partial.stat().st_size):
            time.sleep(0.01)
        running.send_signal(signal.SIGINT)
        told = running.communicate()[1]
    assert running.returncode == 130 and "Traceback" not in told
    begun = partial.stat().st_size
    geo.asked.clear()
    assert got(geo, tmp_path) == FILE
    assert geo.gets(MATRIX) == [f"bytes={begun}-"]


def test_a_full_disk_is_told_as_such_and_gone_on_from(geo: Geo, tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (HALF, hard))
    try:
        with pytest.raises(OSError) as raised:
            got(geo, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    known = disk_error(raised.value)
    assert known is not None and "larger than this disk or user may have" in known.found
    assert known.where == str(partial_of(tmp_path / MATRIX))
    assert names(tmp_path) == PARTIAL
    assert got(geo, tmp_path) == FILE


def test_no_more_is_fetched_than_is_allowed_whatever_the_server_says(
    geo: Geo, tmp_path: Path, service: Service
) -> None:
    for fault in (Fault(), Fault(without_length=True)):
        with pytest.raises(ServiceError, match="larger than was allowed"):
            got(geo, tmp_path, fault, most=HALF)
        assert sum(path.stat().st_size for path in tmp_path.glob("*.partial")) <= HALF
    geo.files["series/long.txt"] = b"x" * 10_000_001
    with pytest.raises(ServiceError, match="larger than"):
        service.text(f"{geo.base}/series/long.txt")


@pytest.mark.parametrize("url", ["https://[::1/geo/", "https://a..b/geo/", "https://h:port/geo/"])
def test_what_is_no_address_is_told(service: Service, url: str) -> None:
    with pytest.raises(ServiceError, match="no address"):
        service.text(url)


def test_what_listens_nowhere_is_told(service: Service) -> None:
    with pytest.raises(ServiceError, match="does not answer") as raised:
        service.text("http://127.0.0.1:1/")
    assert "HTTPS_PROXY" in str(raised.value.fix)


# the record of a file


def test_the_record_says_where_the_bytes_came_from_for_as_long_as_they_are_those(geo: Geo, tmp_path: Path) -> None:
    got(geo, tmp_path)
    source = source_of(tmp_path / MATRIX)
    assert source == json.loads(record_path(tmp_path / MATRIX).read_text())
    assert source == {
        "url": f"{geo.base}/{SERIES}/matrix/{MATRIX}", "size": len(FILE), "sha256": hashlib.sha256(FILE).hexdigest(),
        "etag": f'"{hash(FILE):x}"', "modified": FIRST_DAY,
    }  # fmt: skip
    (tmp_path / MATRIX).write_bytes(FILE[:-1] + b"x")
    assert source_of(tmp_path / MATRIX) is None
    assert source_of(tmp_path / "other") is None


def test_what_is_here_is_known_again_until_either_side_changes(geo: Geo, tmp_path: Path, service: Service) -> None:
    target = tmp_path / MATRIX
    url = f"{geo.base}/{SERIES}/matrix/{MATRIX}"
    assert not is_here(target, service.remote(url))
    got(geo, tmp_path)
    assert is_here(target, service.remote(url))
    geo.tags = False  # a mirror
    assert is_here(target, service.remote(url))
    geo.days[f"{SERIES}/matrix/{MATRIX}"] = NEXT_DAY
    assert not is_here(target, service.remote(url))
    target.write_bytes(b"mine")
    with pytest.raises(DataError, match="not as it was fetched"):
        is_here(target, service.remote(url))


# what lies beside a file


MD5 = hashlib.md5(FILE).hexdigest()


@pytest.mark.parametrize(
    ("name", "text", "right"),
    [
        (
            "filelist.txt",
            f"#Archive/File\tName\tTime\tSize\tType\nArchive\tA.tar\t05/05/2008\t{len(FILE)}\tTAR\n",
            True,
        ),
        ("filelist.txt", "Archive\tA.tar\t05/05/2008\t17\tTAR\nFile\tA.CEL\t05/05/2008\t1\tCEL\n", False),
        ("md5sums.txt", f"{MD5}  A.tar\n", True),
        ("md5sums.txt", f"{'0' * 32} *./suppl/A.tar\n", False),
        ("A.tar.md5", f"{MD5.upper()}\n", True),
        ("A.tar.md5", f"{'0' * 32}\n", False),
    ],
)
def test_sizes_and_checksums_that_lie_beside_a_file_are_held_against_it(
    geo: Geo, tmp_path: Path, service: Service, name: str, text: str, right: bool
) -> None:
    geo.files[f"{SERIES}/suppl/A.tar"] = FILE
    geo.files[f"{SERIES}/suppl/{name}"] = text.encode()
    (entry,) = chosen(entries(service, geo.base, "GSE10072"), "GSE10072", "suppl", ["A.tar"])

    def fetched() -> None:
        fetch(service, entry.remote, tmp_path / "A.tar", known=entry.known, most_bytes=10**9)

    if right:
        fetched()
        assert (tmp_path / "A.tar").read_bytes() == FILE
    else:
        with pytest.raises(DamagedError):
            fetched()
        assert not names(tmp_path)
        assert len(geo.gets("A.tar")) == 2


@given(st.text(), st.text())
def test_no_list_of_sums_is_too_odd_to_read(text: str, alone: str) -> None:
    assert all(len(md5) == 32 for md5 in md5_sums(text, alone).values())
    text = f"{text}\nArchive\tx\t\t{'9' * 5000}\n"
    assert all(size >= 0 for size in archive_sizes(text).values())


@given(cut=st.integers(0, len(FILE) - 1))
def test_no_beginning_of_a_gzip_file_counts_as_whole(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    path = tmp_path_factory.getbasetemp() / "cut.gz"
    path.write_bytes(FILE[:cut])
    with pytest.raises(DamagedError):
        check_whole(path, "cut.gz", "http://x/cut.gz", None, Sum())


@given(place=st.integers(10, len(FILE) - 1), bit=st.integers(0, 7))
def test_no_bit_that_counts_flips_unseen(tmp_path_factory: pytest.TempPathFactory, place: int, bit: int) -> None:
    path = tmp_path_factory.getbasetemp() / "flipped.gz"
    path.write_bytes(FILE[:place] + bytes([FILE[place] ^ (1 << bit)]) + FILE[place + 1 :])
    try:
        check_whole(path, "flipped.gz", "http://x/flipped.gz", None, Sum())
    except DamagedError:
        return
    assert gzip.decompress(path.read_bytes()) == gzip.decompress(FILE), "only bits that say nothing may flip"

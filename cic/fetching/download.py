"""One file, fetched: what came before an interruption is kept and gone on from, and nothing unchecked gets its name."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import httpx

from cic.errors import DataError, ServiceError
from cic.fetching.record import Record, Remote, read_json, record_path, sha256_of, source_of, write_json
from cic.fetching.service import PassingError, Service, remote_of
from cic.fetching.sums import DamagedError, Sum, check_whole
from cic.progress import bar

log = logging.getLogger("cic.data")
MB = 1_000_000
AGAIN = "run the same again later"


def partial_of(target: Path) -> Path:
    """Give the place of what has come of a file so far; beside it lies, as JSON, what it is part of."""
    return target.with_name(target.name + ".partial")


def is_here(target: Path, remote: Remote) -> bool:
    """Tell whether the file was fetched before, is as it was then, and is as the server has it now.

    Raises
    ------
    DataError
        If there is a file of that name that did not come from there, or was changed since.
    """
    if not target.exists():
        return False
    source = source_of(target)
    if source is None:
        raise DataError(
            "there is a file of that name that is not as it was fetched, if ever it was", where=str(target),
            expected="nothing, or a file with its record beside it", fix="move it away, or choose another --to",
        )  # fmt: skip
    return Record(**source).describes(remote)


def fetch(service: Service, remote: Remote, target: Path, *, known: Sum, most_bytes: int) -> Record:
    """Fetch a file to its place, going on from what an earlier attempt left.

    A file that turns out damaged is fetched once more from its beginning.

    Parameters
    ----------
    remote
        What the server said of it.
    target
        Where it shall be. What lies there is replaced once the new bytes are whole.
    known
        What the server's lists say of it.
    most_bytes
        Beyond which nothing is fetched.

    Raises
    ------
    ServiceError
        If the server does not give the whole file. What came of it stays, to go on from, unless it is damaged.
    """
    try:
        whole = _whole(service, remote, target, known, most_bytes)
    except DamagedError as error:
        log.warning("%s; once more from the beginning: %s", error.found, error.where)
        whole = _whole(service, remote, target, known, most_bytes)
    partial = partial_of(target)
    record = Record(whole.url, partial.stat().st_size, sha256_of(partial), whole.etag, whole.modified)
    target.unlink(missing_ok=True)  # so that no record ever lies beside other bytes than its own
    write_json(record_path(target), record)
    partial.replace(target)
    _part_of(partial).unlink()
    return record


def _part_of(partial: Path) -> Path:
    return partial.with_name(partial.name + ".json")


def _whole(service: Service, remote: Remote, target: Path, known: Sum, most_bytes: int) -> Remote:
    """Fetch and check a file; tell what the server said of what came."""
    partial = partial_of(target)
    begun = read_json(_part_of(partial), Remote)
    if begun is None or not begun.same_as(remote):
        _forget(partial)
    with bar(None if remote.size is None else remote.size // MB, f"{target.name}, MB") as shown:
        done = 0

        def reached(n_bytes: int) -> None:
            nonlocal done
            shown.advance(n_bytes // MB - done)
            done = n_bytes // MB

        whole = service.persistently(lambda: _attempt(service, remote, partial, most_bytes, reached))
    try:
        check_whole(partial, target.name, remote.url, whole.size, known)
    except DamagedError:
        _forget(partial)
        raise
    return whole


def _forget(partial: Path) -> None:
    partial.unlink(missing_ok=True)
    _part_of(partial).unlink(missing_ok=True)


def _attempt(
    service: Service, remote: Remote, partial: Path, most_bytes: int, reached: Callable[[int], None]
) -> Remote:
    """Fetch what is still missing of a file, or all of it where the server has another one by now."""
    begun = read_json(_part_of(partial), Remote) if partial.exists() else None
    have = partial.stat().st_size if begun else 0
    if begun and have == begun.size:
        return begun
    asked = {"Range": f"bytes={have}-", "If-Range": begun.validator} if begun and begun.validator and have else {}
    try:
        with service.answer("GET", remote.url, asked) as answer:
            now = remote_of(answer, remote.url)
            if begun and asked and answer.status_code != httpx.codes.OK:
                _check_rest(answer, have, now, begun, partial)
                now = begun
            else:
                _check_all(answer, now, remote)
                if now.size is None and remote.same_as(replace(now, size=remote.size)):
                    now = remote
                have = 0
                _forget(partial)
                write_json(_part_of(partial), now)
            _check_size(now.size or 0, most_bytes, remote.url)
            with partial.open("ab") as file:
                reached(have)
                for chunk in answer.iter_raw():
                    _check_size(have + len(chunk), most_bytes, remote.url)
                    file.write(chunk)
                    have += len(chunk)
                    reached(have)
            if now.size is not None and have < now.size:  # where the answer itself had no length
                raise PassingError(f"only {have:,} of {now.size:,} bytes came", where=remote.url, fix=AGAIN)
    except PassingError as error:
        error.reached = have
        raise
    except OSError as error:  # a full disk does not say of which file
        error.filename = error.filename or str(partial)
        raise
    return now


def _check_rest(answer: httpx.Response, have: int, now: Remote, begun: Remote, partial: Path) -> None:
    """Refuse, and begin anew, where an answer is not the rest of what was begun."""
    follows = answer.headers.get("Content-Range", "").startswith(f"bytes {have}-")
    unnamed = now.etag is None and now.modified is None  # the server need not say more than that `If-Range` held
    if not follows or now.size != begun.size or not (unnamed or now.same_as(begun)):
        _forget(partial)
        raise PassingError("the server sent something other than the rest of the file", where=begun.url, fix=AGAIN)


def _check_all(answer: httpx.Response, now: Remote, remote: Remote) -> None:
    if answer.status_code != httpx.codes.OK:
        raise ServiceError(f"the server answered {answer.status_code} to a plain request", where=remote.url, fix=AGAIN)
    if answer.headers.get("Content-Type", "").startswith("text/html") and not remote.url.endswith((".html", ".htm")):
        raise ServiceError(
            "a web page came in place of the file", where=remote.url, expected="the file itself",
            fix="see the page in a browser: a notice of the server, or a network that wants a login",
        )  # fmt: skip
    unlike = None not in (now.size, remote.size) and now.size != remote.size
    if unlike and now.same_as(replace(remote, size=now.size)):
        raise PassingError(
            f"the server says that the file has {remote.size:,} bytes, and then {now.size:,}", where=remote.url,
            fix=AGAIN,
        )  # fmt: skip


def _check_size(n_bytes: int, most_bytes: int, url: str) -> None:
    if n_bytes > most_bytes:
        raise ServiceError(
            "the file is larger than was allowed", where=url, expected=f"no more than {most_bytes / 1e9:g} GB",
            fix="raise --most-gb if you want it all",
        )  # fmt: skip

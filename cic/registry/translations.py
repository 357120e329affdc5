"""Maps from the codes of older versions to those of newer ones: kept by promotions, found again along a chain.

A map is two files of the newer version's run, under its own digest, which is a tag of that version; the tag's name ends
in the number of the older version. So one look at the versions shows which maps there are.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from mlflow.artifacts import download_artifacts
from mlflow.exceptions import MlflowException

from cic.data.matrix import ExpressionMatrix
from cic.errors import CicError, ModelError
from cic.model.bundle_files import load_bundle
from cic.model.translation import Expected, Translation, load_translation, save_translation, translation_digest
from cic.registry.fetched import fetched_bundle, past_server
from cic.registry.gate import Decision
from cic.registry.versions import Version, version_numbered
from cic.tracking.store import connect, explained, files_kept, insist

log = logging.getLogger(__name__)
TAG = "cic.translation."
FOLDER = "translations"
MOST_WORSE = 1.1
"""From this many times the error of encoding anew on, that is the better way."""


def keep_translation(uri: str, older: Version, newer: Version, translation: Translation) -> str:
    """Log a map with the run of the newer version, tag that version with its digest, and give it."""
    client = connect(uri)
    with tempfile.TemporaryDirectory() as scratch, explained(uri), files_kept(uri):
        save_translation(Path(scratch), translation)
        digest = translation_digest(Path(scratch))
        client.log_artifacts(newer.run_id, scratch, f"{FOLDER}/{digest}")
        insist(partial(client.set_model_version_tag, newer.name, newer.version, TAG + older.version, digest))
    return digest


def translate_promoted(
    uri: str,
    name: str,
    version: str,
    decision: Decision,
    matrix: ExpressionMatrix,
    part_S: np.ndarray,
    seed: int,
) -> None:
    """After a promotion fit and keep the map from the codes of the champion before; say what it comes to.

    Nothing that goes wrong here undoes a promotion, so that is only said.

    Parameters
    ----------
    matrix, part_S, seed
        As of `cic.registry.translating.fit_translation`.
    """
    before = decision.figures.get("champion")
    if not decision.promote or before is None:
        return
    # scikit-learn takes time to import
    from cic.registry.translating import fit_translation

    client = connect(uri)
    try:
        with explained(uri):
            older, newer = (version_numbered(client, name, number) for number in (before, version))
        with fetched_bundle(uri, older) as old, fetched_bundle(uri, newer) as new:
            translation = fit_translation(load_bundle(old), load_bundle(new), matrix, part_S, seed)
        keep_translation(uri, older, newer, translation)
    except Exception as error:  # the promotion has happened
        reason = error.found if isinstance(error, CicError) else f"{type(error).__name__}: {error}"
        log.warning("codes of version %s cannot be translated to version %s: %s", before, version, reason)
        return
    told = described([translation.expected])
    log.info("codes of version %s can be translated to version %s: %s", before, version, told)


def chain_of(known: Sequence[Version], source: str, target: str) -> list[Version] | None:
    """Give the versions along the shortest chain of maps, both ends included; `None` if there is none."""
    by_number = {one.version: one for one in known}
    newer_than: dict[str, list[str]] = {}
    for one in sorted(known, key=lambda one: int(one.version)):
        for tag in one.tags:
            if tag.startswith(TAG):
                newer_than.setdefault(tag.removeprefix(TAG), []).append(one.version)
    paths = [[source]]
    reached = {source}
    for path in paths:  # breadth first: it grows while it is walked along
        if path[-1] == target:
            return [by_number[number] for number in path]
        for number in newer_than.get(path[-1], []):
            if number not in reached:
                reached.add(number)
                paths.append([*path, number])
    return None


def fetch_translation(uri: str, older: Version, newer: Version, artifacts_uri: str | None = None) -> Translation:
    """Fetch the map between two versions, and hold it against its digest and theirs.

    Parameters
    ----------
    artifacts_uri
        As of `cic.registry.fetched.fetched_bundle`.

    Raises
    ------
    ModelError
        If its files are gone, or are not what was kept.
    """
    where = f"models:/{newer.name}/{newer.version}, map from version {older.version}"
    fix = f"encode the profiles anew with models:/{newer.name}/{newer.version}"
    digest = newer.tags[TAG + older.version]
    client = connect(uri)
    with tempfile.TemporaryDirectory() as scratch:
        try:
            address = f"{client.get_run(newer.run_id).info.artifact_uri}/{FOLDER}/{digest}"
            folder = download_artifacts(past_server(address, artifacts_uri), dst_path=scratch, tracking_uri=uri)
            found = translation_digest(Path(folder))
        except (MlflowException, OSError) as error:
            raise ModelError(f"its files cannot be fetched: {error}", where=where, fix=fix) from error
        if found != digest:
            raise ModelError("its files are not what was kept", where=where, fix=fix)
        translation = load_translation(Path(folder))
    if (translation.source, translation.target) != (older.bundle_digest, newer.bundle_digest):
        raise ModelError("it is between other models", where=where, fix=fix)
    return translation


def expected_errors(along: Sequence[Expected]) -> tuple[float, float]:
    """Give the errors to expect after a chain of maps, and of encoding anew by its last model, as shares.

    What each map adds to the error is added up: that was measured on real codes, not on translated ones.
    """
    again = along[-1].reencoded
    return again + sum(one.translated - one.reencoded for one in along), again


def described(along: Sequence[Expected]) -> str:
    """Say what is to be expected of a chain of maps, and which way is the better."""
    translated, again = expected_errors(along)
    ratio = translated / again
    bounds = f" ({along[0].low:.2f} to {along[0].high:.2f})" if len(along) == 1 and along[0].low is not None else ""
    said = (
        f"they decode with {ratio:.2f}{bounds} times the error of encoding the profiles anew, {translated:.4f} to "
        f"{again:.4f} of the squared distance to the mean profile, by {min(one.n_held_out for one in along)} held-out "
        "profiles"
    )
    if ratio <= MOST_WORSE:
        return said
    return f"{said}; beyond {MOST_WORSE:g} times, encode the profiles anew if they are there"

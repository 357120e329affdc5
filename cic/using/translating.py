"""Codes of an older version turned into those of a newer, by the maps that promotions left in the registry."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from cic.errors import DataError, ModelError
from cic.registry.fetched import named_version
from cic.registry.translations import chain_of, described, fetch_translation
from cic.registry.versions import Version, find, versions
from cic.using.loading import registry_of
from cic.using.stamps import Stamp, only_stamp, stamped

log = logging.getLogger(__name__)
NUMBERS = "numbers, as `encode` gives them"


def translate(
    codes: pd.DataFrame, to: str | None = None, params: Path = Path("params.yaml"), where: str = "codes"
) -> pd.DataFrame:
    """Translate codes; `cic.translate` is this.

    Parameters
    ----------
    codes, to
        As there.
    params
        The parameters that name the data, from the project's folder.
    where
        What to call the codes in errors.

    Raises
    ------
    ConfigError
        If there is no such model.
    DataError
        If the table has other columns than its model's codes.
    ModelError
        If it does not say of which model it is or is of several, no chain of maps leads there, or a map's files are
        gone or are not what was kept.
    """
    stamp = only_stamp(codes, where)
    with registry_of(to, params) as (known, reference):
        target = find(known.tracking_uri, *named_version(reference))
        every = versions(known.tracking_uri, target.name)
        path = _path(every, stamp, target, where)
        maps = [
            fetch_translation(known.tracking_uri, older, newer, known.artifacts_uri) for older, newer in pairwise(path)
        ]
    if maps:
        names = [str(name) for name in codes if re.fullmatch(r"code_\d+", str(name))]
        code_SW = _code(codes, names, len(maps[0].map.weights_WV), where)
        for one in maps:
            code_SW = one.map.apply(code_SW)
        before = f"; beside what their translation from {stamp.translated_from} cost" if stamp.translated_from else ""
        log.info("%s: %s%s", where, described([one.expected for one in maps]), before)
        newer = pd.DataFrame(code_SW, codes.index, _columns(code_SW.shape[1]))
        features = [name for name in codes if re.fullmatch(r"feature_\d+", str(name))]  # of the older model alone
        codes = pd.concat([newer, codes.drop(columns=[*names, *features])], axis=1)
    through = [stamp.translated_from] * bool(stamp.translated_from)
    through += [f"{one.name}/{one.version}" for one in path[:-1]]
    return stamped(codes, Stamp(f"{target.name}/{target.version}", target.bundle_digest, " > ".join(through)))


def _path(every: Sequence[Version], stamp: Stamp, target: Version, where: str) -> list[Version]:
    """Give the versions along the chain of maps from that which made the codes."""
    name = target.name
    made = [one for one in every if stamp.is_same(Stamp(f"{name}/{one.version}", one.bundle_digest))]
    if not made:
        raise ModelError(
            f"the codes were made by {stamp.model}, which is no version of `{name}`",
            where=where,
            expected=", ".join(f"{name}/{one.version}" for one in every),
        )
    path = chain_of(every, made[0].version, target.version)
    if path is None:
        raise ModelError(
            f"no chain of maps leads from the codes of {name}/{made[0].version} to those of {name}/{target.version}",
            where=where,
            expected="maps, which a promotion leaves from the champion before to the new one",
            fix=f"encode the profiles anew with models:/{name}/{target.version}; where they are gone, decode the codes "
            f"with models:/{name}/{made[0].version}, and encode what comes of it",
        )
    return path


def _code(codes: pd.DataFrame, names: list[str], width: int, where: str) -> np.ndarray:
    """Give the codes of a table (float64)."""
    if sorted(names) != sorted(_columns(width)):
        raise DataError(
            f"there are {len(names)} columns of codes", where=where, expected=f"the columns code_1 to code_{width}"
        )
    try:
        code_SW = codes[_columns(width)].to_numpy(dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"a code is no number: {error}", where=where, expected="numbers, as `encode` gives them"
        ) from None
    if not np.isfinite(code_SW).all():
        sample = codes.index[~np.isfinite(code_SW).all(axis=1)][0]
        raise DataError(f"the code of {sample} is not finite", where=where, expected="numbers, as `encode` gives them")
    return code_SW


def _columns(width: int) -> list[str]:
    return [f"code_{number}" for number in range(1, width + 1)]

"""What a model says of profiles, as an AnnData holds it: codes in `obsm`, types and doubt in `obs`, the model in `uns`.

In memory and in a file the same. Every name of ours has `cic` in it, and `uns["cic"]["filled"]` lists them, so that
what another model left there is known, and taken away.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cic.errors import DataError
from cic.model.familiarity import UNKNOWN

if TYPE_CHECKING:
    from cic.using.model import Model

log = logging.getLogger("cic.data")
CODES, FEATURES, CHANCES, LAYER, ABOUT = "X_cic", "X_cic_features", "cic_probabilities", "cic", "cic"
MODEL = "cic_model"
"""The column of `obs` with the stamp of each code's model: unlike `uns` it stays where AnnDatas are joined."""


@dataclass(frozen=True)
class Annotations:
    """What is added to an AnnData.

    Attributes
    ----------
    obs
        Columns, one row a sample.
    obsm
        Arrays, samples x numbers.
    uns
        What stands in `uns["cic"]`.
    """

    obs: pd.DataFrame
    obsm: dict[str, np.ndarray]
    uns: dict[str, Any]


def annotated(model: Model, table: pd.DataFrame) -> Annotations:
    """Give what a table of `Model.encode` or `Model.classify` comes to in an AnnData.

    `cell_type` becomes `cic_type`, codes and the probabilities of all types become arrays, and every other column has
    `cic_` put before its name.
    """
    chances = {label: f"p({label})" for label in model.bundle.labels}
    features = model.bundle.features
    blocks = {
        CODES: model.bundle.code_columns,
        FEATURES: [] if features is None else features.columns,
        CHANCES: list(chances.values()),
    }
    blocks = {name: columns for name, columns in blocks.items() if columns and set(columns) <= {*table}}
    in_blocks = {column for columns in blocks.values() for column in columns}
    obs = {f"cic_{name}": _plain(table[name]) for name in table if name not in in_blocks}
    if "cell_type" in table:
        obs["cic_type"] = obs.pop("cic_cell_type")
        obs["cic_unknown"] = table["cell_type"] == UNKNOWN
    if CHANCES in blocks:
        obs.setdefault("cic_probability", table[blocks[CHANCES]].max(axis=1))
    obsm = {name: table[columns].to_numpy(dtype=np.float32) for name, columns in blocks.items()}
    uns = about_model(model)
    if CODES in blocks:
        uns["code"] = np.array(blocks[CODES], dtype=object)
    if FEATURES in blocks:
        uns["features"] = np.array(blocks[FEATURES], dtype=object)
    if CHANCES in blocks:
        uns["types"] = np.array(list(chances), dtype=object)
    if "coverage" in table:
        uns["coverage"] = float(table["coverage"].astype(float).mean())
    return Annotations(pd.DataFrame(obs, table.index), obsm, uns)


def about_model(model: Model) -> dict[str, Any]:
    """Give what `uns["cic"]` says of a model: `model`, `version` if it is registered, `digest`, `unit`."""
    known = {"model": model.stamp, "version": model.stamp.partition("/")[2]}
    known |= {"digest": model.bundle.digest, "unit": model.bundle.unit}
    return {name: value for name, value in known.items() if value}


def filled_names(found: Annotations) -> list[str]:
    """Give where annotations stand, such as `obsm/X_cic`."""
    return [f"obsm/{name}" for name in found.obsm] + [f"obs/{name}" for name in found.obs]


def earlier_places(before: Any) -> list[str]:
    """Give the places that `uns["cic"]` says were filled by us."""
    return [str(place) for place in np.ravel(before.get("filled", []))] if isinstance(before, dict) else []


def merged_about(before: Any, new: dict[str, Any], filled: list[str]) -> tuple[dict[str, Any], list[str]]:
    """Give what is to stand in `uns["cic"]`, and the places whose content has to go, since another model left it there.

    Parameters
    ----------
    before
        What stands there.
    filled
        Places that are filled now.
    """
    earlier, known = earlier_places(before), before if isinstance(before, dict) else {}
    if all(known.get(name) == new.get(name) for name in ("model", "digest")):
        return {**known, **new, "filled": np.array(sorted({*earlier, *filled}), dtype=object)}, []
    stale = [place for place in earlier if place not in filled]
    return {**new, "filled": np.array(sorted(filled), dtype=object)}, stale


def tell(where: str, there: list[str], stale: list[str], before: Any) -> None:
    """Say what is replaced that was not ours, and what of another model is taken away."""
    others = [place for place in there if place not in earlier_places(before)]
    if others:
        log.warning("%s: what was there is replaced: %s", where, ", ".join(others))
    if stale:
        log.warning("%s: taken away, since another model left it there: %s", where, ", ".join(stale))


def table_of_codes(
    codes_SW: np.ndarray | None, samples: pd.Index, stamps: Any, about: Any, model: Model, where: str
) -> pd.DataFrame:
    """Give codes that stand in an AnnData as the table that `Model.decode` takes.

    Parameters
    ----------
    codes_SW
        `obsm["X_cic"]`, if it is there.
    stamps
        `obs["cic_model"]`, or `None`.
    about
        `uns["cic"]`, or `None`.

    Raises
    ------
    DataError
        If there are no codes, or nothing says of which model they are.
    """
    fix = "encode it with the same model first"
    columns = model.bundle.code_columns
    if codes_SW is None:
        raise DataError(f'there is no obsm["{CODES}"]', where=where, expected="codes of this model", fix=fix)
    stamp = stamps if stamps is not None else about.get("model") if isinstance(about, dict) else None
    if stamp is None:
        raise DataError(
            "nothing says which model made the codes", where=where,
            expected=f'its name in obs["{MODEL}"] or uns["{ABOUT}"]', fix=fix,
        )  # fmt: skip
    table = pd.DataFrame(np.asarray(codes_SW, dtype=np.float32), samples)
    table.columns = pd.Index([f"code_{number}" for number in range(1, table.shape[1] + 1)])
    table["model"] = np.asarray(stamp, dtype=object)
    if table["model"].isna().any() or (table.shape[1] - 1 != len(columns) and {*table["model"]} == {model.stamp}):
        raise DataError(
            f'obsm["{CODES}"] has {table.shape[1] - 1} numbers a sample, or samples whose model is not named',
            where=where, expected=f"{len(columns)} numbers, and obs[\"{MODEL}\"] of each", fix=fix,
        )  # fmt: skip
    return table


def _plain(column: pd.Series) -> pd.Series:
    """Give a column of a kind that `.h5ad` files know: truth values, numbers or categories."""
    if column.dtype != object:
        return column
    known = column.dropna()
    if len(known) and known.map(lambda value: isinstance(value, bool | np.bool_)).all():
        return column.astype(bool if len(known) == len(column) else "boolean")
    if known.map(lambda value: isinstance(value, int | float | np.number)).all():
        return column.astype(float)
    return column.astype(str).astype("category")

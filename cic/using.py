"""A model in use: profiles in, tables out, by the same functions from Python and from the command line.

Axes: S samples, G genes, W numbers of the code, L labels.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd

from cic.data.matrix import ExpressionMatrix
from cic.data.readers import read_table
from cic.data.terms import COUNT_UNITS, DeclaredUnit, SamplesIn
from cic.errors import ConfigError, DataError, ModelError
from cic.model.bundle import Bundle
from cic.model.familiarity import judged, named_types
from cic.model.inputs import aligned
from cic.registry.fetched import fetch_bundle

log = logging.getLogger(__name__)
SCALES = ("log2", "unit")


@dataclass(frozen=True)
class Model:
    """A trained model, and tables of what it says of profiles.

    Profiles are a file of any kind that can be imported, a table with one row a sample and one column a gene, an
    AnnData, of which `X` is taken, or an `ExpressionMatrix`. Genes are found by name. What does not fit the model is an
    error, and values that seem to be on another scale than its training data are warned of.

    Attributes
    ----------
    bundle
        The model itself, which takes and gives arrays.
    stamp
        Its name and version, such as ``cic/3``; every table of codes bears it.
    """

    bundle: Bundle
    stamp: str

    def encode(
        self, profiles: Any, *, unit: DeclaredUnit | None = None, samples_in: SamplesIn | None = None
    ) -> pd.DataFrame:
        """Turn profiles into cell identity codes, and say how like they are to those that the model was tried on.

        Parameters
        ----------
        profiles
            File, table, AnnData or `ExpressionMatrix`.
        unit
            Of a file; that of the model unless given.
        samples_in
            Whether the samples of a file are its `rows` or its `columns`; of a table rows unless given.

        Returns
        -------
        pandas.DataFrame
            One row a sample: `code_1` and so on, the columns of `cic.model.familiarity.judged`, and `model`.

        Raises
        ------
        DataError
            If a file cannot be read.
        ModelError
            If genes are missing or repeated, or values are not what the model takes.
        """

        def told(values_SG: np.ndarray, beside: pd.DataFrame) -> pd.DataFrame:
            code_SW = self.bundle.encode(values_SG)
            return pd.DataFrame(code_SW, beside.index, self.bundle.code_columns).join(beside)

        return self._of_profiles(profiles, unit, samples_in, told)

    def classify(
        self, profiles: Any, *, unit: DeclaredUnit | None = None, samples_in: SamplesIn | None = None
    ) -> pd.DataFrame:
        """Tell the cell type of each profile; `unfamiliar` where the model knows none that is like it.

        Parameters
        ----------
        profiles, unit, samples_in
            As of `encode`.

        Returns
        -------
        pandas.DataFrame
            One row a sample: `cell_type`, `likeliest`, which is never `unfamiliar`, the columns of
            `cic.model.familiarity.judged`, the probability of each type as `p(TYPE)`, and `model`.

        Raises
        ------
        DataError, ModelError
            As `encode`, and if the model has no classifier.
        """

        def told(values_SG: np.ndarray, beside: pd.DataFrame) -> pd.DataFrame:
            labels = self.bundle.labels
            probability_SL = self.bundle.classify_codes(self.bundle.encode(values_SG))
            chances = pd.DataFrame(probability_SL, beside.index, [f"p({label})" for label in labels])
            return named_types(probability_SL, labels, beside).drop(columns="probability").join(beside).join(chances)

        return self._of_profiles(profiles, unit, samples_in, told)

    def decode(self, codes: pd.DataFrame, *, scale: str = "log2", where: str = "codes") -> pd.DataFrame:
        """Turn codes back into profiles.

        Parameters
        ----------
        codes
            A table as `encode` gives it.
        scale
            `log2`, or `unit`, that of the training data.
        where
            What to call the codes in errors.

        Returns
        -------
        pandas.DataFrame
            One row a sample, one column a gene.

        Raises
        ------
        ConfigError
            If there is no such scale.
        DataError
            If the table has no codes.
        ModelError
            If another model made them.
        """
        if scale not in SCALES:
            raise ConfigError(f"there is no scale `{scale}`", where="scale", expected=" or ".join(SCALES))
        columns = self.bundle.code_columns
        missing = [name for name in columns if name not in codes]
        if missing:
            raise DataError(
                f"there is no column {missing[0]}",
                where=where,
                expected=f"the columns {columns[0]} to {columns[-1]}",
                fix="give a table that `encode` made with the same model",
            )
        stamped = set(codes["model"].astype(str)) if "model" in codes else {self.stamp}
        if stamped != {self.stamp}:
            raise ModelError(
                f"the codes were made by {', '.join(sorted(stamped))}, and not by {self.stamp}",
                where=where,
                fix="take that model: codes of one model mean nothing to another",
            )
        log2_SG = self.bundle.decode(codes[columns].to_numpy(dtype=np.float32))
        values_SG = log2_SG if scale == "log2" else self.bundle.preprocessor.to_unit(log2_SG)
        return pd.DataFrame(values_SG, codes.index, list(self.bundle.genes))

    def _of_profiles(
        self,
        profiles: Any,
        unit: DeclaredUnit | None,
        samples_in: SamplesIn | None,
        told: Callable[[np.ndarray, pd.DataFrame], pd.DataFrame],
    ) -> pd.DataFrame:
        where, tables = where_from(profiles), []
        for values_SG, samples in taken(self.bundle, profiles, where, unit, samples_in):
            beside = judged(self.bundle, values_SG, samples)
            for note in sorted({*beside["note"]} - {""}):
                log.warning("%s: %s", where, note)
            tables.append(told(values_SG, beside))
        return pd.concat(tables).assign(model=self.stamp)


def where_from(profiles: Any) -> str:
    """Give what to call profiles in messages."""
    if isinstance(profiles, ExpressionMatrix):
        return profiles.source
    return str(profiles) if isinstance(profiles, str | Path) else "profiles"


def taken(
    bundle: Bundle, profiles: Any, where: str, unit: DeclaredUnit | None = None, samples_in: SamplesIn | None = None
) -> Iterator[tuple[np.ndarray, pd.Index]]:
    """Yield profiles as the model takes them, and their ids: all at once where they are few."""
    fill_G = bundle.preprocessor.fill_G
    if isinstance(profiles, str | Path):
        profiles = read_table(
            Path(profiles), samples_in=samples_in, unit=unit or bundle.unit, tables_in="rows",
            missing="error" if fill_G is None else "keep",
        )  # fmt: skip
    elif unit is not None or samples_in is not None:
        raise ConfigError("`unit` and `samples_in` are of a file", where=where, expected="profiles in the model's unit")
    if not isinstance(profiles, ExpressionMatrix):
        frame = _as_frame(profiles, where)
        yield aligned(frame, bundle.genes_in, bundle.unit, where, fill_G), frame.index
        return
    _check_same_unit(bundle, profiles, where)
    for part in profiles.parts():
        yield aligned(part, bundle.genes_in, profiles.unit, where, fill_G), part.samples.index


def _check_same_unit(bundle: Bundle, profiles: ExpressionMatrix, where: str) -> None:
    if profiles.unit != bundle.unit and not {profiles.unit, bundle.unit} <= {*COUNT_UNITS}:
        raise ModelError(
            f"the profiles are in `{profiles.unit}`",
            where=where,
            expected=f"`{bundle.unit}`, the unit of the training data",
            fix="convert the profiles: on log2 scale a model takes log2(x + 1) of linear values"
            if bundle.unit == "log2"
            else "convert the profiles",
        )


def _as_frame(profiles: Any, where: str) -> pd.DataFrame:
    if isinstance(profiles, pd.DataFrame):
        return profiles
    if hasattr(profiles, "obs_names") and hasattr(profiles, "to_df"):  # an AnnData, whose library need not be here
        return cast(pd.DataFrame, profiles.to_df())
    raise ModelError(
        f"a {type(profiles).__name__} has no names of genes",
        where=where,
        expected="a file, a pandas table with genes as columns, an AnnData or an ExpressionMatrix",
        fix="give a table, or Model.bundle.encode an array whose columns are the model's genes in their order",
    )


def load(reference: str | Path | None = None, params: Path = Path("params.yaml")) -> Model:
    """Load a model; `cic.load` is this.

    Parameters
    ----------
    reference
        ``models:/NAME@ALIAS``, ``models:/NAME/VERSION`` or the folder of a bundle. Without one, the champion of the
        data that the project's parameters name.
    params
        Those parameters, from the project's folder.

    Raises
    ------
    ConfigError
        If there is no such model.
    ModelError
        If its files are gone or damaged.
    ServiceError
        If its store does not answer.
    """
    if reference is not None and not (isinstance(reference, str | Path) and str(reference)):
        raise ConfigError(
            f"{reference!r:.40} is no model",
            where="model",
            expected="models:/NAME@champion, models:/NAME/3 or a folder",
        )
    if reference is not None and not str(reference).startswith("models:/"):
        if not Path(reference).is_dir():
            raise ModelError(
                f"`{reference}` is neither a registered model nor the folder of a bundle", where="model",
                expected=f"models:/{Path(reference).name}@champion, models:/{Path(reference).name}/3, or a folder",
            )  # fmt: skip
        return Model(*fetch_bundle("", str(reference)))
    # of no use to a bundle in a folder, and some tenths of a second
    from cic.config import load_params
    from cic.platform.at_rest import readable
    from cic.settings import PROJECT_MARKS, load_settings

    settings = load_settings()
    if "tracking_uri" not in settings.given and not any((settings.project / name).exists() for name in PROJECT_MARKS):
        raise ConfigError(
            "this is no folder of a project, whose registry could be asked", where=str(settings.project),
            expected="a project's folder, or one below it",
            fix="go there, or name it by CIC_PROJECT; or give the folder of a bundle",
        )  # fmt: skip
    if reference is None:
        reference = f"models:/{load_params(settings.project / params).registry.name}@champion"
    with readable(settings) as known:
        return Model(*fetch_bundle(known.tracking_uri, str(reference), known.artifacts_uri))

"""A model in use: profiles in, tables out, by the same functions from Python and from the command line.

Axes: S samples, G genes, W numbers of the code, L labels.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import numpy as np
import pandas as pd

from cic.data.terms import DeclaredUnit, SamplesIn
from cic.errors import ConfigError, DataError, ModelError
from cic.model.bundle import Bundle
from cic.model.familiarity import judged, named_types
from cic.using.adata import codes_in, fill, fill_layer, is_anndata
from cic.using.annotations import about_model, annotated, table_of_codes
from cic.using.profiles import taken, where_from

if TYPE_CHECKING:
    from pathlib import Path

    import polars
    from anndata import AnnData

    from cic.data.matrix import ExpressionMatrix

    Profiles: TypeAlias = str | Path | pd.DataFrame | polars.DataFrame | AnnData | ExpressionMatrix

log = logging.getLogger(__name__)
SCALES = ("log2", "unit")


@dataclass(frozen=True)
class Model:
    """A trained model, and tables of what it says of profiles.

    Profiles are a file of any kind that can be imported, a table of pandas or polars with one row a sample and one
    column a gene, an AnnData, or an `ExpressionMatrix`. Genes are found by name. What does not fit the model is an
    error, and values that seem to be on another scale than its training data are warned of.

    Every answer is a table. An AnnData in memory is filled as well, in place, as scanpy does; who wants it as it was
    hands over `adata.copy()`. A file is never changed.

    Attributes
    ----------
    bundle
        The model itself, which takes and gives arrays.
    stamp
        Its name and version, such as ``cic/3``; every table of codes bears it.
    digest
        SHA-256 of what it is (`cic.model.bundle.bundle_digest`).
    """

    bundle: Bundle
    stamp: str
    digest: str = ""

    def encode(
        self,
        profiles: Profiles,
        *,
        unit: DeclaredUnit | None = None,
        samples_in: SamplesIn | None = None,
        layer: str | None = None,
    ) -> pd.DataFrame:
        """Turn profiles into cell identity codes, and say how like they are to those that the model was tried on.

        An AnnData in memory gets the codes as `obsm["X_cic"]`, all else as columns of `obs` whose names begin with
        `cic_` (with a classifier also `cic_type`, `cic_probability` and `cic_unknown`), and what is known of the model
        in `uns["cic"]`.

        Parameters
        ----------
        profiles
            File, table, AnnData or `ExpressionMatrix`. Of a table of polars the first column holds the ids if it is one
            of text; without, samples are numbered.
        unit
            Of a file or an AnnData; that of the model unless given.
        samples_in
            Whether the samples of a file are its `rows` or its `columns`; of a table rows unless given.
        layer
            Which matrix of an AnnData, or of a file with several: `X` unless given, `raw`, or the name of a layer.

        Returns
        -------
        pandas.DataFrame
            One row a sample: `code_1` and so on, the columns of `cic.model.familiarity.judged`, with a classifier those
            of `named_types` there, and `model`.

        Raises
        ------
        DataError
            If a file cannot be read.
        ModelError
            If genes are missing or repeated, or values are not what the model takes.
        """

        def told(values_SG: np.ndarray, beside: pd.DataFrame) -> pd.DataFrame:
            code_SW = self.bundle.encode(values_SG)
            table = pd.DataFrame(code_SW, beside.index, self.bundle.code_columns).join(beside)
            if self.bundle.labels:
                probability_SL = self.bundle.classify_codes(code_SW)
                table = table.join(named_types(probability_SL, self.bundle.labels, beside))
            return table

        return self._of_profiles(profiles, unit, samples_in, layer, told)

    def classify(
        self,
        profiles: Profiles,
        *,
        unit: DeclaredUnit | None = None,
        samples_in: SamplesIn | None = None,
        layer: str | None = None,
    ) -> pd.DataFrame:
        """Tell the cell type of each profile; `unfamiliar` where the model knows none that is like it.

        An AnnData in memory is filled as by `encode`, without codes, and with the probabilities of all types as
        `obsm["cic_probabilities"]`, whose columns `uns["cic"]["types"]` names.

        Parameters
        ----------
        profiles, unit, samples_in, layer
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

        return self._of_profiles(profiles, unit, samples_in, layer, told)

    def decode(self, codes: pd.DataFrame | AnnData, *, scale: str = "log2", where: str = "codes") -> pd.DataFrame:
        """Turn codes back into profiles.

        An AnnData in memory gets them as `layers["cic"]`, NaN for genes that the model does not know.

        Parameters
        ----------
        codes
            A table as `encode` gives it, or an AnnData that it has filled.
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
        if is_anndata(codes):
            decoded = self.decode(table_of_codes(*codes_in(codes), self, where), scale=scale, where=where)
            fill_layer(codes, decoded, about_model(self) | {"decoded": scale}, where)
            return decoded
        codes = cast("pd.DataFrame", codes)
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
        layer: str | None,
        told: Callable[[np.ndarray, pd.DataFrame], pd.DataFrame],
    ) -> pd.DataFrame:
        where, tables = where_from(profiles), []
        for values_SG, samples in taken(self.bundle, profiles, where, unit, samples_in, layer):
            beside = judged(self.bundle, values_SG, samples)
            for note in sorted({*beside["note"]} - {""}):
                log.warning("%s: %s", where, note)
            tables.append(told(values_SG, beside))
        table = pd.concat(tables).assign(model=self.stamp)
        if is_anndata(profiles):
            fill(profiles, annotated(self, table), where)
        return table

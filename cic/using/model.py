"""A model in use: profiles in, tables out, by the same functions from Python and from the command line.

Axes: S samples, G genes, W numbers of the code, L labels.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cic.data.terms import DeclaredUnit, SamplesIn
from cic.errors import ConfigError, DataError, ModelError
from cic.model.bundle import Bundle
from cic.model.familiarity import judged, named_types
from cic.using.profiles import taken, where_from

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

        def told(code_SW: np.ndarray, beside: pd.DataFrame) -> list[pd.DataFrame]:
            return [pd.DataFrame(code_SW, beside.index, self.bundle.code_columns), beside]

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

        def told(code_SW: np.ndarray, beside: pd.DataFrame) -> list[pd.DataFrame]:
            labels = self.bundle.labels
            probability_SL = self.bundle.classify_codes(code_SW)
            chances = pd.DataFrame(probability_SL, beside.index, [f"p({label})" for label in labels])
            return [named_types(probability_SL, labels, beside).drop(columns="probability"), beside, chances]

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
        told: Callable[[np.ndarray, pd.DataFrame], list[pd.DataFrame]],
    ) -> pd.DataFrame:
        where, tables = where_from(profiles), []
        for values_SG, samples in taken(self.bundle, profiles, where, unit, samples_in):
            encoded = self.bundle.encoded(values_SG)
            beside = judged(self.bundle, values_SG, samples, encoded)
            for note in sorted({*beside["note"]} - {""}):
                log.warning("%s: %s", where, note)
            tables.append(pd.concat(told(encoded.code_SW, beside), axis=1))
        return pd.concat(tables).assign(model=self.stamp)

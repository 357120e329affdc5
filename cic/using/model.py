"""A model in use: profiles in, tables out, by the same functions from Python and from the command line.

Axes: S samples, G genes, W numbers of the code, L labels.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cic.data.terms import DeclaredUnit, SamplesIn
from cic.errors import ConfigError, DataError, ModelError
from cic.model.bundle import Bundle
from cic.model.familiarity import COLUMNS, TYPE_COLUMNS, answers
from cic.model.missing_genes import LEAST_COVERAGE
from cic.using.profiles import Reading, taken, where_from

log = logging.getLogger(__name__)
SCALES = ("log2", "unit")


@dataclass(frozen=True)
class Model:
    """A trained model, and tables of what it says of profiles.

    Profiles are a file of any kind that can be imported, a table with one row a sample and one column a gene, an
    AnnData, of which `X` is taken, or an `ExpressionMatrix`. Genes are found by name, and those that are missing
    inferred from the others. What does not fit the model is an error, and values that seem to be on another scale than
    its training data are warned of.

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
        self,
        profiles: Any,
        *,
        unit: DeclaredUnit | None = None,
        samples_in: SamplesIn | None = None,
        gene_map: str | Path | None = None,
        least_coverage: float = LEAST_COVERAGE,
        **reading: Any,
    ) -> pd.DataFrame:
        """Turn profiles into cell identity codes, and say how much each is to be trusted.

        Parameters
        ----------
        profiles
            File, table, AnnData or `ExpressionMatrix`.
        unit
            Of the values; that of the model unless given, and unless the file says otherwise.
        samples_in
            Whether the samples of a file are its `rows` or its `columns`; of a table rows unless given.
        gene_map
            A table of names of genes, by which those that are called otherwise than the model's are found.
        least_coverage
            Share of what the code carries that the genes have to tell; missing ones are inferred.
        reading
            How else a file is read, as `cic.data.readers.read_table` takes it: `layer`, `duplicate_genes` and so on.

        Returns
        -------
        pandas.DataFrame
            One row a sample: `code_1` and so on, the columns of `cic.model.familiarity.judged`, with a classifier
            those of `cic.model.familiarity.named_types`, and `model`.

        Raises
        ------
        DataError
            If a file cannot be read.
        ModelError
            If too much is missing, genes are repeated, or values are not what the model takes.
        """
        how = Reading(unit, samples_in, gene_map, least_coverage, reading)
        return self._answered(profiles, how)[0]

    def classify(
        self,
        profiles: Any,
        *,
        unit: DeclaredUnit | None = None,
        samples_in: SamplesIn | None = None,
        gene_map: str | Path | None = None,
        least_coverage: float = LEAST_COVERAGE,
        **reading: Any,
    ) -> pd.DataFrame:
        """Tell the cell type of each profile; `unknown` where the model knows none that is like it.

        Parameters
        ----------
        profiles, unit, samples_in, gene_map, least_coverage, reading
            As of `encode`.

        Returns
        -------
        pandas.DataFrame
            One row a sample: the columns of `cic.model.familiarity.named_types` and `judged`, the probability of each
            type as `p(TYPE)`, and `model`.

        Raises
        ------
        DataError, ModelError
            As `encode`, and if the model has no classifier.
        """
        self.bundle.check_classifies()
        how = Reading(unit, samples_in, gene_map, least_coverage, reading)
        table, chances = self._answered(profiles, how)
        return table[[*TYPE_COLUMNS, *COLUMNS]].join(chances).assign(model=self.stamp)

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

    def _answered(self, profiles: Any, how: Reading) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Give all that is said of profiles, and the chances of each label."""
        where, tables, chances = where_from(profiles), list[pd.DataFrame](), list[pd.DataFrame]()
        for values_SG, samples in taken(self.bundle, profiles, where, how):
            table, probability_SL = answers(self.bundle, values_SG, samples)
            for note in sorted({*table["note"]} - {""}):
                log.warning("%s: %s", where, note)
            tables.append(table)
            if probability_SL is not None:
                columns = [f"p({label})" for label in self.bundle.labels]
                chances.append(pd.DataFrame(probability_SL, samples, columns))
        return pd.concat(tables).assign(model=self.stamp), pd.concat(chances) if chances else pd.DataFrame()

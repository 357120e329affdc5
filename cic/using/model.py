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
from cic.using.correction import Correction, check_enough, corrected, fit_correction
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
        self,
        profiles: Any,
        *,
        unit: DeclaredUnit | None = None,
        samples_in: SamplesIn | None = None,
        correction: Correction | None = None,
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
        correction
            A shift that is taken off the profiles before all else, from `correction`. It is said in the log.

        Returns
        -------
        pandas.DataFrame
            One row a sample: `code_1` and so on, the columns of `cic.model.familiarity.judged`, and `model`; of
            corrected profiles also `correction`, the first 12 characters of its digest.

        Raises
        ------
        DataError
            If a file cannot be read.
        ModelError
            If genes are missing or repeated, or values are not what the model takes; or another model's correction.
        """

        def told(bundle: Bundle, values_SG: np.ndarray, beside: pd.DataFrame) -> pd.DataFrame:
            code_SW = bundle.encode(values_SG)
            return pd.DataFrame(code_SW, beside.index, bundle.code_columns).join(beside)

        return self._of_profiles(profiles, unit, samples_in, correction, told)

    def classify(
        self,
        profiles: Any,
        *,
        unit: DeclaredUnit | None = None,
        samples_in: SamplesIn | None = None,
        correction: Correction | None = None,
    ) -> pd.DataFrame:
        """Tell the cell type of each profile; `unfamiliar` where the model knows none that is like it.

        Parameters
        ----------
        profiles, unit, samples_in, correction
            As of `encode`.

        Returns
        -------
        pandas.DataFrame
            One row a sample: `cell_type`, `likeliest`, which is never `unfamiliar`, the columns of
            `cic.model.familiarity.judged`, the probability of each type as `p(TYPE)`, `model`, and `correction` of
            corrected profiles.

        Raises
        ------
        DataError, ModelError
            As `encode`, and if the model has no classifier.
        """

        def told(bundle: Bundle, values_SG: np.ndarray, beside: pd.DataFrame) -> pd.DataFrame:
            labels = bundle.labels
            probability_SL = bundle.classify_codes(bundle.encode(values_SG))
            chances = pd.DataFrame(probability_SL, beside.index, [f"p({label})" for label in labels])
            return named_types(probability_SL, labels, beside).drop(columns="probability").join(beside).join(chances)

        return self._of_profiles(profiles, unit, samples_in, correction, told)

    def correction(
        self, profiles: Any, *, unit: DeclaredUnit | None = None, samples_in: SamplesIn | None = None
    ) -> Correction:
        """Find by how much the genes of another study are shifted against the training data; see docs/foreign.md.

        Parameters
        ----------
        profiles
            As of `encode`: of one study, or of one platform. No labels are looked at.
        unit, samples_in
            As of `encode`.

        Raises
        ------
        DataError, ModelError
            As `encode`; and if there are too few profiles, or the model keeps no codes of training profiles.
        """
        where = where_from(profiles)
        values_SG = np.concatenate([part_SG for part_SG, _ in taken(self.bundle, profiles, where, unit, samples_in)])
        check_enough(len(values_SG), where)
        found = fit_correction(self.bundle, values_SG, where)
        log.info("%s: %s", where, found)
        return found

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
        correction: Correction | None,
        told: Callable[[Bundle, np.ndarray, pd.DataFrame], pd.DataFrame],
    ) -> pd.DataFrame:
        where, tables, bundle, stamps = where_from(profiles), [], self.bundle, {"model": self.stamp}
        if correction is not None:
            bundle, stamps["correction"] = corrected(bundle, correction), correction.digest[:12]
            log.warning("%s: corrected by %s of %s", where, correction, correction.fitted_to)
        for values_SG, samples in taken(bundle, profiles, where, unit, samples_in):
            beside = judged(bundle, values_SG, samples)
            for note in sorted({*beside["note"]} - {""}):
                log.warning("%s: %s", where, note)
            tables.append(told(bundle, values_SG, beside))
        return pd.concat(tables).assign(**stamps)

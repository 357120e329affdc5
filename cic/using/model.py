"""A model in use: profiles in, tables out, by the same functions from Python and from the command line.

Axes: S samples, G genes, W numbers of the code, L labels.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import numpy as np
import pandas as pd

from cic.data.terms import DeclaredUnit, SamplesIn
from cic.errors import ConfigError, DataError
from cic.model.bundle import Bundle
from cic.model.missing_genes import LEAST_COVERAGE
from cic.using.adata import codes_in, fill, fill_layer, is_anndata
from cic.using.annotations import about_model, annotated, table_of_codes
from cic.using.correction import Correction, check_enough, fit_correction, spread
from cic.using.explained import Explained, explained, means_by_type
from cic.using.profiles import Reading, taken, where_from
from cic.using.stamps import Stamp, check_made_by, stamped
from cic.using.told import Told, classified, encoded

if TYPE_CHECKING:
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
    column a gene, an AnnData, or an `ExpressionMatrix`. Genes are found by name, and those that are missing inferred
    from the others. What does not fit the model is an error, and values that seem to be on another scale than its
    training data are warned of.

    Every answer is a table. An AnnData in memory is filled as well, in place, as scanpy does; who wants it as it was
    hands over `adata.copy()`. A file is never changed.

    Attributes
    ----------
    bundle
        The model itself, which takes and gives arrays.
    stamp
        Its name and version, such as ``cic/3``; every table of codes bears it (`cic.using.stamps`).
    """

    bundle: Bundle
    stamp: str

    def encode(
        self,
        profiles: Profiles,
        *,
        unit: DeclaredUnit | None = None,
        samples_in: SamplesIn | None = None,
        layer: str | None = None,
        gene_map: str | Path | None = None,
        least_coverage: float = LEAST_COVERAGE,
        held_out: Profiles | None = None,
        correction: Correction | None = None,
        features: bool = False,
        **reading: Any,
    ) -> pd.DataFrame:
        """Turn profiles into cell identity codes, and say how much each is to be trusted.

        An AnnData in memory gets the codes as `obsm["X_cic"]`, activities of features as `obsm["X_cic_features"]`,
        all else as columns of `obs` whose names begin with `cic_` (with a classifier also `cic_type`,
        `cic_probability` and `cic_unknown`), and what is known of the model in `uns["cic"]`.

        Parameters
        ----------
        profiles
            File, table, AnnData or `ExpressionMatrix`. Of a table of polars the first column holds the ids if it is one
            of text; without, samples are numbered.
        unit
            Of the values; that of the model unless given, and unless the file says otherwise.
        samples_in
            Whether the samples of a file are its `rows` or its `columns`; of a table rows unless given.
        layer
            Which matrix of an AnnData, or of a file with several: `X` unless given, `raw`, or the name of a layer.
        gene_map
            A table of names of genes, by which those that are called otherwise than the model's are found.
        least_coverage
            Share of what the code carries that the genes have to tell; missing ones are inferred.
        held_out
            Profiles with all genes, by the model's names, on which it is measured what the missing ones cost; those
            that it was trained on do not count. The folder of a project's stages, such as `build`, stands for its test
            part. What comes of it, cell types included where the samples have a column `label`, is said in the log.
        correction
            A shift that is taken off the profiles before all else, from `correction`. It is said in the log.
        features
            Whether to give the activity of each feature (`explain` says what they are) beside the code.
        reading
            How else a file is read, as `cic.data.readers.read_table` takes it, such as `duplicate_genes`.

        Returns
        -------
        pandas.DataFrame
            One row a sample: `code_1` and so on, the columns of `cic.model.familiarity.judged`, with a classifier
            those of `cic.model.familiarity.named_types`, with features `feature_1` and so on, and `model`; of
            corrected profiles also `correction`, the first 12 characters of its digest; with held-out ones
            `error_growth`, how many times as large their error over all genes is without the missing ones, and its 95%
            interval `error_growth_low` and `error_growth_high`.

        Raises
        ------
        DataError
            If a file cannot be read, or the model was trained on all held-out profiles.
        ModelError
            If too much is missing, genes are repeated, or values are not what the model takes; if features are asked
            for and the model has none.
        """
        how = Reading(unit, samples_in, layer, gene_map, least_coverage, reading)
        known = self.bundle.known_features() if features else None
        return self._table(profiles, encoded(self.bundle, profiles, how, correction, held_out, known))

    def classify(
        self,
        profiles: Profiles,
        *,
        unit: DeclaredUnit | None = None,
        samples_in: SamplesIn | None = None,
        layer: str | None = None,
        gene_map: str | Path | None = None,
        least_coverage: float = LEAST_COVERAGE,
        held_out: Profiles | None = None,
        correction: Correction | None = None,
        **reading: Any,
    ) -> pd.DataFrame:
        """Tell the cell type of each profile; `unknown` where the model knows none that is like it.

        An AnnData in memory is filled as by `encode`, without codes, and with the probabilities of all types as
        `obsm["cic_probabilities"]`, whose columns `uns["cic"]["types"]` names.

        Parameters
        ----------
        profiles, unit, samples_in, layer, gene_map, least_coverage, held_out, correction, reading
            As of `encode`.

        Returns
        -------
        pandas.DataFrame
            One row a sample: the columns of `cic.model.familiarity.named_types` and `judged`, the probability of each
            type as `p(TYPE)`, `model`, and with held-out profiles `error_growth` as of `encode`.

        Raises
        ------
        DataError, ModelError
            As `encode`, and if the model has no classifier.
        """
        how = Reading(unit, samples_in, layer, gene_map, least_coverage, reading)
        return self._table(profiles, classified(self.bundle, profiles, how, correction, held_out))

    def correction(
        self,
        profiles: Profiles,
        *,
        unit: DeclaredUnit | None = None,
        samples_in: SamplesIn | None = None,
        layer: str | None = None,
        gene_map: str | Path | None = None,
        least_coverage: float = LEAST_COVERAGE,
        **reading: Any,
    ) -> Correction:
        """Find by how much the genes of another study are shifted against the training data; see docs/foreign.md.

        Parameters
        ----------
        profiles
            As of `encode`: of one study, or of one platform. No labels are looked at.
        unit, samples_in, layer, gene_map, least_coverage, reading
            As of `encode`.

        Raises
        ------
        DataError, ModelError
            As `encode`; and if there are too few profiles, or the model keeps no codes of training profiles.
        """
        where, how = where_from(profiles), Reading(unit, samples_in, layer, gene_map, least_coverage, reading)
        values_SG, n_profiles = spread(part_SG for part_SG, _ in taken(self.bundle, profiles, where, how))
        check_enough(n_profiles, where)
        found = fit_correction(self.bundle, values_SG, where)
        log.info("%s: %s", where, found)
        return found

    def explain(
        self,
        *,
        genes: int = 10,
        gene_sets: Mapping[str, Collection[str]] | None = None,
        codes: pd.DataFrame | None = None,
        labels: pd.Series | None = None,
    ) -> list[Explained]:
        """Say what each feature is: the genes that it moves, where it is active, what sets name it.

        Parameters
        ----------
        genes
            How many are named in each direction, at most.
        gene_sets
            Genes of each set, by the names that the model uses.
        codes, labels
            A table as `encode` gives it with features, and the cell type of each of its samples, by id: where features
            are active is told of these, in place of the training profiles.

        Raises
        ------
        DataError
            If a sample has no label, or several, there are labels without codes, or codes without features.
        ModelError
            If the model has no features, or another made the codes.
        """
        if (codes is None) != (labels is None):
            raise DataError(
                "codes without labels, or labels without codes", where="explain", expected="both or neither"
            )
        types = None
        if codes is not None and labels is not None:
            columns = self.bundle.known_features().columns
            fix = "give a table that `encode` made with the same model and with features (`--features`)"
            types = means_by_type(pd.DataFrame(self._made(codes, columns, "codes", fix), codes.index), labels)
        return explained(self.bundle, genes, gene_sets or {}, types)

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
        fix = "give a table that `encode` made with the same model"
        log2_SG = self.bundle.decode(self._made(codes, self.bundle.code_columns, where, fix))
        values_SG = log2_SG if scale == "log2" else self.bundle.preprocessor.to_unit(log2_SG)
        return pd.DataFrame(values_SG, codes.index, list(self.bundle.genes))

    def _made(self, table: pd.DataFrame, columns: list[str], where: str, fix: str) -> np.ndarray:
        """Give columns of a table that this model made."""
        if not isinstance(table, pd.DataFrame):
            raise DataError(
                f"codes in a {type(table).__name__} do not say which model made them", where=where,
                expected="a table as `encode` gives it", fix="give that, or Model.bundle.decode an array",
            )  # fmt: skip
        check_made_by(table, Stamp(self.stamp, self.bundle.digest), where)
        missing = [name for name in columns if name not in table]
        if missing:
            raise DataError(
                f"there is no column {missing[0]}",
                where=where,
                expected=f"the columns {columns[0]} to {columns[-1]}",
                fix=fix,
            )
        return table[columns].to_numpy(dtype=np.float32)

    def _table(self, profiles: Any, told: Told) -> pd.DataFrame:
        """Make a stamped table of what was told, and fill it into the profiles where they are an AnnData."""
        samples, columns = told
        table = stamped(pd.DataFrame(columns, samples), Stamp(self.stamp, self.bundle.digest))
        if is_anndata(profiles):
            fill(profiles, annotated(self, table), where_from(profiles))
        return table

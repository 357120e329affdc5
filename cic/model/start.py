"""What a model of other profiles lends to a training: profiles that it makes of the codes of its own training profiles.

Weights cannot be handed on, since every model is trained in the basis of its own profiles. What it knows can: where
profiles lie. So those that it makes are training profiles too, of less weight, and where they differ in ways that the
data's own do not, the basis has directions for that behind its own. They hold no noise, as the code has no room for it.

Axes: R profiles that are lent, G genes, K components.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cic.data.gene_names import namespace_of, plain
from cic.data.matrix import ExpressionMatrix
from cic.data.preprocess import Preprocessor
from cic.errors import ConfigError, DataError
from cic.model.basis import squared_norms
from cic.model.bundle import Bundle
from cic.model.copies import nearly_trained_on, trained_on
from cic.model.inputs import aligned

WHERE = "training.start_from"
SHARES = (0.0, 0.1, 0.3, 1.0, 3.0)
"""Weights of all that is lent that are tried, over that of the training profiles of the data."""
LEAST_SHARED = 0.5
"""Share of the genes of the data that the other model has to know."""


@dataclass(frozen=True)
class Lent:
    """Profiles that are lent.

    Attributes
    ----------
    x_RG
        As the data's own are preprocessed (float32); genes that the other model does not know are at their mean.
    weight
        What each counts beside a training profile of the data.
    """

    x_RG: np.ndarray
    weight: float


@dataclass(frozen=True)
class Start:
    """A model to start from.

    Attributes
    ----------
    share
        Weight of all that it lends over that of all training profiles of the data.
    """

    bundle: Bundle
    share: float

    @property
    def trained_on(self) -> set[str]:
        """Contents of the profiles that what is lent was learnt from (`cic.data.matrix.fingerprints`)."""
        return set(self.bundle.about["trained_on"]) if self.share else set()

    def lent(self, preprocessor: Preprocessor) -> Lent:
        """Give what is lent to training profiles that `preprocessor` was fitted on."""
        place_G = _places(self.bundle, preprocessor.genes_in)
        made_RG = self.bundle.decode(_codes(self.bundle))
        log2_RG = np.full((len(made_RG), len(place_G)), np.nan, dtype=np.float32)
        log2_RG[:, place_G >= 0] = made_RG[:, place_G[place_G >= 0]]
        x_RG = np.nan_to_num(preprocessor.from_log2(log2_RG))
        return Lent(x_RG, self.share * preprocessor.n_fitted / len(x_RG))

    def told(self, reference: str | None, genes: tuple[str, ...]) -> dict[str, object]:
        """Give what to say of it beside a model over `genes`."""
        shared = int((_places(self.bundle, genes) >= 0).sum())
        return {
            "model": reference,
            "digest": self.bundle.digest,
            "share": self.share,
            "profiles": len(_codes(self.bundle)),
            "shared_genes": shared,
        }


def check_start(bundle: Bundle, matrix: ExpressionMatrix, transform: str, within: str) -> None:
    """Refuse to start a training on all these profiles from a model.

    Parameters
    ----------
    transform, within
        The scale that is trained on (`Preprocess`).

    Raises
    ------
    ConfigError
        If it is of other values, knows too few of the genes, or keeps nothing that it could lend.
    DataError
        If it was trained on some of the profiles.
    """
    if not _codes(bundle).size:
        raise ConfigError(
            "the model keeps no codes of its training profiles", where=WHERE,
            expected="one made by this release, with 5 validation profiles at least", fix="train it again",
        )  # fmt: skip
    model, data = (
        f"`{unit}` with transform {onto} and within_sample {by_itself}"
        for unit, onto, by_itself in (
            (bundle.unit, bundle.preprocessor.onto, bundle.preprocessor.within),
            (matrix.unit, transform, within),
        )
    )
    if model != data:
        raise ConfigError(
            f"the model is of {model}, the data are {data}",
            where=WHERE,
            expected="a model of values in the same unit and on the same scale",
            fix="import the data in its unit and set `preprocess` as it was, or start from another",
        )
    there_G = _places(bundle, matrix.genes) >= 0
    if there_G.mean() < LEAST_SHARED:
        theirs, ours = namespace_of(bundle.genes), namespace_of(matrix.genes)
        renamed = f"the model's genes are called by {theirs}, these by {ours}: import the data with a --gene-map"
        raise ConfigError(
            f"the model knows {int(there_G.sum()):,} of the {matrix.n_genes:,} genes of the data",
            where=WHERE,
            expected=f"{LEAST_SHARED:.0%} of them at least",
            fix="start from a model of the same platform" if theirs == ours else renamed,
        )
    known_S = _known(bundle, matrix)
    if known_S.any():
        first = matrix.samples.index[known_S][0]
        raise DataError(
            f"the model was trained on {int(known_S.sum()):,} of the {matrix.n_samples:,} profiles, such as {first}",
            where=WHERE,
            expected="a model of other profiles: it would tell of what is held out here",
            fix="start from another model, or leave these profiles out",
        )


def _codes(bundle: Bundle) -> np.ndarray:
    return np.empty((0, 0)) if bundle.reference is None else bundle.reference.code_RW


def _places(bundle: Bundle, genes: tuple[str, ...]) -> np.ndarray:
    """Give the place of each gene among those that the model makes; -1 where it is none of them."""
    place_of = {plain(gene): place for place, gene in enumerate(bundle.genes)}
    return np.array([place_of.get(plain(gene), -1) for gene in genes])


def _known(bundle: Bundle, matrix: ExpressionMatrix) -> np.ndarray:
    """Tell of which profiles it is seen that the model was trained on them, or a model that it started from.

    Of the latter, which may have had other genes, by the profiles as they are.
    """
    known_S = trained_on(bundle, matrix.values)
    values_SG = aligned(matrix, bundle.genes_in, bundle.unit, WHERE, bundle.preprocessor.fill_G, partly=True)
    if np.isnan(values_SG).any():
        return known_S
    x_SG = bundle.preprocessor.transform(values_SG)
    near_S = nearly_trained_on(bundle, bundle.basis.project(x_SG)[1], squared_norms(x_SG))
    return known_S | trained_on(bundle, values_SG) | near_S

"""The fitted `Preprocessor`: to the model's scale, genes chosen, centred, scaled; its inverse is part of the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cic.data import sparse
from cic.data.matrix import ExpressionMatrix
from cic.data.moments import moments, training_curve
from cic.data.passes import Over, here
from cic.data.terms import LINEAR_UNITS, Unit
from cic.data.transforms import Scale, transformed, untransformed
from cic.data.units import from_log2_scale, log2_scale
from cic.data.within import denormalised
from cic.errors import ConfigError, DataError
from cic.seeds import generator

if TYPE_CHECKING:  # whoever only uses a model reads no parameters
    from cic.config import Preprocess, Transform, Within

# In log2 units; float32 resolves about 1e-6 at the values that expression reaches.
CONSTANT_BELOW = 1e-5


@dataclass(frozen=True)
class Preprocessor:
    """What was learnt from training profiles to bring others to the scale of the model, and back.

    Attributes
    ----------
    genes_in
        All genes that `transform` expects, in order.
    kept
        Positions in `genes_in` of the genes that are modelled, ascending.
    onto
        The scale on which profiles are modelled (`cic.data.transforms`).
    mean_G, scale_G
        float64, one a modelled gene: centre and divisor on that scale (the divisor is 1 where nothing is scaled).
    unit
        Unit of the values that `transform` takes.
    n_fitted
        Profiles it was fitted on.
    fill_G
        float32, one of `genes_in` each, in `unit`: what stands for a missing value; `None` if the model takes none.
    within
        How a profile is normalised by itself, before anything else (`cic.data.within`).
    curve_Q
        float64, as many as `genes_in`: the ascending training profiles in the mean, log2; `None` where `within` is
        `none`.
    moved_G
        float64, one a modelled gene: how far `mean_G` is from the training mean for profiles that are shifted
        (`cic.using.correction`); `None` for others.
    """

    genes_in: tuple[str, ...]
    kept: np.ndarray
    mean_G: np.ndarray
    scale_G: np.ndarray
    unit: Unit
    n_fitted: int
    onto: Transform
    fill_G: np.ndarray | None = None
    within: Within = "none"
    curve_Q: np.ndarray | None = None
    moved_G: np.ndarray | None = None

    @classmethod
    def fit(cls, matrix: ExpressionMatrix, config: Preprocess, seed: int = 0, over: Over = here) -> Preprocessor:
        """Learn from the training profiles in `matrix`, and from nothing else.

        Genes that do not vary among them are dropped. With `top_genes` the genes of largest median absolute deviation
        stay; where these are equal (0 for genes seen in few cells), of largest variance. Of more than
        `cic.data.sparse.FEW` profiles a sample of that many tells the median absolute deviations.

        Parameters
        ----------
        seed
            Of that sample.
        over
            What passes over many profiles.

        Raises
        ------
        DataError
            If fewer than two profiles are given, or no gene varies.
        """
        if matrix.n_samples < 2:
            raise DataError(
                f"{matrix.n_samples} training profile", where=matrix.source, expected="at least 2, to learn from"
            )
        onto, within = config.transform, config.within_sample
        assert onto != "auto" and within != "auto", "chosen before, by cic.model.scale_choice"
        if onto != "log2" and matrix.unit not in LINEAR_UNITS:
            raise ConfigError(
                f"{onto}, while the unit of the profiles is `{matrix.unit}`",
                where="preprocess.transform",
                expected=f"profiles in {', '.join(LINEAR_UNITS)}, which have square roots",
                fix="set it to `log2`, or import the linear values",
            )
        to_scale = Scale(matrix.unit, onto, within, None if within == "none" else training_curve(matrix, over))
        x_SG = to_scale(matrix.dense()) if matrix.is_few else None
        if x_SG is None:
            mean_G, deviation_G = moments(matrix, to_scale, over)
        else:
            mean_G = x_SG.mean(axis=0, dtype=np.float64)
            deviation_G = x_SG.std(axis=0, dtype=np.float64)
        varies_G = deviation_G > CONSTANT_BELOW
        if not varies_G.any():
            raise DataError(
                f"none of {matrix.n_genes} genes varies in {matrix.n_samples} training profiles",
                where=matrix.source,
                expected="genes that differ between profiles",
            )
        kept = np.flatnonzero(varies_G)
        if 0 < config.top_genes < len(kept):
            if x_SG is None:
                sample = np.sort(generator(seed, "preprocess").choice(matrix.n_samples, sparse.FEW, replace=False))
                x_SG = to_scale(matrix.select(sample).dense())
            kept = np.sort(_most_variable(x_SG, kept, deviation_G[kept], config.top_genes))
        scale_G = deviation_G[kept] if config.scale == "unit_variance" else np.ones(len(kept))
        kept = kept.astype(np.int64)
        return cls(
            matrix.genes, kept, mean_G[kept], scale_G, matrix.unit, matrix.n_samples, onto, matrix.fill_G,
            within, to_scale.curve_Q,
        )  # fmt: skip

    @property
    def to_scale(self) -> Scale:
        """What brings profiles in `unit` to the scale of the model."""
        return Scale(self.unit, self.onto, self.within, self.curve_Q)

    @property
    def gene_unit(self) -> str:
        """The unit that errors of a gene are in."""
        if (self.scale_G != 1).any():
            return "standard deviations"
        if self.within == "rank":
            return "normal scores"
        return "log2" if self.onto == "log2" else "square roots"

    @property
    def genes(self) -> tuple[str, ...]:
        """The genes that are modelled, in order."""
        return tuple(self.genes_in[position] for position in self.kept)

    def transform(self, values_SG: np.ndarray) -> np.ndarray:
        """Bring profiles over `genes_in`, in `unit`, to the scale of the model.

        Parameters
        ----------
        values_SG
            A gene that no profile has is a column of NaN, and comes back as one.

        Returns
        -------
        numpy.ndarray
            float32, shape (S, number of `genes`), centred and perhaps scaled.

        Raises
        ------
        DataError
            If the number of genes differs, or values cannot be brought to log2 scale.
        """
        return self.from_log2(self._log2(values_SG))

    def from_log2(self, log2_SG: np.ndarray) -> np.ndarray:
        """Bring profiles over `genes_in` from log2 scale to that of the model, as `transform` does; NaN stays NaN."""
        x_SG = self.to_scale.from_log2(log2_SG)[:, self.kept]
        np.divide(x_SG - self.mean_G, self.scale_G, out=x_SG, casting="same_kind")
        return x_SG.astype(np.float32, copy=False)

    def log2(self, values_SG: np.ndarray) -> np.ndarray:
        """Bring profiles over `genes_in`, in `unit`, to log2 scale over `genes`, which `transform` begins with.

        Counts that lack genes add up to the part of a million that the other genes have in the mean training profile.

        Raises
        ------
        DataError
            If the number of genes differs, or values cannot be brought to log2 scale.
        """
        return self._log2(values_SG)[:, self.kept]

    def unmoved(self, log2_SG: np.ndarray) -> np.ndarray:
        """Take the shift off profiles on log2 scale over `genes`; NaN stays NaN.

        A profile's least values stay, and none gets below them: counts of 0 say nothing of a shift, and go on to share
        a rank.
        """
        if self.moved_G is None:
            return log2_SG
        least_S1 = np.nanmin(log2_SG, axis=1, keepdims=True)
        found_SG = untransformed(transformed(log2_SG, self.onto) - self.moved_G, self.onto)
        return np.where(log2_SG == least_S1, log2_SG, np.maximum(found_SG, least_S1))

    def _log2(self, values_SG: np.ndarray) -> np.ndarray:
        """Give the same over all of `genes_in`."""
        if values_SG.ndim != 2 or values_SG.shape[1] != len(self.genes_in):
            raise DataError(
                f"profiles of shape {values_SG.shape}", expected=f"samples x {len(self.genes_in)} genes, in their order"
            )
        missing_G = np.isnan(values_SG).all(axis=0)
        if not missing_G.any() or missing_G.all():
            return log2_scale(values_SG, self.unit)
        log2_SG = np.full(values_SG.shape, np.nan, dtype=np.float32)
        log2_SG[:, ~missing_G] = log2_scale(values_SG[:, ~missing_G], self.unit, self._share(~missing_G))
        return log2_SG

    def _share(self, present_G: np.ndarray) -> float:
        """Give the part of the mean training profile, on linear scale, that some of `genes_in` have."""
        mean_G = np.exp2(self.inverse(np.zeros((1, len(self.kept)), dtype=np.float32))[0].astype(np.float64)) - 1
        mean_G = np.maximum(mean_G, 0)
        return float(mean_G[present_G[self.kept]].sum() / mean_G.sum()) if mean_G.any() else 1.0

    def inverse(self, x_SG: np.ndarray) -> np.ndarray:
        """Undo what `transform` does as far as log2 scale: float32 values over `genes`.

        Of profiles normalised by themselves come those of equal ranks back, not the values that they had.
        """
        values_SG = x_SG * self.scale_G
        values_SG += self.mean_G
        values_SG = untransformed(values_SG, self.onto)
        return denormalised(values_SG, self.within, self.curve_Q).astype(np.float32)

    def measured(self, values_SG: np.ndarray) -> np.ndarray:
        """Give what `inverse` makes of what `transform` gives of profiles over `genes_in`, before any rounding.

        Values that are equal within a profile stay so: centred and back, the zeros of a cell are no longer equal, and
        their ranks tell how each gene's mean was rounded.
        """
        x_SG = self.to_scale.from_log2(self._log2(values_SG))[:, self.kept]
        return denormalised(untransformed(x_SG, self.onto), self.within, self.curve_Q).astype(np.float32)

    def to_unit(self, log2_SG: np.ndarray) -> np.ndarray:
        """Bring log2-scale values back to `unit`; counts come back as counts per million."""
        return from_log2_scale(log2_SG, self.unit)

    def arrays(self) -> dict[str, np.ndarray]:
        """Give the numbers that `restore` needs."""
        found = {"kept": self.kept, "mean_G": self.mean_G, "scale_G": self.scale_G}
        more = {"fill_G": self.fill_G, "curve_Q": self.curve_Q}
        return found | {name: value for name, value in more.items() if value is not None}

    def about(self) -> dict[str, Any]:
        """Give the rest of what `restore` needs, as plain JSON."""
        found = {"genes_in": list(self.genes_in), "unit": self.unit, "n_fitted": self.n_fitted, "onto": self.onto}
        return found if self.within == "none" else {**found, "within": self.within}

    @classmethod
    def restore(cls, arrays: Mapping[str, np.ndarray], about: Mapping[str, Any]) -> Preprocessor:
        """Rebuild what `arrays` and `about` were taken from."""
        return cls(
            tuple(about["genes_in"]),
            np.asarray(arrays["kept"], dtype=np.int64),
            np.asarray(arrays["mean_G"], dtype=np.float64),
            np.asarray(arrays["scale_G"], dtype=np.float64),
            about["unit"],
            int(about["n_fitted"]),
            about["onto"],
            arrays.get("fill_G"),
            about.get("within", "none"),
            arrays.get("curve_Q"),
        )


def _most_variable(x_SG: np.ndarray, among: np.ndarray, deviation_G: np.ndarray, top: int) -> np.ndarray:
    """Give the `top` positions out of `among` by median absolute deviation, then by standard deviation."""
    candidates_SG = x_SG[:, among]
    mad_G = np.median(np.abs(candidates_SG - np.median(candidates_SG, axis=0)), axis=0)
    return among[np.lexsort((np.arange(len(among)), -deviation_G, -mad_G))[:top]]

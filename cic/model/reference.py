"""What profiles that a model was tried on came to, kept in its bundle so that later ones can be compared with them.

The measure is absolute: mean squared error over genes. The share that is left unexplained tells less: a profile from
elsewhere is far from the training mean as well, and divides its error by that. See docs/foreign.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from cic.data.sparse import Values, blocks, dense
from cic.model.missing_genes import Prior, sought
from cic.model.seen import seen
from cic.model.taken_away import growths
from cic.model.threads import one_thread

if TYPE_CHECKING:
    from cic.model.bundle import Bundle

FEWEST = 5
"""Held-out profiles below which nothing is claimed of others."""
MOST_KEPT = 1000
SMALLEST = 1e-12
"""Errors below are rounding."""
SOUGHT_ON = 256
"""Held-out profiles, at most, on which it is sought how missing genes are inferred."""
NEAREST = 5
"""Training codes that tell how far a code is from all of them."""
FAR = 1.25
"""A profile is foreign beyond so many times the 95th percentile of held-out ones, which are few, and of few groups."""


def _empty() -> np.ndarray:
    return np.empty(0)


@dataclass(frozen=True)
class Reference:
    """Held-out profiles, and codes of training ones, in a few numbers.

    Of more than `MOST_KEPT` profiles quantiles are kept. Of a model made before format 5, and
    where nothing was labelled, what is not known is empty.

    Attributes
    ----------
    error_P
        Mean squared reconstruction error over genes, on the scale of the model (float64, ascending).
    correlation_P
        Correlation with the mean training profile over genes, on log2 scale (float64, ascending).
    distance_P
        Distance of their codes from those of training, as `distances` gives it (float64, ascending).
    doubt_P
        1 minus the probability that the classifier gives to their own cell type (float64, ascending).
    code_RW
        Codes of training profiles, `MOST_KEPT` at most, spread evenly.
    error_G
        Mean squared reconstruction error of each modelled gene (float32).
    noise, spread
        By which missing genes are inferred (`cic.model.missing_genes.sought`); 0 where they cannot be.
    foretold_Q, measured_Q
        How many times as large the error is without some genes, as `cic.model.taken_away.growths` has it.
    """

    error_P: np.ndarray
    correlation_P: np.ndarray
    distance_P: np.ndarray = field(default_factory=_empty)
    doubt_P: np.ndarray = field(default_factory=_empty)
    code_RW: np.ndarray = field(default_factory=lambda: np.empty((0, 0), np.float32))
    error_G: np.ndarray = field(default_factory=lambda: np.empty(0, np.float32))
    noise: float = 0.0
    spread: float = 0.0
    foretold_Q: np.ndarray = field(default_factory=_empty)
    measured_Q: np.ndarray = field(default_factory=_empty)

    @classmethod
    def of(
        cls,
        bundle: Bundle,
        values_SG: Values,
        label_S: np.ndarray | None = None,
        z_train_SK: np.ndarray | None = None,
    ) -> Reference | None:
        """Measure held-out profiles; `None` for fewer than `FEWEST`.

        Parameters
        ----------
        values_SG
            Held-out profiles, dense or sparse, in the unit of the model.
        label_S
            Positions of their labels among the model's, -1 where there is none.
        z_train_SK
            Training profiles in the basis.
        """
        if values_SG.shape[0] < FEWEST:
            return None
        few = dense(values_SG[:: -(-values_SG.shape[0] // MOST_KEPT)])
        with one_thread():
            if label_S is not None and not (bundle.labels and (label_S >= 0).any()):
                label_S = None
            found = [_found(bundle, part_SG, label_S is not None) for part_SG in blocks(values_SG)]
            x_PG = bundle.preprocessor.transform(few)
            held_PW = bundle.encode(few)
            error_G = np.mean(np.square(bundle.basis.lift(bundle.decode_basis(held_PW)) - x_PG), axis=0)
            codes_RW, noise, spread = np.empty((0, 0), np.float32), 0.0, 0.0
            if z_train_SK is not None:
                codes_RW = bundle.encode_basis(z_train_SK[:: -(-len(z_train_SK) // MOST_KEPT)])
                noise, spread = sought(Prior.of(bundle, codes_RW), x_PG[:: -(-len(x_PG) // SOUGHT_ON)])
        error_P, correlation_P, told_PL = (np.concatenate(parts) for parts in zip(*found, strict=True))
        doubt_P = _empty() if label_S is None else doubts(told_PL, label_S)
        distance_P = distances(held_PW, codes_RW, bundle.network.weights["code_scale_W"]) if len(codes_RW) else _empty()
        kept = cls(
            _ascending(error_P),
            _ascending(correlation_P),
            _ascending(distance_P),
            _ascending(doubt_P),
            codes_RW,
            error_G,
            noise,
            spread,
        )
        if not kept.infers:
            return kept
        with one_thread():
            some_PG = few[:: -(-len(few) // SOUGHT_ON)]
            errors_alone = replace(bundle, reference=kept, labels=())
            foretold_Q, measured_Q = growths(errors_alone, some_PG)
        return replace(kept, foretold_Q=foretold_Q, measured_Q=measured_Q)

    @classmethod
    def restore(cls, arrays: dict[str, np.ndarray]) -> Reference:
        """Build one from what `arrays` gave."""
        kept = dict(arrays)
        noise, spread = (float(kept.pop(name)[0]) if name in kept else 0.0 for name in ("noise", "spread"))
        return cls(**kept, noise=noise, spread=spread)

    def arrays(self) -> dict[str, np.ndarray]:
        """Give the numbers that `restore` needs."""
        found = {one.name: np.atleast_1d(getattr(self, one.name)) for one in fields(self)}
        return {name: value for name, value in found.items() if value.size}

    @property
    def infers(self) -> bool:
        """Whether missing genes can be inferred."""
        return self.noise > 0 and self.code_RW.size > 0

    def as_measured(self, growth: float) -> float:
        """Bring a growth of the error that is foretold to what was measured where as much was foretold.

        Linear between logarithms, from none foretold and none measured on; beyond the largest in its proportion.
        """
        told_Q = self.foretold_Q > 1
        if not told_Q.any():
            return growth
        foretold_Q = np.log(self.foretold_Q[told_Q])
        measured_Q = np.maximum(np.log(self.measured_Q[told_Q]), 0)
        beyond = max(float(np.log(growth) / foretold_Q[-1]), 1.0)
        found = np.interp(np.log(growth), [0, *foretold_Q], [0, *measured_Q]) * beyond
        return float(np.exp(found))

    def answer_threshold(self, error_rate: float) -> float | None:
        """Give the doubt that the true cell type exceeds no more often than `error_rate`; `None` if too few are known.

        That of split conformal prediction: the (n + 1)(1 - error rate)-th smallest of n calibration scores, rounded up
        (Vovk, Gammerman and Shafer 2005).
        """
        position = int(np.ceil((len(self.doubt_P) + 1) * (1 - error_rate) - 1e-9))
        return float(self.doubt_P[position - 1]) if 0 < position <= len(self.doubt_P) else None

    # found once: beside a single profile numpy's quantiles take long

    @cached_property
    def median_error(self) -> float:
        """Median error of held-out profiles."""
        return max(float(np.median(self.error_P)), SMALLEST)

    @cached_property
    def median_distance(self) -> float:
        """Median distance of their codes from those of training."""
        return max(float(np.median(self.distance_P)), SMALLEST)

    @cached_property
    def largest_familiar(self) -> float:
        """Error beyond which a profile is foreign."""
        return FAR * float(np.quantile(self.error_P, 0.95))

    @cached_property
    def least_correlation(self) -> float:
        """Correlation with the mean training profile that all but a twentieth of held-out profiles have."""
        return float(np.quantile(self.correlation_P, 0.05))

    def percentile(self, error_S: np.ndarray) -> np.ndarray:
        """Give the share of held-out profiles with a smaller error, in percent."""
        return _percentile(error_S, self.error_P)

    def code_distances(self, bundle: Bundle, code_SW: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Give how far codes are from those of training: over the median of held-out ones, and as a percentile."""
        distance_S = distances(code_SW, self.code_RW, bundle.network.weights["code_scale_W"])
        return distance_S / self.median_distance, _percentile(distance_S, self.distance_P)


def _percentile(value_S: np.ndarray, held_out_P: np.ndarray) -> np.ndarray:
    return 100 * np.searchsorted(held_out_P, value_S, side="left") / len(held_out_P)


def distances(code_SW: np.ndarray, code_RW: np.ndarray, scale_W: np.ndarray) -> np.ndarray:
    """Give the mean distance of each code from the `NEAREST` of some codes, each number in units of its spread."""
    one_SW, other_RW = ((code / scale_W).astype(np.float64) for code in (code_SW, code_RW))
    square_SR = np.square(one_SW).sum(axis=1)[:, None] + np.square(other_RW).sum(axis=1) - 2 * one_SW @ other_RW.T
    n_near = min(NEAREST, len(code_RW))
    nearest_SN = np.partition(square_SR, n_near - 1, axis=1)[:, :n_near]
    return np.sqrt(np.maximum(nearest_SN, 0)).mean(axis=1)


def _found(bundle: Bundle, values_SG: np.ndarray, tells: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give mean squared error and correlation of profiles, and where it `tells` labels, the probability of each."""
    one = seen(bundle, values_SG)
    told_SL = np.empty((len(values_SG), 0), dtype=np.float32)
    if tells:
        told_SL = bundle.classify(values_SG, one.code_SW, one.z_SK, one.outside_S)
    return one.error_S, correlations(bundle, values_SG), told_SL


def doubts(told_SL: np.ndarray, label_S: np.ndarray) -> np.ndarray:
    """Give 1 minus the probability of its own label, of each profile that has one."""
    known_S = label_S >= 0
    return 1 - told_SL[known_S, label_S[known_S]].astype(np.float64)


def mean_errors(bundle: Bundle, values_SG: np.ndarray) -> np.ndarray:
    """Give each profile's mean squared error over the modelled genes (float64, S)."""
    return seen(bundle, values_SG).error_S


def correlations(bundle: Bundle, values_SG: np.ndarray) -> np.ndarray:
    """Give each profile's correlation with the mean training profile over genes, on log2 scale (0 for a flat one)."""
    x_SG = bundle.preprocessor.log2(values_SG).astype(np.float64)
    mean_G = bundle.mean_log2_G
    if (missing_G := np.isnan(x_SG).all(axis=0)).any():
        x_SG, mean_G = x_SG[:, ~missing_G], mean_G[~missing_G]
    x_SG -= x_SG.mean(axis=1, keepdims=True)
    mean_G = mean_G - mean_G.mean()
    length_S = np.sqrt(np.einsum("sg,sg->s", x_SG, x_SG) * (mean_G @ mean_G))
    return np.divide(x_SG @ mean_G, length_S, out=np.zeros(len(x_SG)), where=length_S > 0)


def _ascending(value_P: np.ndarray) -> np.ndarray:
    if len(value_P) > MOST_KEPT:
        value_P = np.quantile(value_P, np.linspace(0, 1, MOST_KEPT))
    return np.sort(value_P.astype(np.float64))

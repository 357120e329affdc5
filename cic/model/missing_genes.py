"""Genes that profiles lack: what the others tell of them, and what a code loses without them.

Over the leading components of the training profiles, and noise that is alike in all genes, profiles are taken for
normal (probabilistic PCA: Tipping and Bishop 1999). So the mean of the missing genes, given those that are there, is a
ridge regression in closed form, and so is what stays unknown of each profile. The code is that of the profile so
completed: whatever is unknown being equal, it is the code whose reconstruction is nearest in expectation.

Axes: S samples, G genes that are modelled, K components, R training codes, W numbers of the code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cic.errors import ModelError

if TYPE_CHECKING:
    from cic.model.basis import SampleBasis
    from cic.model.bundle import Bundle

LEAST_COVERAGE = 0.5
"""Coverage below which profiles are refused, unless asked for."""
MOST_COMPONENTS = 256
"""Later ones of so few profiles are noise, and the cost grows with the third power."""
SOUGHT = tuple(10 ** (half / 2) for half in range(-8, 5))
"""Noise that is tried, as multiples of the mean variance of a gene along the components. The first components of few
profiles are overestimated, so that of single cells it comes to more than one."""
TANGENTS = 16
"""Training codes at which the decoder's sensitivity is taken, spread evenly."""


@dataclass(frozen=True)
class Inference:
    """What is there of the modelled genes, and what it tells of the others.

    Attributes
    ----------
    present_G
        Which of the modelled genes are there.
    coverage
        Share of what codes carry that the present genes tell: of the variance along the directions in which the decoder
        answers to its code, the part that is known of a profile, over the part that is with all genes. 1 with all
        genes.
    error_factor
        Foretold reconstruction error over all modelled genes, as a multiple of that with all of them.
    variance
        Share of the modelled variance that is of the present genes themselves.
    """

    present_G: np.ndarray
    coverage: float
    error_factor: float
    variance: float
    components_GK: np.ndarray
    posterior_KK: np.ndarray
    noise: float

    def filled(self, x_SG: np.ndarray) -> np.ndarray:
        """Give centred profiles with the expected value in place of each missing gene (float32, S x G)."""
        there_GK, missing_GK = self.components_GK[self.present_G], self.components_GK[~self.present_G]
        seen_SK = x_SG[:, self.present_G] @ there_GK
        z_SK = (seen_SK @ self.posterior_KK / self.noise).astype(np.float32)
        filled_SG = x_SG.astype(np.float32, copy=True)
        filled_SG[:, ~self.present_G] = z_SK @ missing_GK.T
        return filled_SG


def leading(basis: SampleBasis, n_fitted: int) -> tuple[np.ndarray, np.ndarray]:
    """Give the components that take part, genes x K, and the variance of training profiles along each (float64, K)."""
    rank = min(basis.rank, MOST_COMPONENTS)
    return basis.components_GK[:, :rank], np.square(basis.singular_values_K[:rank]) / n_fitted


def posterior(components_GK: np.ndarray, variance_K: np.ndarray, noise: float, present_G: np.ndarray) -> np.ndarray:
    """Give the covariance of a profile's coordinates, given the genes that are there (float64, K x K)."""
    there_GK = components_GK[present_G].astype(np.float64)
    return np.linalg.inv(there_GK.T @ there_GK / noise + np.diag(1 / variance_K))


def noise_level(basis: SampleBasis, n_fitted: int, x_PG: np.ndarray) -> float:
    """Find the variance of the noise by which every second gene of held-out profiles best foretells the others.

    Parameters
    ----------
    x_PG
        Preprocessed held-out profiles.
    """
    components_GK, variance_K = leading(basis, n_fitted)
    of_a_gene = float(variance_K.sum()) / len(components_GK)
    present_G = np.arange(len(components_GK)) % 2 == 0
    seen_PK = x_PG[:, present_G] @ components_GK[present_G]
    error_of = {}
    for multiple in SOUGHT:
        noise = multiple * of_a_gene
        z_PK = seen_PK @ posterior(components_GK, variance_K, noise, present_G) / noise
        told_PG = z_PK.astype(np.float32) @ components_GK[~present_G].T
        error_of[noise] = float(np.mean(np.square(told_PG - x_PG[:, ~present_G], dtype=np.float64)))
    return min(error_of, key=lambda noise: error_of[noise])


def inference(bundle: Bundle, present_G: np.ndarray) -> Inference:
    """Find out what the present genes tell; `bundle.reference` has to be there."""
    assert bundle.reference is not None, "without a reference the noise is not known"
    noise, n_fitted = bundle.reference.noise, bundle.preprocessor.n_fitted
    components_GK, variance_K = leading(bundle.basis, n_fitted)
    all_KK = posterior(components_GK, variance_K, noise, np.ones_like(present_G))
    some_KK = posterior(components_GK, variance_K, noise, present_G)
    codes_RW = bundle.reference.code_RW
    codes_RW = codes_RW[:: -(-len(codes_RW) // TANGENTS)]
    jacobian_RKW = bundle.network.jacobian(codes_RW)[:, : len(variance_K)].astype(np.float64)
    directions_RKW = np.linalg.qr(jacobian_RKW)[0]
    prior, known, unknown = (
        float(np.einsum("rkw,kl,rlw->", directions_RKW, of_KK, directions_RKW) / len(codes_RW))
        for of_KK in (np.diag(variance_K), all_KK, some_KK)
    )
    variance_G = np.square(components_GK, dtype=np.float64) @ variance_K
    usual = float(bundle.reference.error_P.mean()) * len(present_G)
    return Inference(
        present_G,
        coverage=min(1.0, max(0.0, (prior - unknown) / (prior - known))),
        error_factor=1 + max(0.0, unknown - known) / usual,
        variance=float(variance_G[present_G].sum() / variance_G.sum()),
        components_GK=components_GK,
        posterior_KK=some_KK,
        noise=noise,
    )


def missing_told(bundle: Bundle, values_SG: np.ndarray, where: str, least: float = LEAST_COVERAGE) -> str | None:
    """Say which of the modelled genes are missing, and what that means; `None` where none is.

    Parameters
    ----------
    values_SG
        Samples x `genes_in`, missing genes as columns of NaN.
    least
        Coverage that there has to be.

    Raises
    ------
    ModelError
        If there is less.
    """
    missing_G = np.isnan(values_SG).all(axis=0)[bundle.preprocessor.kept]
    if not missing_G.any() or not len(values_SG):
        return None
    found = bundle.inference(~missing_G)
    names = [gene for gene, missing in zip(bundle.genes, missing_G, strict=True) if missing]
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    told = (
        f"{len(names)} of the {len(bundle.genes)} genes that are modelled are missing ({', '.join(names[:3])}{more}) "
        f"and inferred from the others, which have {found.variance:.0%} of the variance and tell {found.coverage:.0%} "
        f"of what the code carries; the error is foretold to be {found.error_factor:.2f} times that with all genes"
    )
    if found.coverage < least:
        raise ModelError(
            told, where=where, expected=f"a coverage of at least {least:.0%}",
            fix="see that the genes are called as the model's, or bring them there by --gene-map; or lower "
            "--least-coverage",
        )  # fmt: skip
    return told

"""Genes that profiles lack: what the others tell of them, and what a code loses without them.

Over the leading components of the training profiles a profile is taken to be near one of these, any of them: a mixture
of normal distributions, one around each training profile as its code makes it, all of one shape, with noise that is
alike in all genes. So the mean of the missing genes, given those that are there, is in closed form: around each
training profile a ridge regression (probabilistic PCA: Tipping and Bishop 1999), weighted by how well that one
explains what is there. Where much is there, that is the regression; where little is, the most alike training profiles.
The code is that of the profile so completed: what stays unknown being equal, it is the code whose reconstruction is
nearest in expectation.

Axes: S samples, P held-out profiles, G genes that are modelled, K components, R training codes, W numbers of the code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cic.errors import ModelError

if TYPE_CHECKING:
    from cic.model.bundle import Bundle

LEAST_COVERAGE = 0.5
"""Coverage below which profiles are refused, unless asked for."""
MOST_COMPONENTS = 256
"""Later ones of so few profiles are noise, and the cost grows with the third power."""
NOISES = tuple(10.0**power for power in range(-4, 3))
"""Noise that is tried, as multiples of the mean variance of a gene along the components. The first components of few
profiles are overestimated, so that of single cells it comes to more than one."""
SPREADS = (0.1, 0.3, 1.0)
"""How far around each training profile others are taken to be, as shares of the variance of all."""
EVERY = (2, 10, 50)
"""Of held-out profiles every second gene, every tenth and every fiftieth foretells the others."""
TANGENTS = 16
"""Training codes at which the decoder's sensitivity is taken, spread evenly."""


@dataclass(frozen=True)
class Prior:
    """What is taken of profiles before any gene is seen.

    Attributes
    ----------
    components_GK
        Orthonormal columns.
    variance_K
        Of the training profiles along each (float64).
    centre_RK
        Training profiles along the components, as their codes make them (float64).
    """

    components_GK: np.ndarray
    variance_K: np.ndarray
    centre_RK: np.ndarray

    @classmethod
    def of(cls, bundle: Bundle, code_RW: np.ndarray) -> Prior:
        """Take it from a model and codes of training profiles."""
        rank = min(bundle.basis.rank, MOST_COMPONENTS)
        variance_K = np.square(bundle.basis.singular_values_K[:rank]) / bundle.preprocessor.n_fitted
        centre_RK = bundle.decode_basis(code_RW)[:, :rank].astype(np.float64) * bundle.basis.scale
        return cls(bundle.basis.components_GK[:, :rank], variance_K, centre_RK)

    def gram(self, present_G: np.ndarray) -> np.ndarray:
        """Give the products of the components over some genes (float64, K x K)."""
        there_GK = self.components_GK[present_G].astype(np.float64)
        return there_GK.T @ there_GK

    def posterior(self, gram_KK: np.ndarray, noise: float, spread: float = 1.0) -> np.ndarray:
        """Give the covariance of what is around a training profile, given the genes of `gram` (float64, K x K)."""
        return np.linalg.inv(gram_KK / noise + np.diag(1 / (spread * self.variance_K)))

    def expected(
        self, x_SG: np.ndarray, present_G: np.ndarray, gram_KK: np.ndarray, noise: float, spread: float
    ) -> np.ndarray:
        """Give the expected coordinates of profiles by the genes that are there (float64, S x K).

        Parameters
        ----------
        x_SG
            Centred; what stands for missing genes is not looked at.
        """
        there_SG = x_SG[:, present_G]
        seen_SK = (there_SG @ self.components_GK[present_G]).astype(np.float64)
        posterior_KK = self.posterior(gram_KK, noise, spread)
        half_KK = np.linalg.cholesky(posterior_KK)
        made_RK = self.centre_RK @ gram_KK
        # distance over the present genes, less what the spread around the training profile explains of it
        apart_SR = (self.centre_RK * made_RK).sum(axis=1) - 2 * seen_SK @ self.centre_RK.T
        seen_half_SK, made_half_RK = seen_SK @ half_KK, made_RK @ half_KK
        explained_SR = np.square(made_half_RK).sum(axis=1) - 2 * seen_half_SK @ made_half_RK.T
        log_SR = (explained_SR / noise - apart_SR) / (2 * noise)
        weight_SR = np.exp(log_SR - log_SR.max(axis=1, keepdims=True))
        weight_SR /= weight_SR.sum(axis=1, keepdims=True)
        centre_SK = weight_SR @ self.centre_RK
        return centre_SK + (seen_SK - centre_SK @ gram_KK) @ posterior_KK / noise


def sought(prior: Prior, x_PG: np.ndarray) -> tuple[float, float]:
    """Find the noise and the spread by which some genes of held-out profiles best foretell the others.

    Parameters
    ----------
    x_PG
        Preprocessed held-out profiles.

    Returns
    -------
    float, float
        Where the logarithm of the mean squared error, over `EVERY`, is smallest.
    """
    n_genes = len(prior.components_GK)
    of_a_gene = float(prior.variance_K.sum()) / n_genes
    tried = [(multiple * of_a_gene, spread) for multiple in NOISES for spread in SPREADS]
    loss_of = dict.fromkeys(tried, 0.0)
    for every in EVERY:
        present_G = np.arange(n_genes) % every == 0
        gram_KK = prior.gram(present_G)
        missing_GK = prior.components_GK[~present_G]
        for noise, spread in tried:
            z_PK = prior.expected(x_PG, present_G, gram_KK, noise, spread)
            error_PG = z_PK.astype(np.float32) @ missing_GK.T - x_PG[:, ~present_G]
            loss_of[noise, spread] += float(np.log(np.mean(np.square(error_PG, dtype=np.float64))))
    return min(tried, key=lambda one: loss_of[one])


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
        Foretold reconstruction error over all modelled genes, as a multiple of that with all of them: by the model, and
        brought to what was measured where as much was foretold of held-out profiles (`Reference.as_measured`).
    variance
        Share of the modelled variance that is of the present genes themselves.
    """

    present_G: np.ndarray
    coverage: float
    error_factor: float
    variance: float
    prior: Prior
    gram_KK: np.ndarray
    noise: float
    spread: float

    def filled(self, x_SG: np.ndarray) -> np.ndarray:
        """Give centred profiles with the expected value in place of each missing gene (float32, S x G)."""
        z_SK = self.prior.expected(x_SG, self.present_G, self.gram_KK, self.noise, self.spread)
        filled_SG = x_SG.astype(np.float32, copy=True)
        filled_SG[:, ~self.present_G] = z_SK.astype(np.float32) @ self.prior.components_GK[~self.present_G].T
        return filled_SG


def inference(bundle: Bundle, present_G: np.ndarray) -> Inference:
    """Find out what the present genes tell; `bundle.reference` has to be there."""
    assert bundle.reference is not None, "without a reference the noise is not known"
    codes_RW, noise, spread = bundle.reference.code_RW, bundle.reference.noise, bundle.reference.spread
    prior = Prior.of(bundle, codes_RW)
    gram_KK = prior.gram(present_G)
    # what is known of a profile of any type: the spread is that of all profiles
    all_KK, some_KK = (prior.posterior(of_KK, noise) for of_KK in (prior.gram(np.ones_like(present_G)), gram_KK))
    codes_RW = codes_RW[:: -(-len(codes_RW) // TANGENTS)]
    jacobian_RKW = bundle.network.jacobian(codes_RW)[:, : len(prior.variance_K)].astype(np.float64)
    directions_RKW = np.linalg.qr(jacobian_RKW)[0]
    before, known, unknown = (
        float(np.einsum("rkw,kl,rlw->", directions_RKW, of_KK, directions_RKW) / len(codes_RW))
        for of_KK in (np.diag(prior.variance_K), all_KK, some_KK)
    )
    variance_G = np.square(prior.components_GK, dtype=np.float64) @ prior.variance_K
    usual = float(bundle.reference.error_P.mean()) * len(present_G)
    return Inference(
        present_G,
        coverage=min(1.0, max(0.0, (before - unknown) / (before - known))),
        error_factor=bundle.reference.as_measured(1 + max(0.0, unknown - known) / usual),
        variance=float(variance_G[present_G].sum() / variance_G.sum()),
        prior=prior,
        gram_KK=gram_KK,
        noise=noise,
        spread=spread,
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

"""What a validation finds, typed: the content of `validation.json`. What is no finite number is null."""

from __future__ import annotations

from cic.evaluation.finding import Finding
from cic.evaluation.statistics.intervals import Interval


class About(Finding):
    """What was measured, and on what."""

    name: str
    """What the validation is called."""
    model: str
    """Name and version, such as `cic/3`."""
    file: str
    sha256: str
    """Of the file; of several, over their names and digests."""
    profiles: int
    """In the file."""
    measured: int
    """Those that the model was not trained on."""
    groups: int


class Seen(Finding):
    """Profiles that were counted out, since the model has seen them."""

    trained_on: int
    """By their content."""
    nearly_trained_on: int
    """Copies of training profiles with other digits, or mixtures of some."""
    samples: tuple[str, ...]
    """Ids, 100 at most."""


class Genes(Finding):
    """Genes of the file, and what the model can see of its profiles."""

    model: int
    """That the model needs."""
    file: int
    matched: int
    """That both have."""
    coverage: float
    """What the model can see of a profile, 0 to 1, at the median; without its own word on that, the share matched."""


class Intervals(Finding):
    """How the intervals were made."""

    confidence: float
    resamples: int
    units: int
    by: str
    """`group`, `replicate set` or `profile`."""


class Reconstruction(Finding):
    """How well the profiles are reproduced: squared errors over the modelled genes."""

    ratio_to_pca: Interval
    """Over the error of PCA of equal width, of the model's own training profiles."""
    unexplained: dict[str, Interval]
    """Squared error over squared distance from the training mean, of `model`, `pca` and `span_ceiling`: the part of a
    profile that no model of these training profiles can give."""
    rmse: dict[str, Interval]
    """Root mean squared error a gene, of these and of the `mean_profile`."""


class Calibration(Finding):
    """Whether the probability of the answers is what it says, over profiles of the model's own types."""

    error: float
    """Mean over profiles of |accuracy - probability| of their bin."""
    error_by_chance: float
    """What so few profiles come to where every probability is right."""
    too_sure: Interval
    """Mean probability of the answers minus their accuracy: above 0 the model is too sure."""


class Conformal(Finding):
    """The sets of answers, over profiles of the model's own types."""

    asked: float
    """Share of sets that shall hold the true type."""
    coverage: Interval
    """Share of sets that hold the true type."""
    size: Interval
    """Types in a set, on average."""


class CellTypes(Finding):
    """How well cell types are told, over profiles labelled with a type that the model knows."""

    profiles: int
    types: int
    accuracy: Interval
    """Of the likeliest type."""
    balanced_accuracy: Interval
    macro_f1: Interval
    chance: float
    """Balanced accuracy of one answer for all: 1 over the number of types."""
    answered: Interval
    """Share that is given a type, and not called unknown."""
    right_if_answered: Interval
    calibration: Calibration
    conformal: Conformal | None
    """Null for a model that gives no sets."""


class Unknowns(Finding):
    """Profiles labelled with a type that the model does not know, which should come out unknown."""

    profiles: int
    types: tuple[str, ...]
    found: Interval
    """Share that does come out unknown."""


class Shift(Finding):
    """How far the profiles are from those that were held out when the model was trained."""

    median_error_ratio: float
    """Median error over the median of held-out profiles."""
    mean_percentile: Interval
    """Of the errors among those of held-out profiles: 50 where nothing is shifted."""
    unfamiliar: Interval
    """Share of profiles that are unlike any held-out one."""
    foreign: bool
    """Whether the profiles are from elsewhere as a whole."""
    verdict: str
    """The same in words."""


class Validation(Finding):
    """All of it."""

    about: About
    seen: Seen
    genes: Genes
    interval: Intervals
    cautions: tuple[str, ...]
    """What a reader must keep in mind."""
    reconstruction: Reconstruction
    cell_types: CellTypes | None
    """Null without a classifier, or without a label that it knows."""
    unknowns: Unknowns | None
    """Null without a label that the classifier does not know."""
    shift: Shift | None
    """Null for a model that keeps no reference of held-out profiles."""

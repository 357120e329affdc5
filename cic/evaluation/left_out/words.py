"""What errors on left-out profiles come to in words."""

from __future__ import annotations

from cic.evaluation.left_out.found import LeftOut
from cic.evaluation.statistics.intervals import Interval, against
from cic.evaluation.words import Sentence, Standing, percent


def judged(unseen: str, details: str, found: LeftOut) -> Sentence:
    """Judge by the side of 1 on which the ratio to PCA, and to the mean profile, lies as a whole."""
    ratio = found.ratio_to_pca
    if ratio.low is None:
        return Sentence("open", f"On {unseen} that it never saw, too few profiles are independent to judge.", details)
    claim = f"On {unseen} that it never saw, the model does"
    if against(found.unexplained_variance.model) != "below":
        return Sentence("bad", f"{claim} no better than the mean profile.", details)
    ends: dict[str, tuple[Standing, str]] = {
        "below": ("good", "better than PCA"),
        "above": ("bad", "worse than PCA"),
        "undecided": ("bad", "no better than PCA, as far as these profiles can tell"),
    }
    standing, end = ends[against(ratio)]
    return Sentence(standing, f"{claim} {end}.", details)


def unexplained(share: Interval) -> str:
    """Give a share of variance that stays unexplained, as a percentage."""
    return percent(share.value) if share.is_defined else "an undefined part"

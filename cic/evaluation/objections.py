"""What an evaluation holds against promoting a model, whatever the model is compared with."""

from __future__ import annotations

from cic.evaluation.metrics import Metrics
from cic.evaluation.questions.identity.found import Found as Identity
from cic.evaluation.statistics.intervals import against

FROM_THE_CODE = ("joint", "code_logistic")
"""Classifiers of which one must do better than chance."""
FEW_GROUPS = "its held-out profiles come from too few groups to say anything of profiles from another one"


def objections(metrics: Metrics) -> tuple[str, ...]:
    """Give the reasons not to promote, a sentence each; none is the usual case.

    Where groups are named, its held-out profiles must come from enough of them. A model must have learnt something: its
    error lies below that of directions drawn blindly. And where cell types are
    named, its codes must tell them better than chance.
    """
    found = []
    unexplained = metrics.unexplained_variance.model
    if unexplained.bounds is None:
        found.append("there are too few independent held-out profiles to tell whether anything was learnt")
    elif against(unexplained, metrics.blind_error) != "below":
        found.append(
            f"its unexplained variance, {unexplained.value:.3f}, is not below that of as many directions drawn "
            f"blindly, {metrics.blind_error:.3f}, with confidence: next to nothing was learnt"
        )
    identity = metrics.of(Identity)
    if identity is not None:
        balanced = [identity.methods[name].balanced_accuracy for name in FROM_THE_CODE]
        # without an interval nothing is said either way
        if all(one.low is not None and one.low <= identity.chance for one in balanced):
            best = max(one.value for one in balanced)
            found.append(
                f"cell types cannot be told from its codes better than chance: balanced accuracy {best:.2f}, chance "
                f"{identity.chance:.2f}"
            )
    return (*found, FEW_GROUPS) if metrics.few_groups else tuple(found)

"""What an evaluation holds against promoting a model, whatever the model is compared with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cic.evaluation.statistics.intervals import against

FROM_THE_CODE = ("joint", "code_logistic")
"""Classifiers of which one must do better than chance."""


def objections(metrics: Mapping[str, Any]) -> tuple[str, ...]:
    """Give the reasons not to promote, a sentence each, from the content of `metrics.json`; none is the usual case.

    Where groups are named, its held-out profiles must come from enough of them. A model must have learnt something: its
    error lies below that of directions drawn blindly. And where cell types are
    named, its codes must tell them better than chance.
    """
    found = []
    unexplained = metrics["unexplained_variance"]["model"]
    if unexplained["low"] is None:
        found.append("there are too few independent held-out profiles to tell whether anything was learnt")
    elif against(unexplained, blind_error(metrics)) != "below":
        found.append(
            f"its unexplained variance, {unexplained['value']:.3f}, is not below that of as many directions drawn "
            f"blindly, {blind_error(metrics):.3f}, with confidence: next to nothing was learnt"
        )
    identity = metrics["identity"]
    if identity is not None:
        told = {name: identity["methods"][name]["balanced_accuracy"] for name in FROM_THE_CODE}
        # without an interval nothing is said either way
        if all(one["low"] is not None and one["low"] <= identity["chance"] for one in told.values()):
            best = max(one["value"] for one in told.values())
            found.append(
                f"cell types cannot be told from its codes better than chance: balanced accuracy {best:.2f}, chance "
                f"{identity['chance']:.2f}"
            )
    return (*found, few) if (few := few_groups(metrics)) else tuple(found)


def few_groups(metrics: Mapping[str, Any]) -> str:
    """Say that the held-out profiles come from too few groups for any claim about new ones; else nothing.

    The split keeps groups whole since profiles of one resemble each other. So an interval over the profiles of two
    groups says how sure we are of these two, and a claim about profiles of other groups it does not carry.
    """
    if "resampling" not in metrics["cautions"]:
        return ""
    return "its held-out profiles come from too few groups to say anything of profiles from another one"


def blind_error(metrics: Mapping[str, Any]) -> float:
    """Give the unexplained variance of as many directions of gene space drawn blindly: they keep their share."""
    width, genes = metrics["model"]["bottleneck_width"], metrics["profiles"]["genes"]
    return 1 - width / max(genes, width)

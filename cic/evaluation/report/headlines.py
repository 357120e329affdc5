"""The declared figures of the questions: beside the findings of the report, and in `headline.json`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cic.declarations import Declaration, Headline, declarations
from cic.evaluation.metrics import Metrics
from cic.evaluation.statistics.intervals import Interval


def headline_values(metrics: Metrics) -> dict[str, float]:
    """Give the numbers of `headline.json`, by which `dvc metrics diff` compares, without what was not measured.

    Returns
    -------
    dict
        `unexplained_variance` and `unexplained_variance_pca` on the held-out profiles, and of each question the
        headline figure that it declares, by its name.
    """
    unexplained = metrics.unexplained_variance
    found = {
        "unexplained_variance": unexplained.model,
        "unexplained_variance_pca": unexplained.pca,
        **{one.name: figure(metrics, one, one.headline) for one in declarations()},
    }
    return {name: one.value for name, one in found.items() if one is not None and one.is_defined}


def figure(metrics: Metrics, declared: Declaration, headline: Headline) -> Interval | None:
    """Give the interval that a headline names; `None` where it was not measured."""
    found: Any = metrics if declared.always else getattr(metrics, declared.name)
    for name in headline.figure.split("."):
        if found is None:
            return None
        found = found[name] if isinstance(found, Mapping) else getattr(found, name)
    return found


def by_topic() -> dict[str, tuple[Declaration, Headline]]:
    """Give the declared figures by the topic of the verdict that each stands beside."""
    return {one.topic: (declared, one) for declared in declarations() for one in (declared.headline, *declared.beside)}


def figure_cell(metrics: Metrics, topic: str) -> tuple[str, str, str] | None:
    """Give a topic's figure, its interval, and what it is and is held against; `None` without one."""
    known = by_topic()
    if topic not in known:
        return None
    declared, headline = known[topic]
    found = figure(metrics, declared, headline)
    if found is None or not found.is_defined:
        return None
    interval = "no interval" if found.bounds is None else " to ".join(map(_number, found.bounds))
    side = "below" if headline.better == "lower" else "above"
    return _number(found.value), interval, f"{headline.words}; better {side} {headline.reference:g}"


def _number(value: float) -> str:
    return f"{round(value, 2) + 0.0:.2f}"  # adding 0 makes -0.00 into 0.00

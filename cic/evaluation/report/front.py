"""What stands at the top of the report: the map of the codes, the yardsticks of the error, and what was measured."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cic.evaluation.metrics import Metrics
from cic.evaluation.report.origin_sections import map_section
from cic.evaluation.section import Evidence, Section
from cic.evaluation.statistics.intervals import Interval

DIGITS = 12
"""Of the digest of the data that the page shows at its top; the whole stands among the methods."""
NAMES = {
    "mean_profile": "mean profile",
    "type_mean": "mean of the type",
    "pca": "PCA",
    "model": "this model",
    "replicates": "technical replicates",
    "span_ceiling": "span ceiling",
}


@dataclass(frozen=True)
class Yardstick:
    """An error on the axis from 0 to the largest one.

    Attributes
    ----------
    rmse, unexplained
        Root mean squared error a gene, and the share of variance left; the latter is empty for replicates.
    at, low, high
        Places on the axis in percent; an error without interval has its own place for all three.
    """

    key: str
    name: str
    rmse: str
    unexplained: str
    at: float
    low: float
    high: float


@dataclass(frozen=True)
class Front:
    """The first screen.

    Attributes
    ----------
    codes
        The section with the map of the codes.
    unit
        Of the errors.
    origin
        Names and values of what was measured, as far as it is known when the page is made.
    """

    codes: Section
    yardsticks: tuple[Yardstick, ...]
    unit: str
    origin: tuple[tuple[str, str], ...]


def front(metrics: Metrics, evidence: Evidence, folder: Path) -> Front:
    """Draw the map of the codes and gather what stands beside it."""
    return Front(
        map_section(evidence, folder),
        yardsticks(metrics),
        evidence.gene_unit,
        (
            ("Data", evidence.data),
            ("digest", str(evidence.about["data_digest"])[:DIGITS]),
            ("model", _model(metrics)),
            *((name, str(version)) for name, version in evidence.about.get("versions", {}).items() if name == "cic"),
        ),
    )


def _model(metrics: Metrics) -> str:
    return f"depth {metrics.model.depth}, {metrics.model.bottleneck_width} numbers"


def yardsticks(metrics: Metrics) -> tuple[Yardstick, ...]:
    """Give the error of the model among those that it is held against, the largest kind of error first."""
    rmse: dict[str, Interval | None] = {name: getattr(metrics.rmse, name) for name in NAMES if name != "replicates"}
    if metrics.replicates is not None:
        rmse["replicates"] = Interval(metrics.replicates.rmse_between, None, None)
    known = {name: one for name in NAMES if (one := rmse.get(name)) is not None and one.is_defined}
    most = max((one.high or one.value for one in known.values()), default=0.0) or 1.0
    found = []
    for name, one in known.items():
        low, high = one.bounds or (one.value, one.value)
        at, low, high = (round(100 * place / most, 2) for place in (one.value, low, high))
        left = "" if name == "replicates" else f"{100 * getattr(metrics.unexplained_variance, name).value:.1f}%"
        found.append(Yardstick(name, NAMES[name], f"{one.value:.3f}", left, at, low, high))
    return tuple(found)

"""What is found of architectures."""

from __future__ import annotations

from cic.evaluation.finding import Finding
from cic.evaluation.statistics.intervals import Interval


class Cell(Finding):
    """A depth and a width."""

    depth: int
    bottleneck_width: int


class Best(Cell):
    """The cell of least mean error."""

    mean_error: Interval


class Chosen(Best):
    """The cell of the measured model."""

    trainings: int
    ratio_to_pca: float | None
    place: int
    """1 is the least mean error."""
    parameters: int
    multiply_adds: int


class Splits(Finding):
    """The same contest on other splits."""

    n: int
    validation_profiles: float
    """A split, on average."""
    selected: int
    """On how many the rule takes the chosen cell."""
    selected_depth: int
    selected_width: int
    own: Cell
    """The cell that it takes on the split of the search after equally short training."""
    selected_as_own: int
    won: int
    """On how many the chosen cell's error is the least."""
    ratio_to_pca: Interval
    rival: Cell | None
    """The other cell of least mean error over the splits."""
    over_rival: Interval | None
    """Error over the rival's, paired."""


class Found(Finding):
    """Which depth and width, at what cost, and whether other splits would choose the same."""

    cells: int
    trained_again: int
    """From new seeds; depth 0 is exact and not counted."""
    chosen: Chosen
    """Validation unexplained variance, over its trainings."""
    best: Best
    deeper_at_width: int
    """Cells with a hidden layer that have the chosen width."""
    within_one_standard_error: int
    """Cells within one standard error of the best."""
    splits: Splits | None

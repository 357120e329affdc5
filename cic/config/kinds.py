"""Kinds of values that parameters have, beyond those of pydantic."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field


def _distinct(values: tuple[float, ...]) -> tuple[float, ...]:
    if len(set(values)) < len(values):
        raise ValueError(f"the same value twice in {list(values)}")
    return values


def _ascending(bounds: tuple[float, float]) -> tuple[float, float]:
    if bounds[0] > bounds[1]:
        raise ValueError(f"the lower bound {bounds[0]} is above the upper bound {bounds[1]}")
    return bounds


def _positive(bounds: tuple[float, float]) -> tuple[float, float]:
    if bounds[0] == 0 < bounds[1]:
        raise ValueError("searched by orders of magnitude, so the lower bound must be above 0 (or both 0, for none)")
    return bounds


Widths = Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1), AfterValidator(_distinct)]
Depths = Annotated[tuple[Annotated[int, Field(ge=0, le=5)], ...], Field(min_length=1), AfterValidator(_distinct)]
Bounds = Annotated[tuple[Annotated[float, Field(ge=0)], Annotated[float, Field(ge=0)]], AfterValidator(_ascending)]
LogBounds = Annotated[Bounds, AfterValidator(_positive)]
Weights = Annotated[tuple[Annotated[float, Field(gt=0)], ...], Field(min_length=1), AfterValidator(_distinct)]

"""What is found: typed numbers, as `metrics.json` holds them, and the answer to a question that carries them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
from pydantic import BaseModel, ConfigDict, model_validator


class Finding(BaseModel):
    """Numbers, texts and nested findings; what is no finite number is `None`, as JSON has none.

    Its fields are the keys of `metrics.json`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    @model_validator(mode="before")
    @classmethod
    def _without_nan(cls, given: Any) -> Any:
        return _finite(given)


def _finite(given: Any) -> Any:
    if isinstance(given, Mapping):
        return {name: _finite(value) for name, value in given.items()}
    if isinstance(given, (list, tuple)):
        return [_finite(value) for value in given]
    return None if isinstance(given, float) and not math.isfinite(given) else given


@dataclass(frozen=True)
class Answer:
    """What a question's `measure` gives back.

    Attributes
    ----------
    finding
        `None` if nothing could be measured.
    left_out
        What could not be measured, or only in part, by name: a sentence that says why. Names begin with the question's.
    cautions
        What a reader must keep in mind, by name, likewise.
    tables
        By name, for the figures and as CSV files.
    """

    finding: Finding | None
    left_out: dict[str, str] = field(default_factory=dict)
    cautions: dict[str, str] = field(default_factory=dict)
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)

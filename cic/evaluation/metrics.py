"""What `metrics.json` holds: facts, and what each question found. Its schema is docs/metrics.schema.json."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError, create_model

from cic.errors import DataError
from cic.evaluation.catalogue import questions
from cic.evaluation.facts import Facts
from cic.evaluation.finding import Finding
from cic.evaluation.questions.reconstruction.found import Found as Reconstruction


class Metrics(Facts, Reconstruction):
    """What is there whatever was asked: facts, and what is always measured. The others are had by `of`."""


@cache
def metrics_type() -> type[Metrics]:
    """Give the type of all metrics, made from the questions there are.

    What is always measured stands at the top, each other finding under the name of its question, null where nothing was
    found.
    """
    optional: dict[str, Any] = {one.name: (one.found | None, ...) for one in questions() if not one.declared.always}
    return create_model("Metrics", __base__=Metrics, **optional)


def read_metrics(path: Path) -> Metrics:
    """Read `metrics.json`.

    Raises
    ------
    DataError
        If it is missing, is no JSON, or was written by a release whose findings are others.
    """
    again = "run `cic evaluate` again, or read it with the release that wrote it"
    try:
        return metrics_type().model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise DataError("there are no metrics", where=str(path), fix="run `cic evaluate`") from None
    except ValidationError as error:
        first, others = error.errors(include_url=False)[0], error.error_count() - 1
        place = ".".join(str(part) for part in first["loc"])
        found = f"`{place}`: {first['msg'][:1].lower()}{first['msg'][1:]}" if place else first["msg"]
        raise DataError(
            f"these metrics are of another release, or damaged: {found}" + (f", and {others} more" if others else ""),
            where=str(path),
            expected="what docs/metrics.schema.json describes",
            fix=again,
        ) from None


def as_json(metrics: Finding) -> dict[str, Any]:
    """Give findings as plain JSON, without numbers that JSON does not have."""
    return json.loads(metrics.model_dump_json())


def schema() -> dict[str, Any]:
    """Give the JSON schema of `metrics.json`."""
    return metrics_type().model_json_schema(mode="serialization")

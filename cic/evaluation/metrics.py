"""What `metrics.json` holds: facts, and what each question found. Its schema is docs/metrics.schema.json."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from pydantic import create_model

from cic.evaluation.catalogue import questions
from cic.evaluation.facts import Facts
from cic.evaluation.finding import Finding


@cache
def metrics_type() -> type[Facts]:
    """Give the type of all metrics, made from the questions there are.

    What is always measured stands at the top, each other finding under the name of its question, null where nothing was
    found.
    """
    always: list[Any] = [one.found for one in questions() if one.declared.always]
    optional: dict[str, Any] = {one.name: (one.found | None, ...) for one in questions() if not one.declared.always}
    return create_model("Metrics", __base__=(Facts, *always), **optional)


def as_json(metrics: Finding) -> dict[str, Any]:
    """Give findings as plain JSON, without numbers that JSON does not have."""
    return json.loads(metrics.model_dump_json())


def schema() -> dict[str, Any]:
    """Give the JSON schema of `metrics.json`."""
    return metrics_type().model_json_schema(mode="serialization")

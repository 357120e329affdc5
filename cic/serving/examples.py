"""What stands in the OpenAPI description about bodies: forms, and an example of each that is text."""

from __future__ import annotations

from typing import Any

from cic.serving.bodies import ARROW, JSON, PARQUET

PROFILES = {"genes": ["TP53", "GAPDH", "ALB"], "samples": ["a", "b"], "values": [[7.1, 12.4, 3.0], [6.8, 12.1, 14.2]]}
CODES = {
    "model": "cic/3",
    "profiles": [
        {"sample_id": "a", "code_1": 0.31, "code_2": -1.2, "error_ratio": 1.1, "percentile": 62.0, "familiar": True}
    ],
}
TABLES = {
    "profiles": "A table with the column `gene` and a column a sample.",
    "rows": "A table with a row a sample: the columns of the JSON form, `sample_id` and `model`.",
}
REFUSALS = {
    400: "The body is not what the model takes; the message says what was found where, and what was expected.",
    401: "The key is missing or wrong.",
    406: "`Accept` names no kind that is given.",
    408: "The body did not arrive in time.",
    413: "The body is too large, or has too many profiles.",
    415: "The content type is not taken.",
    503: "There was no answer in time, or too much is waiting.",
}


def _content(example: dict[str, Any], table: str) -> dict[str, Any]:
    packed = {"schema": {"type": "string", "format": "binary", "description": TABLES[table]}}
    return {JSON: {"schema": {"type": "object"}, "example": example}, ARROW: packed, PARQUET: packed}


def _door(body: tuple[dict[str, Any], str], answer: tuple[dict[str, Any], str]) -> dict[str, Any]:
    """Give what a route is told of its body and its answers."""
    header = {"cic-model": {"description": "Name and version of the model that answers.", "schema": {"type": "string"}}}
    told = {200: {"description": "The answer.", "content": _content(*answer), "headers": header}}
    return {
        "openapi_extra": {"requestBody": {"required": True, "content": _content(*body)}},
        "responses": told | {status: {"description": text} for status, text in REFUSALS.items()},
    }


OF_PROFILES = _door((PROFILES, "profiles"), (CODES, "rows"))
OF_CODES = _door((CODES, "rows"), ({"model": "cic/3"} | PROFILES, "profiles"))

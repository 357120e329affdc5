"""MLflow's protocol: requests read and answers written by MLflow's own code, as `mlflow models serve` does it.

That server reads a body of any length, and its answers to what it cannot read begin with the whole of it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import pandas as pd
from fastapi.responses import Response
from mlflow.exceptions import MlflowException
from mlflow.pyfunc import scoring_server

from cic.serving.answers import InputRefusedError, answer
from cic.serving.refusals import Refused
from cic.using import Model

CONTENT_TYPES = (scoring_server.CONTENT_TYPE_JSON, scoring_server.CONTENT_TYPE_CSV)


class _Asked:
    """A model as MLflow's scoring code asks one."""

    metadata = SimpleNamespace(get_input_schema=lambda: None)

    def __init__(self, model: Model, most: int) -> None:
        self.model, self.most, self.n_profiles = model, most, 0

    def predict(self, data: Any, params: dict[str, Any] | None = None) -> Any:
        if isinstance(data, pd.DataFrame) and len(data) > self.most:
            raise InputRefusedError(f"there are {len(data):,} profiles", expected=f"at most {self.most:,}")
        told = answer(self.model.bundle, self.model.stamp, data, (params or {}).get("output", "codes"))
        self.n_profiles = len(told)
        return told


def invocations(body: bytes | bytearray, content_type: str, model: Model, most: int) -> tuple[Response, int]:
    """Answer as `mlflow models serve` does, and say how many profiles were answered.

    Parameters
    ----------
    most
        Profiles that are answered at a time.

    Raises
    ------
    Refused
        With the reason, and never with what was sent.
    """
    kind = content_type.split(";")[0].strip().lower()
    if kind not in CONTENT_TYPES:
        raise Refused(415, f"the content type is `{kind}`; expected one of {', '.join(CONTENT_TYPES)}")
    asked = _Asked(model, most)
    try:
        given = _from_json(body) if kind == scoring_server.CONTENT_TYPE_JSON else bytes(body)
        told = scoring_server.invocations(given, content_type, asked, None)
    except MlflowException as error:
        raise Refused(error.get_http_status_code(), error.message, error.error_code) from None
    return Response(told.response, told.status, media_type=told.mimetype), asked.n_profiles


def _from_json(body: bytes | bytearray) -> dict[str, Any]:
    """Read a request; MLflow's own reader answers with the whole body where it cannot, and takes `true` for 1."""
    try:
        given = json.loads(body, object_pairs_hook=_each_once)
    except (ValueError, RecursionError) as error:
        raise Refused(400, f"the body is not valid JSON: {error}") from None
    if not isinstance(given, dict):
        raise Refused(400, f"the body is a JSON {type(given).__name__}; expected an object")
    data = [value for key, value in given.items() if key != scoring_server.SERVING_PARAMS_KEY]
    if _holds_truth_values(data):
        raise Refused(400, "there is `true` or `false` among the values; expected numbers")
    if not isinstance(given.get(scoring_server.SERVING_PARAMS_KEY) or {}, dict):
        raise Refused(400, "`params` is no object")
    return given


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = next(key for key, times in Counter(key for key, _ in pairs).items() if times > 1)
        raise ValueError(f"`{twice:.40}` stands there more than once")
    return found


def _holds_truth_values(values: Iterable[Any]) -> bool:
    waiting = [values]
    while waiting:
        for value in waiting.pop():
            if isinstance(value, bool):
                return True
            if isinstance(value, list):
                waiting.append(value)
            elif isinstance(value, dict):
                waiting.append(value.values())
    return False

"""How a request is refused: a status, and the reason first."""

from __future__ import annotations

import orjson
from fastapi.responses import Response

LONGEST_REASON = 2000
CODES = {404: "ENDPOINT_NOT_FOUND", 413: "RESOURCE_EXHAUSTED", 500: "INTERNAL_ERROR", 503: "TEMPORARILY_UNAVAILABLE"}
"""MLflow's words for statuses; of all others `BAD_REQUEST`."""


class Refused(Exception):
    """A request that is not looked at any further.

    Parameters
    ----------
    status
        Of the answer, in HTTP.
    reason
        What was found, and what was expected.
    code
        MLflow's word for it, if it has said one.
    """

    def __init__(self, status: int, reason: str, code: str | None = None) -> None:
        super().__init__(reason)
        self.status, self.code = status, code or CODES.get(status, "BAD_REQUEST")

    def answer(self) -> Response:
        """Give what is sent: JSON, as MLflow's server refuses."""
        content = orjson.dumps({"error_code": self.code, "message": str(self)[:LONGEST_REASON]})
        later = {"Retry-After": "1"} if self.status == 503 else {}
        asked = {"WWW-Authenticate": "Bearer"} if self.status == 401 else {}
        return Response(content, self.status, later | asked, media_type="application/json")

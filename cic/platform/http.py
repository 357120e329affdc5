"""Short requests to our servers."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from base64 import b64encode
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

from cic.errors import ServiceError
from cic.platform.environment import LOCAL_ADDRESSES
from cic.settings import redact


def request(url: str, body: Any = None, seconds: float = 5.0, auth: str | None = None) -> bytes:
    """GET `url`, or POST `body` to it as JSON.

    Parameters
    ----------
    auth
        USER:PASSWORD, where the server asks for it.

    Raises
    ------
    ServiceError
        If there is no answer in time, or one that reports an error.
    """
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    if auth is not None:
        headers["Authorization"] = f"Basic {b64encode(auth.encode()).decode()}"
    sent = urllib.request.Request(url, data=data, headers=headers)
    local = urlsplit(url).hostname in LOCAL_ADDRESSES
    opener = urllib.request.build_opener(*([urllib.request.ProxyHandler({})] if local else []))
    try:
        with opener.open(sent, timeout=seconds) as answer:
            return bytes(answer.read())
    except urllib.error.HTTPError as error:
        raise ServiceError(f"answered {error.code} {error.reason}", where=redact(url)) from None
    except (OSError, HTTPException) as error:  # URLError and time-outs are OSErrors
        raise ServiceError(f"does not answer: {getattr(error, 'reason', error)}", where=redact(url)) from None


def request_json(url: str, body: Any = None, seconds: float = 5.0, auth: str | None = None) -> Any:
    """Do the same as `request`, and parse the answer.

    Raises
    ------
    ServiceError
        Also if the answer is no JSON: some other server listens there.
    """
    text = request(url, body, seconds, auth)
    try:
        return json.loads(text)
    except ValueError:
        raise ServiceError("answered with something other than JSON", where=redact(url)) from None

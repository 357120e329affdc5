"""The process behind `cic serve`: who may reach it, and how it is run."""

from __future__ import annotations

import uvicorn

from cic.errors import ConfigError
from cic.model.threads import one_thread
from cic.serving.app import scoring_app
from cic.serving.limits import Limits
from cic.serving.served import Following
from cic.settings import is_loopback

CONNECTIONS = 1000
"""Beyond, the server says 503 at once."""


def check_reach(host: str, key: str | None) -> None:
    """Refuse to be reached from other machines without asking for a key.

    Raises
    ------
    ConfigError
        If the address is not on loopback, and there is no key.
    """
    if not is_loopback(host) and key is None:
        raise ConfigError(
            "others would reach the server, and it would ask nobody for a key",
            where=f"--host {host}",
            expected="CIC_SERVE_KEY in the environment, of 16 characters at least",
            fix="set it, or stay on loopback and come by `ssh -L`",
        )


def serve(following: Following, limits: Limits, host: str, port: int, key: str | None = None) -> None:
    """Serve until the process is told to stop; then what was begun is answered.

    Raises
    ------
    ConfigError
        As `check_reach`.
    """
    check_reach(host, key)
    app = scoring_app(following, limits, key)
    # one thread below numpy: requests are what runs side by side, and an answer's bits depend on no neighbour
    with one_thread():
        uvicorn.run(
            app, host=host, port=port, log_level="warning", limit_concurrency=CONNECTIONS,
            timeout_graceful_shutdown=int(limits.seconds) + 1,
        )  # fmt: skip

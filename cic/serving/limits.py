"""How much a request may ask for."""

from __future__ import annotations

from dataclasses import dataclass

from cic.errors import DataError

BODIES_HELD = 8
"""Largest bodies that may be in memory at a time."""
UNFOLDED = 4
"""Largest bodies that a Parquet file may unfold to; expression on any scale is packed by less."""


class TooMuchError(DataError):
    """There is more in a body than is answered at a time."""


@dataclass(frozen=True)
class Limits:
    """What a request may be.

    Attributes
    ----------
    body
        Bytes.
    profiles
        Profiles, or codes.
    seconds
        From its head to its answer.
    """

    body: int = 64_000_000
    profiles: int = 4096
    seconds: float = 30.0

"""One decision of the registry, as the log keeps it."""

from __future__ import annotations

import getpass
import hashlib
import json
import os
import socket
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Literal

FIRST = "0" * 64
"""What the first record names in place of one before it."""

Action = Literal["promoted", "refused", "rolled_back", "repaired"]


@dataclass(frozen=True)
class Record:
    """One decision, and where the aliases stood before and after it.

    Attributes
    ----------
    number
        Position in the log of this model, from 1.
    version
        The version that was decided upon; of a rollback, the one that was withdrawn.
    reasons
        Of the gate, or of the person who rolled back.
    before
        Hash of the record before this one.
    """

    number: int
    model: str
    action: Action
    version: str
    bundle_digest: str
    champion_before: str | None
    champion_after: str | None
    previous_before: str | None
    previous_after: str | None
    reasons: tuple[str, ...]
    figures: dict[str, Any]
    decided_at: str
    decided_by: str
    before: str

    def text(self) -> str:
        """Give the record as canonical JSON."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))

    @property
    def hash(self) -> str:
        """The SHA-256 of the record's text, which the next one names."""
        return hashlib.sha256(self.text().encode()).hexdigest()

    @classmethod
    def parse(cls, text: str) -> Record:
        """Read what `text` gave."""
        fields = json.loads(text)
        return cls(**{**fields, "reasons": tuple(fields["reasons"])})


def new_record(
    model: str,
    action: Action,
    version: str,
    bundle_digest: str,
    champion: tuple[str | None, str | None],
    previous: tuple[str | None, str | None],
    reasons: tuple[str, ...],
    figures: dict[str, Any],
) -> Record:
    """Make a record of now, by this person on this host; `champion` and `previous` are before and after."""
    return Record(
        number=0,
        model=model,
        action=action,
        version=version,
        bundle_digest=bundle_digest,
        champion_before=champion[0],
        champion_after=champion[1],
        previous_before=previous[0],
        previous_after=previous[1],
        reasons=reasons,
        figures=figures,
        decided_at=datetime.now(UTC).isoformat(timespec="seconds"),
        decided_by=f"{_user()}@{socket.gethostname()}",
        before=FIRST,
    )


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's numeric user may have no name
        return str(os.getuid())

"""`platform.json`: what the supervisor tells the rest of the machine about the platform."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, TypeVar

from cic.platform.secret import write_private
from cic.process_identity import ProcessIdentity
from cic.settings import redact

T = TypeVar("T")
Phase = Literal["starting", "ready", "stopping", "failed"]
ServicePhase = Literal["waiting", "starting", "running", "restarting", "failed", "stopped"]


@dataclass(frozen=True)
class ServiceState:
    """One server as its supervisor last saw it."""

    phase: ServicePhase
    log: str
    pid: int | None = None
    restarts: int = 0
    link: str | None = None


@dataclass(frozen=True)
class PlatformState:
    """The platform of one home."""

    supervisor: ProcessIdentity
    phase: Phase
    since: str
    addresses: Mapping[str, str] = field(default_factory=dict, repr=False)
    """By field of `Settings`; they may hold passwords."""
    services: Mapping[str, ServiceState] = field(default_factory=dict)
    error: str | None = None

    def public(self) -> dict[str, Any]:
        """Give all of it without passwords."""
        shown = {name: redact(url) for name, url in self.addresses.items() if name != "prefect_auth"}
        return {**asdict(self), "addresses": shown}


def write_state(path: Path, state: PlatformState) -> None:
    """Replace the file as a whole, readable by its owner only."""
    write_private(path, json.dumps(asdict(state), indent=1))


def read_state(path: Path) -> PlatformState | None:
    """Read what `write_state` wrote; None if there is nothing, or nothing that can be understood."""
    try:
        raw = json.loads(path.read_text())
        services = {name: _known(ServiceState, service) for name, service in raw.pop("services").items()}
        supervisor = _known(ProcessIdentity, raw.pop("supervisor"))
        return _known(PlatformState, {**raw, "services": services, "supervisor": supervisor})
    except (FileNotFoundError, json.JSONDecodeError, KeyError, TypeError, AttributeError):
        return None


def _known(kind: type[T], raw: Mapping[str, Any]) -> T:
    """Build a record and leave out what only a later version writes."""
    return kind(**{name: value for name, value in raw.items() if name in {f.name for f in fields(kind)}})  # type: ignore[arg-type]

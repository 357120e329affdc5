"""The two aliases `champion` and `previous`, and the only way in which they move.

A record of the log says where to, then they are set, then the record is closed. All of that can be done again, so
whoever comes next finishes what a killed process had begun. Who has set them looks at the log once more: where another
record came meanwhile, that one is carried out anew, so that the aliases end where the newest record says.
"""

from __future__ import annotations

import json
import time
from dataclasses import replace
from functools import partial
from typing import Any

from mlflow import MlflowClient

from cic.errors import ServiceError
from cic.registry.log import TAG_RECORD, Log, append, close, read_log
from cic.registry.record import Record
from cic.registry.versions import CHAMPION, PREVIOUS, aliases_of
from cic.tracking.store import insist

TAG_DECISION, TAG_REASON, TAG_FIGURES = "cic.decision", "cic.reason", "cic.figures"
TAG_DECIDED_AT = "cic.decided_at"
LOOKS, SECONDS_BETWEEN_LOOKS = 5, 0.2


def moved(log: Log, aliases: dict[str, str]) -> list[str]:
    """Say which aliases stand elsewhere than the last record left them."""
    return [
        f"`{alias}` stands at {_named(aliases.get(alias))}, the log left it at {_named(logged)}: it was moved by hand"
        for alias, logged in zip((CHAMPION, PREVIOUS), left_at(log), strict=True)
        if aliases.get(alias) != logged
    ]


def left_at(log: Log) -> tuple[str | None, str | None]:
    """Give the versions at which the last record left `champion` and `previous`."""
    return (log.last.record.champion_after, log.last.record.previous_after) if log.last else (None, None)


def _named(version: str | None) -> str:
    return "no version" if version is None else f"version {version}"


def recover(client: MlflowClient, name: str) -> Log:
    """Finish what the last record announces, if a process was killed over it, and give the log.

    Raises
    ------
    ServiceError
        If the log is not whole, or an alias was moved by hand: then nothing may be built on them.
    """
    log, looks = _settled(client, name), 0
    while True:
        # others who decide at this moment move aliases too, and write a record before
        aliases, before = aliases_of(client, name), log
        log = _settled(client, name)
        by_hand = moved(log, aliases)
        if not by_hand:
            return log
        looks = looks + 1 if log.end == before.end else 0
        if looks == LOOKS:
            break
        time.sleep(SECONDS_BETWEEN_LOOKS)
    raise ServiceError(
        "; ".join(by_hand),
        where=f"models:/{name}",
        expected="aliases where the last decision left them",
        fix="`cic registry log --repair REASON` puts them back there, and that on record",
    )


def _settled(client: MlflowClient, name: str) -> Log:
    log = read_log(client, name)
    if log.faults:
        raise ServiceError(
            "the log of decisions is not whole: " + "; ".join(log.faults),
            where=f"MLflow experiment cic-registry, model `{name}`",
            expected="an unbroken chain of records",
            fix="find out who changed it; `cic registry log --repair REASON` then puts that on record and goes on",
        )
    if any(entry.open for entry in log.entries):
        settle(client, log)
    return log


def carry_out(client: MlflowClient, log: Log, record: Record) -> Record:
    """Put a record into the log and do what it says; give it as the log has it."""
    entry = append(client, log, record)
    settle(client, replace(log, entries=(*log.entries, entry)))
    return entry.record


def settle(client: MlflowClient, log: Log) -> None:
    """Bring tags and aliases to what the log says, until nobody has written behind it; then close its records.

    Doing it twice is doing it once. Whoever sets an alias last reads the log after that, so the newest record wins.
    """
    while True:
        newest = log.entries[-1]
        about = {entry.record.version: entry.record for entry in log.entries}
        for version in {entry.record.version for entry in log.entries if entry.open or entry is newest}:
            _tag(client, about[version])
        _move(client, newest.record)
        again = read_log(client, newest.record.model)
        if again.last is None or again.last.run_id == newest.run_id:
            break
        log = again
    for entry in log.entries:
        if entry.open:
            close(client, entry)


def _tag(client: MlflowClient, record: Record) -> None:
    if record.action == "repaired":
        return
    tags: dict[str, Any] = {
        TAG_DECISION: record.action,
        TAG_REASON: "; ".join(record.reasons),
        TAG_FIGURES: json.dumps(record.figures, sort_keys=True),
        TAG_DECIDED_AT: record.decided_at,
        TAG_RECORD: record.hash,
    }
    for key, value in tags.items():
        insist(partial(client.set_model_version_tag, record.model, record.version, key, value))


def _move(client: MlflowClient, record: Record) -> None:
    """Set the aliases. Readers of `champion` always find one: `previous` moves first, and nothing is deleted before."""
    if record.previous_after is not None:
        insist(partial(client.set_registered_model_alias, record.model, PREVIOUS, record.previous_after))
    if record.champion_after is not None:
        insist(partial(client.set_registered_model_alias, record.model, CHAMPION, record.champion_after))
    if record.previous_after is None and PREVIOUS in aliases_of(client, record.model):
        client.delete_registered_model_alias(record.model, PREVIOUS)
    if record.action == "repaired" and record.champion_after is None:  # that was set by hand
        client.delete_registered_model_alias(record.model, CHAMPION)

"""The two aliases `champion` and `previous`, and the only way in which they move.

A record of the log says where to, then they are set, then the record is closed. All of that can be done again, so
whoever comes next finishes what a killed process had begun. Who has set them looks at the log once more: where another
record came meanwhile, that one is carried out anew, so that the aliases end where the newest record says.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from mlflow import MlflowClient

from cic.errors import ConfigError, RefusedError, ServiceError
from cic.registry.log import TAG_RECORD, Log, Overtaken, append, close, decided_upon, look_at, read_log
from cic.registry.record import Record, new_record
from cic.registry.repair import repair as repair_log
from cic.registry.versions import (
    CHAMPION,
    PREVIOUS,
    Version,
    aliases_of,
    current,
    find,
    version_numbered,
    versions,
)
from cic.tracking.store import connect, explained, insist

if TYPE_CHECKING:
    from cic.registry.gate import Decision

__all__ = [
    "Version",
    "current",
    "drift",
    "find",
    "history",
    "promote",
    "recover",
    "repair",
    "rollback",
    "until_settled",
    "versions",
    "withdrawal",
]

TAG_DECISION, TAG_REASON, TAG_FIGURES = "cic.decision", "cic.reason", "cic.figures"
TAG_DECIDED_AT = "cic.decided_at"
ATTEMPTS = 5
LOOKS, SECONDS_BETWEEN_LOOKS = 5, 0.2
logger = logging.getLogger(__name__)


def withdrawal(uri: str, name: str, bundle_digest: str) -> str:
    """Say when and why that very bundle was rolled back, unless it was promoted again since; else nothing."""
    client = connect(uri)
    with explained(uri):
        log = read_log(client, name)
    about = [entry.record for entry in log.entries if entry.record.bundle_digest == bundle_digest]
    moves = [record for record in about if record.action in ("promoted", "rolled_back")]
    if not moves or moves[-1].action != "rolled_back":
        return ""
    return f"{'; '.join(moves[-1].reasons)} ({moves[-1].decided_at}, by {moves[-1].decided_by})"


def history(uri: str, name: str) -> Log:
    """Read the log of decisions as it stands, faults included."""
    client = connect(uri)
    with explained(uri):
        return read_log(client, name)


def drift(uri: str, name: str) -> list[str]:
    """Say where the aliases stand elsewhere than the log left them: somebody moved them by hand."""
    client = connect(uri)
    with explained(uri):
        log, aliases = read_log(client, name), aliases_of(client, name)
    if log.last is not None and log.last.open:
        return [f"record {log.last.record.number} of the log was interrupted; the next decision finishes it"]
    return _moved(log, aliases)


def _moved(log: Log, aliases: dict[str, str]) -> list[str]:
    """Say which aliases stand elsewhere than the last record left them."""
    return [
        f"`{alias}` stands at {_named(aliases.get(alias))}, the log left it at {_named(logged)}: it was moved by hand"
        for alias, logged in zip((CHAMPION, PREVIOUS), _left(log), strict=True)
        if aliases.get(alias) != logged
    ]


def _left(log: Log) -> tuple[str | None, str | None]:
    """Give the versions at which the last record left `champion` and `previous`."""
    return (log.last.record.champion_after, log.last.record.previous_after) if log.last else (None, None)


def _named(version: str | None) -> str:
    return "no version" if version is None else f"version {version}"


def promote(uri: str, name: str, version: str, decision: Decision) -> Record | None:
    """Carry out the gate's decision on a version, and record it.

    A promotion moves the alias `champion` to the version and `previous` to the champion before it. A refusal is
    recorded and moves nothing. An unchanged champion leaves no trace: `None`.

    Raises
    ------
    Overtaken
        If the champion changed since the decision, or somebody else decides at the same moment: judge again.
    """
    client = connect(uri)
    with explained(uri):
        log = recover(client, name)
        aliases = aliases_of(client, name)
        champion, previous = aliases.get(CHAMPION), aliases.get(PREVIOUS)
        if decision.outcome == "unchanged":
            return None
        judged_against = decision.figures.get("champion")
        if decision.promote and judged_against != champion:
            raise Overtaken(
                f"the champion is now version {champion}, the decision was made against {judged_against}",
                where=f"models:/{name}@{CHAMPION}",
                fix="run it again: the decision has to be made upon the new state",
            )
        digest = version_numbered(client, name, version).bundle_digest
        for figures in decided_upon(decision.figures):
            if "held_out" in figures and figures["look"] != look_at(log, figures["held_out"], digest):
                raise Overtaken(
                    "another model was decided upon by the same held-out profiles meanwhile",
                    where=f"models:/{name}",
                    fix="run it again: the more decisions there were, the more confidence one needs",
                )
        record = new_record(
            name,
            "promoted" if decision.promote else "refused",
            version,
            digest,
            (champion, version if decision.promote else champion),
            (previous, champion if decision.promote else previous),
            decision.reasons,
            decision.figures,
        )
        return _carry_out(client, log, record)


def until_settled(judge: Callable[[], Decision], settle: Callable[[Decision], object]) -> Decision:
    """Judge and settle, and judge again where somebody else's decision came in between.

    Raises
    ------
    Overtaken
        If that happens again and again.
    """
    for _ in range(ATTEMPTS - 1):
        decision = judge()
        try:
            settle(decision)
        except Overtaken as overtaken:
            logger.info("%s: judged again", overtaken.found)
        else:
            return decision
    decision = judge()
    settle(decision)
    return decision


def rollback(uri: str, name: str, reason: str) -> Record:
    """Give the alias `champion` back to `previous`, and record why.

    `previous` then becomes the champion before that one, as far as the log knows; so a second rollback goes further
    back and does not return to what was withdrawn.

    Raises
    ------
    RefusedError
        If there is nothing to go back to.
    """
    if not reason.strip():
        raise ConfigError("a rollback needs a reason", where="--reason", expected="what was wrong with the champion")
    client = connect(uri)
    with explained(uri):
        log = recover(client, name)
        aliases = aliases_of(client, name)
        champion, previous = aliases.get(CHAMPION), aliases.get(PREVIOUS)
        if champion is None or previous is None or champion == previous:
            raise RefusedError(
                "there is no previous champion to go back to",
                where=f"models:/{name}@{PREVIOUS}",
                expected="a version that was champion before the present one",
                fix="`cic registry list` shows the versions; `cic registry promote` makes another one champion",
            )
        record = new_record(
            name,
            "rolled_back",
            champion,
            version_numbered(client, name, champion).bundle_digest,
            (champion, previous),
            (previous, _champion_before(log, previous)),
            (reason.strip(),),
            {},
        )
        return _carry_out(client, log, record)


def _champion_before(log: Log, version: str) -> str | None:
    """Give the champion that `version` took over from when it was last promoted."""
    took_over = [entry.record for entry in log.entries if entry.record.action == "promoted"]
    return next((record.champion_before for record in reversed(took_over) if record.version == version), None)


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
        moved = _moved(log, aliases)
        if not moved:
            return log
        looks = looks + 1 if log.end == before.end else 0
        if looks == LOOKS:
            break
        time.sleep(SECONDS_BETWEEN_LOOKS)
    raise ServiceError(
        "; ".join(moved),
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
        _settle(client, log)
    return log


def repair(uri: str, name: str, reason: str) -> Record:
    """Put on record in which way the log is broken, and why decisions may go on behind it.

    Where the log is whole and aliases were moved by hand, they are put back where it left them.

    Raises
    ------
    RefusedError
        If nothing is wrong with either.
    """
    if not reason.strip():
        raise ConfigError("a repair needs a reason", where="--repair", expected="how the log came to be broken")
    client = connect(uri)
    with explained(uri):
        log = read_log(client, name)
        aliases = aliases_of(client, name)
        if log.faults:
            return repair_log(client, name, log, reason.strip(), aliases).record
        moved = _moved(log, aliases)
        if not moved:
            raise RefusedError(
                "the log is whole and no alias was moved by hand: there is nothing to repair", where=f"log of `{name}`"
            )
        (champion, previous), reasons = _left(log), (reason.strip(), *moved)
        now = (aliases.get(CHAMPION), champion), (aliases.get(PREVIOUS), previous)
        record = new_record(name, "repaired", champion or "", "", *now, reasons, {"faults": []})
        return _carry_out(client, log, record)


def _carry_out(client: MlflowClient, log: Log, record: Record) -> Record:
    entry = append(client, log, record)
    _settle(client, replace(log, entries=(*log.entries, entry)))
    return entry.record


def _settle(client: MlflowClient, log: Log) -> None:
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

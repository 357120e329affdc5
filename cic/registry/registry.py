"""What is decided of the versions of a model: promotions, rollbacks, repairs, each a record that is carried out."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from cic.errors import ConfigError, RefusedError
from cic.registry.log import Log, Overtaken, decided_upon, look_at, read_log
from cic.registry.moving import carry_out, left_at, moved, recover
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
from cic.tracking.store import connect, explained

if TYPE_CHECKING:
    from cic.registry.gate import Decision

__all__ = [
    "Version",
    "current",
    "drift",
    "find",
    "history",
    "promote",
    "repair",
    "rollback",
    "until_settled",
    "versions",
    "withdrawal",
]

ATTEMPTS = 5
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
    return moved(log, aliases)


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
        return carry_out(client, log, record)


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
        return carry_out(client, log, record)


def _champion_before(log: Log, version: str) -> str | None:
    """Give the champion that `version` took over from when it was last promoted."""
    took_over = [entry.record for entry in log.entries if entry.record.action == "promoted"]
    return next((record.champion_before for record in reversed(took_over) if record.version == version), None)


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
        by_hand = moved(log, aliases)
        if not by_hand:
            raise RefusedError(
                "the log is whole and no alias was moved by hand: there is nothing to repair", where=f"log of `{name}`"
            )
        (champion, previous), reasons = left_at(log), (reason.strip(), *by_hand)
        now = (aliases.get(CHAMPION), champion), (aliases.get(PREVIOUS), previous)
        record = new_record(name, "repaired", champion or "", "", *now, reasons, {"faults": []})
        return carry_out(client, log, record)

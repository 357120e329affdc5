"""The log of decisions: append-only, shared by all who use the registry, and checkable.

It is an MLflow experiment with one run a record. The record is a parameter of the run, since MLflow lets nobody change
a parameter; it holds the hash of the record before it, so that a record which was altered or taken out shows. A record
is written before the aliases move and its run ends after they have moved: one whose run is still open says what an
interrupted move was about to do.
"""

from __future__ import annotations

import getpass
import hashlib
import json
import os
import socket
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal

from mlflow import MlflowClient
from mlflow.entities import Param, Run, ViewType

from cic.errors import ServiceError
from cic.tracking.store import all_runs, experiment_id

EXPERIMENT = "cic-registry"
TAG_MODEL = "cic.model"
LONGEST_PARAM = 6000
LONGEST_REASON = 500
FIRST = "0" * 64
NO_FILES = "file:///dev/null"
"""Runs of the log hold no files, so they need no place for them."""

Action = Literal["promoted", "refused", "rolled_back"]


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


@dataclass(frozen=True)
class Entry:
    """A record as it stands in the log; `open` if the move that it announces was not finished."""

    record: Record
    run_id: str
    open: bool


@dataclass(frozen=True)
class Log:
    """All records of one model, oldest first, and what is wrong with them."""

    entries: tuple[Entry, ...]
    faults: tuple[str, ...]

    @property
    def last(self) -> Entry | None:
        """The newest record, if there is one."""
        return self.entries[-1] if self.entries else None


def read_log(client: MlflowClient, model: str) -> Log:
    """Read the log of one model, deleted runs included, and check its chain."""
    known = client.get_experiment_by_name(EXPERIMENT)
    if known is None:
        return Log((), ())
    runs = all_runs(client, known.experiment_id, f"tags.`{TAG_MODEL}` = '{model}'", ViewType.ALL)
    # a run without its record was killed before it could write it, and one that FAILED lost to another at that time
    written = [run for run in runs if "record" in run.data.params and run.info.status != "FAILED"]
    faults: list[str] = []
    entries: list[Entry] = []
    for run in written:
        try:
            record = Record.parse(run.data.params["record"])
        except (json.JSONDecodeError, KeyError, TypeError) as error:
            faults.append(f"the record in run {run.info.run_id} is not readable: {error}")
            continue
        entries.append(Entry(record, run.info.run_id, run.info.status == "RUNNING"))
    entries.sort(key=lambda entry: entry.record.number)
    before = FIRST
    for place, entry in enumerate(entries, start=1):
        if entry.record.number != place:
            faults.append(f"record {entry.record.number} stands in place {place}: one is missing or there twice")
            before = entry.record.before
        if entry.record.before != before:
            faults.append(f"record {entry.record.number} does not follow from the one before it: one was altered")
        before = entry.record.hash
    return Log(tuple(entries), tuple(faults))


def append(client: MlflowClient, log: Log, record: Record) -> Entry:
    """Write `record` after the last of `log` and leave its run open, until `close`.

    Raises
    ------
    ServiceError
        If somebody else wrote a record at the same time; then nothing was decided here.
    """
    last = log.last
    record = replace(
        record,
        number=last.record.number + 1 if last else 1,
        before=last.record.hash if last else FIRST,
        reasons=tuple(reason[:LONGEST_REASON] for reason in record.reasons),
    )
    text = record.text()
    if len(text) > LONGEST_PARAM:
        raise ValueError(f"a record of {len(text)} characters, MLflow takes {LONGEST_PARAM}")
    within = experiment_id(client, EXPERIMENT, NO_FILES)
    run = client.create_run(within, tags={TAG_MODEL: record.model}, run_name=f"{record.number:04d} {record.action}")
    client.log_batch(run.info.run_id, params=[Param("record", text), Param("hash", record.hash)])
    if _beaten(run, read_log(client, record.model), record):
        client.set_terminated(run.info.run_id, "FAILED")
        raise ServiceError(
            f"somebody else decided on `{record.model}` at the same moment",
            where="registry log",
            fix="run it again: the decision has to be made upon the new state",
        )
    return Entry(record, run.info.run_id, open=True)


def _beaten(mine: Run, log: Log, record: Record) -> bool:
    """Say whether another record took the number: one that is carried out already, or else the lowest run id."""
    me = mine.info.run_id
    rivals = [entry for entry in log.entries if entry.record.number == record.number and entry.run_id != me]
    return any(not entry.open or entry.run_id < me for entry in rivals)


def settle_rivals(client: MlflowClient, log: Log) -> None:
    """Strike out records whose writer died just after another had written one with the same number."""
    for entry in log.entries:
        rivals = [other for other in log.entries if other.record.number == entry.record.number and other is not entry]
        if entry.open and any(not other.open or other.run_id < entry.run_id for other in rivals):
            client.set_terminated(entry.run_id, "FAILED")


def close(client: MlflowClient, entry: Entry) -> None:
    """Say that what the record announces has been done."""
    client.set_terminated(entry.run_id, "FINISHED")


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

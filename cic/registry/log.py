"""The log of decisions: append-only, shared by all who use the registry, and checkable.

It is a chain of runs in an MLflow experiment of its own, one run a record. The record is a parameter of its run, since
MLflow lets nobody change a parameter, and holds the hash of the record before it, so that one which was altered or
taken out shows; the newest is held against the tag of the version that it decided upon.

What follows a record is a parameter of that record's run. The database holds a parameter of a run once, so of two who
decide at the same moment one gets the place and the other is sent back, whatever the order in which they write. The
chain begins at an anchor, a run named by an experiment of the model's, of which there can be but one by that name.

A record is written before the aliases move, and its run ends after they have moved: one whose run is still open says
what an interrupted move was about to do.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Param, Run, ViewType
from mlflow.exceptions import MlflowException

from cic.errors import ServiceError
from cic.registry.record import FIRST, Record
from cic.tracking.store import all_runs, experiment_id

EXPERIMENT = "cic-registry"
TAG_MODEL = "cic.model"
TAG_ANCHOR = "cic.anchor"
TAG_RECORD = "cic.record"
"""Of a version: the hash of the newest record about it."""
NEXT = "next"
"""Parameter of a run: the run of the record that follows; behind a repair `next1` and so on."""
LONGEST_PARAM = 6000
LONGEST_REASON = 500
HELD_OUT_DIGITS = 16
"""Of the digest of held-out profiles, as decisions are counted by."""
NO_FILES = "file:///dev/null"
"""Runs of the log hold no files, so they need no place for them."""


class Overtaken(ServiceError):
    """Somebody else decided meanwhile: judge again, upon the new state."""


@dataclass(frozen=True)
class Entry:
    """A record as it stands in the log; `open` if the move that it announces was not finished."""

    record: Record
    run_id: str
    open: bool


@dataclass(frozen=True)
class Log:
    """All records of one model, oldest first, and what is wrong with them.

    Attributes
    ----------
    faults
        What is wrong that no repair has put on record.
    end
        Id of the run at the end of the chain, behind which the next record goes; `None` before the first.
    number, before
        Of the next record.
    """

    entries: tuple[Entry, ...]
    faults: tuple[str, ...]
    end: str | None
    number: int
    before: str

    @property
    def last(self) -> Entry | None:
        """The newest record, if there is one."""
        return self.entries[-1] if self.entries else None


def read_log(client: MlflowClient, model: str) -> Log:
    """Read the log of one model along its chain, deleted runs included, and check it.

    A run that is not in the chain decided nothing: its writer was killed, or lost to another.
    """
    named = _records_named(client, model)  # before the records: a version names one only when it is there
    known, within = client.get_experiment_by_name(marker(model)), client.get_experiment_by_name(EXPERIMENT)
    at = known.tags.get(TAG_ANCHOR) if known is not None else None
    runs: dict[str, Run] = {}
    if within is not None:
        found = all_runs(client, within.experiment_id, f"tags.`{TAG_MODEL}` = '{model}'", ViewType.ALL)
        runs = {run.info.run_id: run for run in found}
    entries: list[Entry] = []
    faults: list[str] = []
    mended: set[str] = set()
    end, key, before, place = None, NEXT, FIRST, 0
    if at is not None and at not in runs:
        faults.append(f"the run {at}, at which the log begins, is gone")
    while at in runs:
        run, end = runs[at], at
        if place:
            record = _record_of(run, faults)
            if record is not None:
                if record.number != place:
                    faults.append(f"record {record.number} stands in place {place}")
                if record.before != before:
                    faults.append(f"record {record.number} does not follow from the one before it: one was altered")
                if record.action == "repaired":
                    mended |= set(record.figures["faults"])
                elif key != NEXT:
                    faults.append(f"record {record.number} was put in the place of another one without a repair")
                entries.append(Entry(record, at, run.info.status == "RUNNING"))
            before = record.hash if record else run.data.params.get("hash", FIRST)
        key = _newest_pointer(run)
        at, place = run.data.params.get(key), place + 1
        if at is not None and at not in runs and (late := _run_of(client, at, model)) is not None:
            runs[at] = late  # put there while the others were listed
        if at is not None and at not in runs:
            faults.append(f"the record in place {place}, run {at}, is gone")
    faults += _against_versions(named, entries)
    left = tuple(fault for fault in faults if short_name(fault) not in mended)
    return Log(tuple(entries), left, end, max(place, 1), before)


def _record_of(run: Run, faults: list[str]) -> Record | None:
    """Read the record of a run, and hold it against the hash beside it."""
    try:
        record = Record.parse(run.data.params["record"])
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        faults.append(f"the record in run {run.info.run_id} is not readable: {error}")
        return None
    if record.hash != run.data.params.get("hash"):
        faults.append(f"record {record.number} is not what was written: its hash is another")
    return record


def _records_named(client: MlflowClient, model: str) -> dict[str, str]:
    """Give the hash of the newest record about each version that has one, as the version's tag names it."""
    return {
        str(one.version): one.tags[TAG_RECORD]
        for one in client.search_model_versions(f"name = '{model}'", max_results=10_000)
        if TAG_RECORD in one.tags
    }


def _against_versions(named: Mapping[str, str], entries: list[Entry]) -> list[str]:
    """Hold the records against the tags by which versions name the newest one about them."""
    hashes: dict[str, set[str]] = {}
    for entry in entries:
        hashes.setdefault(entry.record.version, set()).add(entry.record.hash)
    return [
        f"version {version} names the record {named[version][:12]}, which is not in the log: it was altered or taken "
        "out"
        for version in sorted(named, key=int)
        if named[version] not in hashes.get(version, set())
    ]


def _run_of(client: MlflowClient, run_id: str, model: str) -> Run | None:
    """Give a run of the model's log; `None` if there is none."""
    try:
        run = client.get_run(run_id)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return None
    return run if run.data.tags.get(TAG_MODEL) == model else None


def _newest_pointer(run: Run) -> str:
    """Give the parameter that names the run which follows: behind a repair that is what the repair says."""
    pointers = [key for key in run.data.params if key.startswith(NEXT)]
    return max(pointers, key=lambda key: int(key[len(NEXT) :] or 0), default=NEXT)


def short_name(fault: str) -> str:
    """Give a short name of a fault, by which a repair puts it on record."""
    return hashlib.sha256(fault.encode()).hexdigest()[:16]


def append(client: MlflowClient, log: Log, record: Record, repair: bool = False) -> Entry:
    """Write `record` after the last of `log` and leave its run open, until `close`.

    Parameters
    ----------
    repair
        Whether to go on where the chain is broken.

    Raises
    ------
    Overtaken
        If somebody else wrote a record since `log` was read; then nothing was decided here.
    """
    record = replace(
        record,
        number=log.number,
        before=log.before,
        reasons=tuple(reason[:LONGEST_REASON] for reason in record.reasons),
    )
    text = record.text()
    if len(text) > LONGEST_PARAM:
        raise ValueError(f"a record of {len(text)} characters, MLflow takes {LONGEST_PARAM}")
    within = experiment_id(client, EXPERIMENT, NO_FILES)
    end = log.end or _anchor(client, record.model, within)
    behind = client.get_run(end)
    if behind.info.lifecycle_stage == "deleted":
        client.restore_run(end)
    run = client.create_run(within, tags={TAG_MODEL: record.model}, run_name=f"{record.number:04d} {record.action}")
    run_id = run.info.run_id
    client.log_batch(run_id, params=[Param("record", text), Param("hash", record.hash)])
    taken = sum(key.startswith(NEXT) for key in behind.data.params)
    if not _write_once(client, end, NEXT + (str(taken) if repair and taken else ""), run_id):
        client.set_terminated(run_id, "KILLED")
        raise Overtaken(
            f"somebody else decided on `{record.model}` at the same moment",
            where="registry log",
            fix="run it again: the decision has to be made upon the new state",
        )
    return Entry(record, run_id, open=True)


def _anchor(client: MlflowClient, model: str, within: str) -> str:
    """Give the run at which the chain of a model begins; of several who make one at once, all get the same."""
    run_id = new_anchor(client, model, within)
    try:
        client.create_experiment(marker(model), NO_FILES, {TAG_ANCHOR: run_id})
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
        client.delete_run(run_id)
        return str(client.get_experiment_by_name(marker(model)).tags[TAG_ANCHOR])  # type: ignore[union-attr]
    return run_id


def new_anchor(client: MlflowClient, model: str, within: str) -> str:
    """Make a run at which the chain of a model can begin, and give its id."""
    run_id = client.create_run(within, tags={TAG_MODEL: model}, run_name=f"the log of {model}").info.run_id
    client.set_terminated(run_id)
    return str(run_id)


def _write_once(client: MlflowClient, run_id: str, key: str, value: str) -> bool:
    """Write a parameter of a run unless it has another value; say whether it has this one."""
    try:
        client.log_param(run_id, key, value)
    except MlflowException:
        held = client.get_run(run_id).data.params.get(key)
        if held is None:
            raise
        return bool(held == value)
    return True


def marker(model: str) -> str:
    """Name the experiment that says where the log of a model begins."""
    return f"{EXPERIMENT}/{model}"


def close(client: MlflowClient, entry: Entry) -> None:
    """Say that what the record announces has been done."""
    client.set_terminated(entry.run_id, "FINISHED")


def look_at(log: Log, held_out: str, bundle_digest: str) -> int:
    """Give the how many-th model this is that is decided upon by the same held-out profiles; of one known, its place.

    Parameters
    ----------
    held_out
        Digest of the profiles, as in the figures of the decisions.
    """
    seen: list[str] = []
    for entry in log.entries:
        used = {figures.get("held_out") for figures in decided_upon(entry.record.figures)}
        if held_out in used and entry.record.bundle_digest not in seen:
            seen.append(entry.record.bundle_digest)
    return seen.index(bundle_digest) + 1 if bundle_digest in seen else len(seen) + 1


def decided_upon(figures: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Give the figures of each set of profiles that a decision was made upon: test part, validations, sealed ones."""
    return [figures, *figures.get("validation", {}).values(), figures.get("sealed", {})]

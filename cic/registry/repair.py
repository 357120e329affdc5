"""What is done about a broken log: the break is put on record."""

from __future__ import annotations

from collections.abc import Mapping

from mlflow import MlflowClient

from cic.registry.log import EXPERIMENT, NO_FILES, TAG_ANCHOR, Entry, Log, append, close, marker, new_anchor, short_name
from cic.registry.record import new_record
from cic.tracking.store import experiment_id


def repair(client: MlflowClient, model: str, log: Log, reason: str, aliases: Mapping[str, str]) -> Entry:
    """Put on record that the log is broken, and how, so that decisions can go on behind it.

    Nothing is taken back or hidden: the faults stay in the chain, named by this record.
    """
    champion, previous = aliases.get("champion"), aliases.get("previous")
    faults = {"faults": [short_name(fault) for fault in log.faults]}
    told = tuple(fault[:200] for fault in log.faults[:10])
    record = new_record(
        model, "repaired", champion or "", "", (champion, champion), (previous, previous), (reason, *told), faults
    )
    known = client.get_experiment_by_name(marker(model))
    if log.end is None and known is not None:  # where it began is gone
        within = experiment_id(client, EXPERIMENT, NO_FILES)
        client.set_experiment_tag(known.experiment_id, TAG_ANCHOR, new_anchor(client, model, within))
    entry = append(client, log, record, repair=True)
    close(client, entry)
    return entry

"""The durable study: finished trials only, each written once and sealed, in order of number.

A trial in flight is not in it, so a coordinator that was killed leaves nothing behind to clean up: the trials of
the round it was at are asked again, with the same parameters and seeds. Two coordinators at once write the same
records twice, and reading takes the first of each key.

The seal is a hash over all that is kept of a trial, with the name of its study. A trial that was altered since, or
brought from another study, is an error; one that was deleted is run again, with the same outcome. Studies of other
releases are never opened, since the sources are part of a study's name.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
import sqlalchemy
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, distribution_to_json
from optuna.trial import FrozenTrial, TrialState

from cic.config import digest
from cic.errors import DataError, ServiceError
from cic.search.records import Record
from cic.search.space import LINEAR_INTERVALS, LOG_INTERVALS, Space

log = logging.getLogger(__name__)
STATES = {"complete": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "failed": TrialState.FAIL}
IN_MEMORY = "memory://"


@dataclass(frozen=True)
class Finished:
    """A record under its key in the study, and the seconds its trial took."""

    key: str
    record: Record
    seconds: float


def open_storage(url: str) -> optuna.storages.BaseStorage:
    """Open the database of studies; `memory://` keeps nothing.

    Raises
    ------
    ServiceError
        If it cannot be reached.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    if url == IN_MEMORY:
        return optuna.storages.InMemoryStorage()
    shown = url
    try:
        parsed = sqlalchemy.make_url(url)
        shown = parsed.render_as_string(hide_password=True)
        if parsed.get_backend_name() == "sqlite" and parsed.database:
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        return optuna.storages.RDBStorage(url)
    except (sqlalchemy.exc.SQLAlchemyError, OSError) as error:
        raise ServiceError(
            f"the database of searches cannot be opened: {str(error).splitlines()[0]}",
            where=shown,
            expected="sqlite:///FILE or postgresql://USER@HOST/DATABASE that answers",
            fix="check CIC_OPTUNA_URL, and that the server is up (`cic doctor`)",
        ) from error


def study_name(space: Space, identity: Mapping[str, Any]) -> str:
    """Give the study's name, a digest of the space and of all else that the outcome depends on, but not the budget."""
    return "cic-" + digest(json.dumps([space.describe(), dict(identity)], sort_keys=True))[:12]


def open_study(storage: optuna.storages.BaseStorage, space: Space, identity: Mapping[str, Any]) -> optuna.Study:
    """Open the study of exactly this space, data and settings, or begin it, saying what is new about it.

    Parameters
    ----------
    identity
        What the outcome depends on beside the space; `data` is the digest of the profiles.
    """
    name = study_name(space, identity)
    others = [] if name in optuna.get_all_study_names(storage) else optuna.get_all_study_summaries(storage)
    study = optuna.create_study(storage=storage, study_name=name, direction="minimize", load_if_exists=True)
    about = {"space": space.describe(), **identity}
    if study.user_attrs.get("about") is None:
        study.set_user_attr("about", about)
        earlier = [summary.user_attrs["about"] for summary in others if "about" in summary.user_attrs]
        same_data = [other for other in earlier if other.get("data") == identity.get("data")]
        if same_data:
            fewest = min((_differences(other, about) for other in same_data), key=len)
            log.warning("starting a new study, %s: %s", name, "; ".join(fewest))
    elif kept := len(read_finished(study)):
        log.info("%d trials of this search are kept from before", kept)
    return study


def open_companion(storage: optuna.storages.BaseStorage, study: optuna.Study, name: str) -> optuna.Study:
    """Open a second study that belongs to the first."""
    return optuna.create_study(
        storage=storage, study_name=f"{study.study_name}-{name}", direction="minimize", load_if_exists=True
    )


def _differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    changed = []
    if before["space"] != after["space"]:
        keys = sorted({*before["space"], *after["space"]})
        pairs = [(key, before["space"].get(key), after["space"].get(key)) for key in keys]
        changed.append("the space changed (" + ", ".join(f"{k} {a} -> {b}" for k, a, b in pairs if a != b) + ")")
    for key in sorted({*before, *after} - {"space"}):
        if before.get(key) != after.get(key):
            changed.append(f"{key} changed")
    return changed


def read_finished(study: optuna.Study) -> dict[str, Finished]:
    """Give the finished trials by key.

    Raises
    ------
    DataError
        If a trial is not what was written.
    ServiceError
        If the database cannot be read.
    """
    try:
        trials = study.get_trials(deepcopy=False)
    except (optuna.exceptions.OptunaError, sqlalchemy.exc.SQLAlchemyError) as error:
        raise ServiceError(
            f"the trials cannot be read: {str(error).splitlines()[0]}",
            where=f"study {study.study_name}",
            fix="look at the database of searches: `cic doctor`",
        ) from error
    except (ValueError, KeyError, TypeError) as error:  # what Optuna says of values that it did not write
        raise _altered(study.study_name, "a trial", f"not readable: {error}") from None
    finished: dict[str, Finished] = {}
    for trial in trials:
        kept = trial.user_attrs.get("finished")
        if not isinstance(kept, dict) or kept.get("sha256") != _seal(study.study_name, trial):
            raise _altered(study.study_name, f"trial {trial.number}", "not what the search wrote")
        finished.setdefault(kept["key"], Finished(kept["key"], Record.from_plain(kept["record"]), kept["seconds"]))
    return finished


def tell(study: optuna.Study, space: Space, done: Finished) -> None:
    """Write one finished trial, in one transaction."""
    record = done.record
    distributions = _durable_distributions(space)
    trial = optuna.create_trial(
        state=STATES[record.state],
        value=None if record.state == "failed" else record.error,
        params={name: getattr(record.hyper, name) for name in distributions},
        distributions=distributions,
        intermediate_values=dict(record.ratios_at_rungs),
    )
    # one attribute, as each costs a query
    kept = {"key": done.key, "record": record.to_plain(), "seconds": done.seconds}
    trial.set_user_attr("finished", kept)
    trial.set_user_attr("finished", {**kept, "sha256": _seal(study.study_name, trial)})
    study.add_trial(trial)


def _seal(study_name: str, trial: FrozenTrial) -> str:
    """Give the hash over what a study keeps of a trial: what the search reads, and what Optuna shows of it."""
    kept = {
        "study": study_name,
        "finished": {name: part for name, part in trial.user_attrs["finished"].items() if name != "sha256"},
        "state": trial.state.name,
        "value": trial.value,
        "params": trial.params,
        "distributions": {name: distribution_to_json(one) for name, one in trial.distributions.items()},
        "rungs": {str(epoch): ratio for epoch, ratio in trial.intermediate_values.items()},
    }
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()


def _altered(study: str, trial: str, found: str) -> DataError:
    return DataError(
        f"{trial} in the store of trials is {found}: it was altered since",
        where=f"study {study}, {trial}",
        expected="the trials as they were written, each under its SHA-256",
        fix=f"restore the database of searches, or start a new study and run all trials again: "
        f"optuna delete-study --study-name {study} --storage URL, with the URL of CIC_OPTUNA_URL or, without it, "
        "sqlite:///HOME/optuna.db",
    )


def _durable_distributions(space: Space) -> dict[str, BaseDistribution]:
    described: dict[str, Any] = space.describe()
    distributions: dict[str, BaseDistribution] = {}
    for name, values in described.items():
        if name in LOG_INTERVALS or name in LINEAR_INTERVALS:
            low, high = values
            distributions[name] = FloatDistribution(low, high, log=name in LOG_INTERVALS and low > 0)
        else:
            distributions[name] = CategoricalDistribution(values)
    return distributions

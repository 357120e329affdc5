"""The durable study: finished trials only, each written once, in order of number.

A trial in flight is not in it, so a coordinator that was killed leaves nothing behind to clean up: the trials of
the round it was at are asked again, with the same parameters and seeds. Two coordinators at once write the same
records twice, and reading takes the first of each key.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
import sqlalchemy
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.trial import TrialState

from cic.config import digest
from cic.errors import ServiceError
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
    """Give the finished trials by key."""
    finished: dict[str, Finished] = {}
    for trial in study.get_trials(deepcopy=False):
        kept = trial.user_attrs["finished"]
        finished.setdefault(kept["key"], Finished(kept["key"], Record.from_plain(kept["record"]), kept["seconds"]))
    return finished


def tell(study: optuna.Study, space: Space, done: Finished) -> None:
    """Write one finished trial, in one transaction."""
    record = done.record
    distributions = _durable_distributions(space)
    params = {name: getattr(record.hyper, name) for name in distributions}
    study.add_trial(
        optuna.create_trial(
            state=STATES[record.state],
            value=None if record.state == "failed" else record.error,
            params=params,
            distributions=distributions,
            intermediate_values=dict(record.ratios_at_rungs),
            # one attribute, as each costs a query
            user_attrs={"finished": {"key": done.key, "record": record.to_plain(), "seconds": done.seconds}},
        )
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

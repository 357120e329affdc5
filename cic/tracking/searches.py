"""A search as MLflow shows it: its run is opened, gets a child a trial, and is closed with what was found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from cic.config import Params, digest
from cic.errors import ServiceError
from cic.search.storage import Finished
from cic.search.study import Round, SearchOutcome
from cic.settings import Settings
from cic.tracking.lineage import flat_params, shown_hyperparameters
from cic.tracking.pages import shown_artifact
from cic.tracking.runs import TAG_NOTE, experiment_of, reap_dead_runs
from cic.tracking.search_note import search_note
from cic.tracking.search_runs import TrialRow, finish_search_run, log_trials, mark_chosen, open_search_run


@dataclass(frozen=True)
class ShownSearch:
    """The open run of a search.

    Attributes
    ----------
    uri
        Of MLflow.
    run_id
        Of the run.
    """

    uri: str
    run_id: str

    def log_round(self, finished: Round) -> None:
        """Log the trials of a round, as far as they are not."""
        log_trials(self.uri, self.run_id, [_trial_row(each) for each in finished.finished])

    def close(self, outcome: SearchOutcome, surface: Path, figures: Sequence[Path]) -> None:
        """Close the run with the choice's error, how trials ended, and a description with the picture `surface`."""
        chosen = outcome.choice.finalist
        states = Counter(record.state for record in outcome.records)
        summary: dict[str, float] = {
            "error_validation_over_pca": chosen.mean / chosen.pca_error,
            "error_validation": chosen.mean,
            **{f"trials_{state}": states[state] for state in ("complete", "pruned", "failed")},
        }
        picture = shown_artifact(self.run_id, f"figures/{surface.name}")
        note = f"{search_note(outcome.records, outcome.choice)}\n\n{picture}"
        mark_chosen(self.uri, self.run_id, chosen.number)
        tags = {"cic.choice": outcome.choice.reason, TAG_NOTE: note}
        finish_search_run(self.uri, self.run_id, summary, (surface, *figures), tags)


@contextmanager
def shown_search(params: Params, identity: Mapping[str, str], settings: Settings) -> Iterator[ShownSearch]:
    """Open the run of a search, or the one it had, for the block; where that fails, the run is set to KILLED.

    Parameters
    ----------
    identity
        Digests of what the search depends on beside its own parameters.
    """
    uri = settings.tracking_uri
    experiment = experiment_of(params.data.name)
    reap_dead_runs(uri, experiment)
    run_id = open_search_run(
        uri,
        experiment,
        digest(params.seed, params.search, *identity.values()),
        f"{params.data.name} search of {params.search.trials} trials",
        flat_params(
            {
                "seed": params.seed,
                "search": params.search.model_dump(mode="json"),
                "training": params.training.model_dump(mode="json"),
            }
        ),
        {"cic.data_file": params.data.file},
        settings.artifact_location,
    )
    try:
        yield ShownSearch(uri, run_id)
    except BaseException:
        with suppress(ServiceError):  # if MLflow is gone too, the first error is the one to show
            finish_search_run(uri, run_id, {}, status="KILLED")
        raise


def _trial_row(finished: Finished) -> TrialRow:
    record = finished.record
    metrics: dict[str, float] = {}
    if record.error is not None and record.error_ratio_to_pca is not None:
        metrics = {"error_validation": record.error, "error_validation_over_pca": record.error_ratio_to_pca}
    metrics |= {"seconds": finished.seconds, "trained_epochs": record.epochs}
    parameters = shown_hyperparameters(record.hyper.model_dump())
    return TrialRow(record.number, record.state, record.reason, record.seed, parameters, metrics)

"""External validations beside the run of the model that they are of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path

from cic.tracking.files import TAG_VALIDATION
from cic.tracking.runs import log_in_batches
from cic.tracking.store import connect, explained, files_kept, insist

FOLDER = "validation"
"""Of a run: below it a folder a validation."""


def log_validation(
    uri: str,
    run_id: str,
    version: tuple[str, str],
    name: str,
    *,
    files: Iterable[Path],
    metrics: Mapping[str, float],
    sha256: str,
    told: str,
    artifacts_uri: str | None = None,
) -> None:
    """Log a validation with the run of a version; one of the same name takes the place of the one before.

    Parameters
    ----------
    version
        Name and number of the registered version.
    name
        Of the validation: it begins the names of the metrics, as `validation.NAME.`.
    sha256
        Of the file that was measured on.
    told
        What it came to, in a sentence.
    """
    client = connect(uri)
    with explained(uri), files_kept(artifacts_uri or uri):
        for path in files:
            client.log_artifact(run_id, str(path), f"{FOLDER}/{name}")
        named = {f"validation.{name}.{metric}": value for metric, value in metrics.items()}
        log_in_batches(client, run_id, metrics=named, tags={TAG_VALIDATION + name: sha256})
        insist(partial(client.set_model_version_tag, *version, TAG_VALIDATION + name, told))

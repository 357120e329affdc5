"""A validation from the file to the record with the version, as both doors call it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cic.config import Evaluate
from cic.data.provenance import digest_of
from cic.registry.registry import Version
from cic.settings import Settings
from cic.using.model import Model
from cic.validation.kept import log, name_of, registered, write
from cic.validation.measure import Validated, measure
from cic.validation.profiles import read_profiles


def validate(
    model: Model,
    file: Path,
    folder: Path,
    *,
    name: str | None = None,
    reading: Mapping[str, Any] | None = None,
    columns: Mapping[str, str | None] | None = None,
    label_map: Path | None = None,
    evaluate: Evaluate | None = None,
    seed: int = 0,
    settings: Settings | None = None,
) -> tuple[Validated, Version | None]:
    """Measure a model on a file, write what was found, and log it with the version if the model is registered.

    Parameters
    ----------
    file
        Of any kind that can be imported.
    folder
        Gets `validation.html`, `validation.json`, `profiles.csv` and `types.csv`.
    name
        Of the validation; that of the file unless given.
    reading, columns, label_map
        As of `cic.validation.profiles.read_profiles`.
    evaluate
        Resamples and confidence of the intervals; the defaults unless given.
    settings
        Where the registry is; without them nothing is logged.

    Returns
    -------
    tuple
        What was found, and the version that it was logged with, if any.

    Raises
    ------
    DataError
        If the file cannot be read, or the model was trained on all of it.
    ModelError
        If the profiles do not fit the model.
    ServiceError
        If the registry does not answer; that is asked first.
    """
    version = None if settings is None else registered(model, settings)
    matrix = read_profiles(file, model.bundle, reading or {}, columns or {}, label_map)
    made = measure(model, matrix, name_of(file, name), digest_of(file), evaluate or Evaluate(), seed)
    files = write(folder, made, model.bundle.preprocessor.gene_unit)
    if version is not None and settings is not None:
        log(settings, version, files, made)
    return made, version

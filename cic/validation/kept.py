"""What a validation leaves: a folder with its page and tables, and a record with the version in MLflow."""

from __future__ import annotations

import re
from contextlib import ExitStack
from pathlib import Path

from cic.data.spreadsheet import write_csv
from cic.evaluation.metrics import as_json
from cic.evaluation.statistics.intervals import Interval
from cic.folders import write_json
from cic.registry.registry import Version, find
from cic.settings import Settings
from cic.tracking.validations import log_validation
from cic.using.model import Model
from cic.validation.found import Validation
from cic.validation.measure import Validated
from cic.validation.page import render
from cic.validation.sentences import headline
from cic.written import whole

PAGE, FIGURES, PROFILES, TYPES = "validation.html", "validation.json", "profiles.csv", "types.csv"


def name_of(file: Path, given: str | None = None) -> str:
    """Give what a validation is called: as given, else as the file without its suffixes, fit for names of metrics."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", given or file.name.split(".")[0]).strip("-") or "validation"


def write(folder: Path, made: Validated, gene_unit: str) -> list[Path]:
    """Write the page, the figures and the tables, and give their paths; all are there before the first has its name.

    Parameters
    ----------
    gene_unit
        What the error of a gene is in.
    """
    rendered = render(made, gene_unit)
    paths = [folder / name for name in (PAGE, FIGURES, PROFILES, TYPES)]
    with ExitStack() as all_of_them:
        page, figures, profiles, types = (all_of_them.enter_context(whole(path)) for path in paths)
        page.write_text(rendered)
        write_json(figures, as_json(made.found))
        write_csv(made.profiles.rename_axis("sample_id"), profiles, index=True)
        write_csv(made.types, types, index=False)
    return paths


def registered(model: Model, settings: Settings) -> Version | None:
    """Give the version that a model is, by its stamp; `None` for a bundle in a folder.

    Raises
    ------
    ServiceError
        If the registry does not answer.
    """
    if model.stamp.startswith("bundle:"):
        return None
    return find(settings.tracking_uri, *model.stamp.rsplit("/", 1))


def log(settings: Settings, version: Version, files: list[Path], made: Validated) -> None:
    """Keep a validation with the run of the version: its files, a few metrics, and the digest of what it was on."""
    about = made.found.about
    log_validation(
        settings.tracking_uri,
        version.run_id,
        (version.name, version.version),
        about.name,
        files=files,
        metrics=figures(made.found),
        sha256=about.sha256,
        told=headline(made.found, made.types),
        artifacts_uri=settings.artifact_location,
    )


def figures(found: Validation) -> dict[str, float]:
    """Give the few figures that the page of runs shows, as far as there are."""
    told: dict[str, Interval | float] = {
        "error_over_pca": found.reconstruction.ratio_to_pca,
        "unexplained": found.reconstruction.unexplained["model"],
        "coverage": found.genes.coverage,
    }
    if found.cell_types is not None:
        told |= {name: getattr(found.cell_types, name) for name in ("accuracy", "balanced_accuracy")}
    if found.unknowns is not None:
        told["unknown_found"] = found.unknowns.found
    if found.shift is not None:
        told["median_error_ratio"] = found.shift.median_error_ratio
    return {name: one.value if isinstance(one, Interval) else one for name, one in told.items()}

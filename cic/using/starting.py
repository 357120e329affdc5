"""Bringing the model that trainings start from to where the stages read it; both doors do so before any stage."""

from __future__ import annotations

from pathlib import Path

from cic.config import Params
from cic.model.bundle_files import copy_bundle
from cic.registry.fetched import MODELS, RUNS
from cic.registry.starting import fetch_start, is_fetched
from cic.settings import Settings, start_folder
from cic.using.loading import registry_of


def bring_start(params: Params, settings: Settings) -> None:
    """Put the model of `training.start_from` below `CIC_HOME`.

    Raises
    ------
    ConfigError
        If there is no such model.
    ModelError
        If its files are gone or damaged.
    ServiceError
        If its store does not answer.
    """
    reference = params.training.start_from
    if reference is None:
        return
    if not reference.startswith((MODELS, RUNS)):
        copy_bundle(Path(reference), start_folder(reference, settings.home))
    elif not is_fetched(reference, settings):
        with registry_of(reference, Path("params.yaml")) as (known, named):
            fetch_start(known.tracking_uri, named, settings, known.artifacts_uri)

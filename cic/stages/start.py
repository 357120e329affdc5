"""The model that trainings start from (`training.start_from`)."""

from __future__ import annotations

from cic.config import Params
from cic.data.matrix import ExpressionMatrix
from cic.model.bundle import Bundle
from cic.model.bundle_files import load_bundle
from cic.model.start import check_start
from cic.settings import Settings, start_folder


def lender(params: Params, matrix: ExpressionMatrix, settings: Settings) -> Bundle | None:
    """Read the model that trainings on these profiles are to start from; `None` where they start from nothing.

    Raises
    ------
    ConfigError, DataError, ModelError
        If it is not there, or nothing can be started from it (`cic.model.start.check_start`).
    """
    if params.training.start_from is None:
        return None
    bundle = load_bundle(start_folder(params.training.start_from, settings.home))
    check_start(bundle, matrix, params.preprocess.transform, params.preprocess.within_sample)
    return bundle

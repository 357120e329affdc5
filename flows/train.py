"""Flow `cic-train`: from the data to a registered model, or to a reason why not."""

from __future__ import annotations

from typing import Any

from prefect import flow

from cic.config import Params
from cic.pipeline import STAGES
from flows.form import takes
from flows.promote import finish
from flows.runs import run_stages


@flow(name="cic-train", log_prints=True)
@takes(*Params.model_fields)
def cic_train(params: Params) -> dict[str, Any]:
    """Pull, check, split, search, fit, evaluate, and let the gate decide.

    Every parameter is a section of `params.yaml`, whose fields override those of the file: what is left out, or left as
    the form shows it, stays as the file has it. A refusal of the gate is an outcome, not a failure.
    """
    folders = run_stages(params, STAGES)
    return finish(params, folders)

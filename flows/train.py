"""Flow `cic-train`: from the data to a registered model, or to a reason why not."""

from __future__ import annotations

from typing import Any

from prefect import flow

from cic.config import Params
from cic.stage_list import STAGES
from flows.form import takes
from flows.names import note_failure, run_name
from flows.promote import finish
from flows.runs import run_stages


@flow(
    name="cic-train",
    flow_run_name=run_name,
    log_prints=True,
    on_failure=[note_failure],
    on_crashed=[note_failure],
)
@takes(*Params.model_fields)
def cic_train(params: Params) -> dict[str, Any]:
    """Pull, check, split, search, fit, evaluate, and let the gate decide.

    Every parameter is a section of `params.yaml`, whose fields override those of the file: what is left out, or left as
    the form shows it, stays as the file has it. A refusal of the gate is an outcome, not a failure.
    """
    folders = run_stages(params, STAGES)
    return finish(params, folders)

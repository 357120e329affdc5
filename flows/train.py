"""Flow `cic-train`: from the data to a registered model, or to a reason why not."""

from __future__ import annotations

from typing import Any

from prefect import flow

from cic.config import Data, Evaluate, Fit, Preprocess, Registry, Search, Split, Training
from cic.pipeline import STAGES
from flows.names import note_failure, run_name
from flows.promote import finish
from flows.runs import resolve, run_stages


@flow(
    name="cic-train",
    flow_run_name=run_name,
    log_prints=True,
    on_failure=[note_failure],
    on_crashed=[note_failure],
)
def cic_train(
    seed: int | None = None,
    data: Data | None = None,
    split: Split | None = None,
    preprocess: Preprocess | None = None,
    training: Training | None = None,
    search: Search | None = None,
    fit: Fit | None = None,
    evaluate: Evaluate | None = None,
    registry: Registry | None = None,
) -> dict[str, Any]:
    """Pull, check, split, search, fit, evaluate, and let the gate decide.

    Every parameter is a section of `params.yaml`, whose fields override those of the file: what is left out stays as
    the file has it. A refusal of the gate is an outcome, not a failure.
    """
    params = resolve(
        seed,
        data=data,
        split=split,
        preprocess=preprocess,
        training=training,
        search=search,
        fit=fit,
        evaluate=evaluate,
        registry=registry,
    )
    folders = run_stages(params, STAGES)
    return finish(params, folders)

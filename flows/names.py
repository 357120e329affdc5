"""What a flow run is called, and what is kept of one that ends early."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from prefect import runtime

from cic.config import Params
from cic.errors import CicError
from cic.platform.flow_runs import look
from cic.publishing import write_failure
from cic.settings import load_settings
from flows.form import merged, overrides_of, plain, shown_here


def described(params: Params) -> str:
    """Give the name of a run: the data, the widths and the budget of the search, as `tcga · width 8-30 · 18 trials`."""
    trials = params.search.trials
    return f"{Path(params.data.file).stem} · width {_span(params.search.bottleneck_width)} · {trials} trials"


def _span(values: Sequence[int]) -> str:
    low, high = min(values), max(values)
    return str(low) if low == high else f"{low}-{high}"


def run_name() -> str:
    """Name the present flow run by its parameters; one whose parameters are wrong is named by that."""
    given = {name: value for name, value in runtime.flow_run.parameters.items() if name in Params.model_fields}
    try:
        return described(merged(overrides_of(plain(given), shown_here())))
    except CicError:
        return "wrong parameters"


def note_failure(flow: Any, flow_run: Any, state: Any) -> None:
    """Keep, for `cic show`, at which stage and why a run ended early: the hook of flows for that."""
    settings = load_settings()
    step = look(settings, str(flow_run.id)).failed_step if settings.prefect_api_url else None
    reason = state.message or state.name
    write_failure(settings, {"name": flow_run.name, "id": str(flow_run.id), "stage": step, "reason": reason})

"""What a flow run is called, and what is kept of one that ends early."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from prefect import runtime

from cic.config import Params, ParamsSection, parse_params
from cic.errors import CicError
from cic.platform.flow_runs import look
from cic.publishing import write_failure
from cic.settings import load_settings
from flows.runs import resolve


def described(params: Params) -> str:
    """Give the name of a run: the data, the widths and the budget of the search, as `tcga · width 8-30 · 18 trials`."""
    trials = params.search.trials
    return f"{Path(params.data.file).stem} · width {_span(params.search.bottleneck_width)} · {trials} trials"


def _span(values: Sequence[int]) -> str:
    low, high = min(values), max(values)
    return str(low) if low == high else f"{low}-{high}"


def run_name() -> str:
    """Name the present flow run by its parameters; one whose parameters are wrong is named by that."""
    given: dict[str, Any] = dict(runtime.flow_run.parameters)
    seed = given.pop("seed", None)
    try:
        sections = {name: _section(name, value) for name, value in given.items() if name in Params.model_fields}
        return described(resolve(seed, **sections))
    except CicError:
        return "wrong parameters"


def _section(name: str, value: Any) -> ParamsSection | None:
    if value is None or isinstance(value, ParamsSection):
        return value
    parse_params({"seed": 0, name: value})
    kind = type(getattr(Params(seed=0), name))
    return kind.model_validate(value)


def note_failure(flow: Any, flow_run: Any, state: Any) -> None:
    """Keep, for `cic show`, at which stage and why a run ended early: the hook of flows for that."""
    settings = load_settings()
    step = look(settings, str(flow_run.id)).failed_step if settings.prefect_api_url else None
    reason = state.message or state.name
    write_failure(settings, {"name": flow_run.name, "id": str(flow_run.id), "stage": step, "reason": reason})

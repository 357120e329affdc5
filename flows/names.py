"""What a flow run is called, and what is kept of one that ends early."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast

from coolname.data import config as word_lists
from prefect import runtime

from cic.config import Params
from cic.errors import CicError, ServiceError
from cic.platform.flow_runs import UNKNOWN, look
from cic.publishing import write_failure
from cic.settings import load_settings
from flows.form import merged, overrides_of, plain, shown_here

WORDS = cast(dict[str, dict[str, list[str]]], word_lists)
ADJECTIVES = ("adjective", "adjective_near", "noun_adjective", "prefix", "size")
ANIMALS = ("animal", "animal_breed", "animal_legendary")
"""The lists from which Prefect draws the two words of a name, where nobody gave one."""
STARS = re.compile(
    "(alpha|beta|gamma|delta|epsilon|zeta|eta|theta|iota|kappa|lambda|mu|nu|xi|omicron|pi|rho|sigma|tau|upsilon|phi|chi"
    "|psi|omega)[0-9]+-[a-z]+(-[a-z]+)*"
)
"""What its form of a run fills in, as `sigma4-orionis`. It draws one in nine without a number: that one is kept, as
somebody may well call a run `beta-vae`."""
NEW_FORM = re.compile("[A-Z][a-z]+-[A-Z][a-z]+")
"""What its newer form fills in, as `Unbranded-Swan`."""


def is_drawn(name: str) -> bool:
    """Tell whether Prefect or its form drew a name, as `bold-barnacle` or `sigma4-orionis`, or somebody gave it."""
    adjective, _, animal = name.rpartition("-")
    of_words = _is_in(ADJECTIVES, adjective) and _is_in(ANIMALS, animal)
    return of_words or STARS.fullmatch(name) is not None or NEW_FORM.fullmatch(name) is not None


def _is_in(kinds: Sequence[str], word: str) -> bool:
    return any(word in WORDS[kind]["words"] for kind in kinds)


def described(params: Params) -> str:
    """Give the name of a run: the data, the widths and the budget of the search, as `tcga · width 8-30 · 18 trials`."""
    trials = params.search.trials
    return f"{params.data.name} · width {_span(params.search.bottleneck_width)} · {trials} trials"


def _span(values: Sequence[int]) -> str:
    low, high = min(values), max(values)
    return str(low) if low == high else f"{low}-{high}"


def run_name() -> str:
    """Name the present flow run by its parameters and the time, unless somebody named it.

    One whose parameters are wrong is named by that.
    """
    present = str(runtime.flow_run.name)
    if not is_drawn(present):
        return present
    given = {name: value for name, value in runtime.flow_run.parameters.items() if name in Params.model_fields}
    try:
        name = described(merged(overrides_of(plain(given), shown_here())))
    except CicError:
        name = "wrong parameters"
    return f"{name} · {datetime.now():%Y-%m-%d %H:%M}"


def note_failure(flow: Any, flow_run: Any, state: Any) -> None:
    """Keep, for `cic show`, at which stage and why a run ended early: the hook of flows for that.

    Where the run's process was killed, the worker calls it, with the name that the run had before it began.
    """
    settings = load_settings()
    name, place = flow_run.name, UNKNOWN
    if settings.prefect_api_url:
        try:
            seen = look(settings, str(flow_run.id))
        except ServiceError:  # what is known shall be kept all the same
            pass
        else:
            name, place = seen.name, seen.where_ended
    reason = state.message or state.name
    write_failure(settings, {"name": name, "id": str(flow_run.id), "stage": place, "reason": reason})

"""Flow `cic-search`: search only, to compare architectures before training one."""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.artifacts import create_markdown_artifact

from cic.config import Params
from cic.folders import read_json
from cic.stage_list import STAGES
from flows.form import takes
from flows.names import run_name
from flows.runs import run_stages

SEARCHED = ("ingest", "split", "search")
SECTIONS = dict.fromkeys(section for stage in SEARCHED for section in STAGES[stage].sections)


@flow(name="cic-search", flow_run_name=run_name, log_prints=True)
@takes("seed", *SECTIONS)
def cic_search(params: Params) -> dict[str, Any]:
    """Pull, check, split and search; give the choice. Parameters as of `cic-train`."""
    folders = run_stages(params, SEARCHED)
    choice = read_json(folders["search"] / "choice.json")
    print(choice["reason"])
    create_markdown_artifact(choice["reason"], key="cic-choice", description="What the search chose, and why.")
    return choice

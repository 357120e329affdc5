"""Flow `cic-search`: search only, to compare architectures before training one."""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.artifacts import create_markdown_artifact

from cic.config import Data, Preprocess, Search, Split, Training
from cic.folders import read_json
from flows.names import run_name
from flows.runs import resolve, run_stages


@flow(name="cic-search", flow_run_name=run_name, log_prints=True)
def cic_search(
    seed: int | None = None,
    data: Data | None = None,
    split: Split | None = None,
    preprocess: Preprocess | None = None,
    training: Training | None = None,
    search: Search | None = None,
) -> dict[str, Any]:
    """Pull, check, split and search; give the choice. Parameters as of `cic-train`."""
    params = resolve(seed, data=data, split=split, preprocess=preprocess, training=training, search=search)
    folders = run_stages(params, ("ingest", "split", "search"))
    choice = read_json(folders["search"] / "choice.json")
    print(choice["reason"])
    create_markdown_artifact(choice["reason"], key="cic-choice", description="What the search chose, and why.")
    return choice

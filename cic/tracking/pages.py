"""Addresses of MLflow's pages such that they show something at first sight, and the views that they open with."""

from __future__ import annotations

import json
from collections.abc import Sequence
from urllib.parse import quote

from mlflow import MlflowClient

from cic.tracking.lineage import SHAPE
from cic.tracking.training_view import TABLE_VIEW, TRAINING, runs_page

CHART_VIEW = "cic-trials"
TAG_VIEW = "mlflow.sharedViewState."
"""Of an experiment, with a view's name: what its page shows, as the page's own button `Share` writes it."""
MOST_COMPARED = 100
"""The page of a comparison is slow beyond that."""
COLUMNS = (
    *("metrics.`error_test_over_pca`", "metrics.`error_validation_over_pca`"),
    *("params.`depth`", "params.`bottleneck_width`", "params.`hidden_width`"),
)
"""As many as can be seen without scrolling."""
SECTION, CHART = "cic-section", "cic-shape-against-error"


def prepare_views(client: MlflowClient, experiment: str) -> None:
    """Give an experiment's pages their columns, and their chart: the shape of each trial against its error."""
    chart = {
        "uuid": CHART,
        "type": "PARALLEL",
        "runsCountToCompare": MOST_COMPARED,
        "selectedParams": list(SHAPE),
        # by the last, the lines are coloured: errors of all widths can be compared, ratios to PCA of equal width cannot
        "selectedMetrics": ["error_validation_over_pca", "error_validation"],
        "metricSectionId": SECTION,
        "deleted": False,
        "isGenerated": False,
        "showAllRuns": False,
    }
    section = {"uuid": SECTION, "name": "Depth and widths against error", "display": True, "isReordered": False}
    section |= {"columns": 1, "cardHeight": 420}
    trials = {
        "searchFilter": "tags.`cic.kind` = 'trial'",
        "selectedColumns": list(COLUMNS),
        "runsHiddenMode": "SHOW_ALL",
        "compareRunCharts": [chart],
        "compareRunSections": [section],
    }
    for name, view in ((TABLE_VIEW, {"selectedColumns": list(COLUMNS)}), (CHART_VIEW, trials)):
        client.set_experiment_tag(experiment, f"{TAG_VIEW}{name}", json.dumps(view))


def chart_page(uri: str, experiment: str) -> str:
    """Address the chart of an experiment's trials."""
    return f"{runs_page(uri, experiment, CHART_VIEW)}&compareRunsMode=CHART"


def compare_page(uri: str, experiment: str, run_ids: Sequence[str]) -> str:
    """Address the comparison of runs, the first hundred of them: depth and widths against the error."""
    runs, within = (quote(json.dumps(ids, separators=(",", ":"))) for ids in ([*run_ids[:MOST_COMPARED]], [experiment]))
    return f"{uri}/#/compare-runs?runs={runs}&experiments={within}&{TRAINING}"


def run_page(uri: str, experiment: str, run_id: str, artifact: str = "") -> str:
    """Address a run, or one of its artifacts."""
    within = f"/artifacts/{quote(artifact)}" if artifact else ""
    return f"{uri}/#/experiments/{experiment}/runs/{run_id}{within}?{TRAINING}"


def shown_artifact(run_id: str, artifact: str) -> str:
    """Give the Markdown that shows a picture of a run in its description, on any server that has it."""
    return f"![{artifact}](get-artifact?path={quote(artifact, safe='')}&run_uuid={run_id})"


def linked_artifact(experiment: str, run_id: str, artifact: str, words: str) -> str:
    """Give the Markdown that leads from any page of a server to an artifact of a run."""
    return f"[{words}]({run_page('', experiment, run_id, artifact).removeprefix('/')})"


def version_page(uri: str, name: str, version: str) -> str:
    """Address a registered version."""
    return f"{uri}/#/models/{quote(name)}/versions/{version}?{TRAINING}"

"""Flow `cic-promote`, and the end of `cic-train`: log the model, let the gate decide, carry the decision out."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_link_artifact, create_markdown_artifact

from cic.config import Params, parse_params
from cic.evaluation.metrics import read_metrics
from cic.evaluation.report.summary import summary
from cic.publishing import judge, publish, settle, write_outcome
from cic.registry.gate import Decision
from cic.registry.registry import until_settled
from cic.registry.stored import judge_version
from cic.settings import load_settings
from cic.tracking.models import ModelRun
from flows.form import takes
from flows.runs import TRANSIENT, flow_run_id


@flow(name="cic-promote", log_prints=True)
@takes("registry")
def cic_promote(params: Params, version: str) -> dict[str, Any]:
    """Let the gate decide on a model that was registered before.

    Parameters
    ----------
    version
        Version number, alias or run id.
    """
    decision = judge_task(params.model_dump(mode="json"), version)
    print(f"{decision['outcome']}: {'; '.join(decision['reasons'])}")
    return decision


@task(name="judge", task_run_name="judge", **TRANSIENT)
def judge_task(params: dict[str, Any], version: str) -> dict[str, Any]:
    """Put a registered version through the gate, and carry the decision out."""
    _, decision = judge_version(load_settings().tracking_uri, parse_params(params).registry, version)
    return asdict(decision)


@task(name="publish", task_run_name="publish", **TRANSIENT)
def publish_task(params: dict[str, Any], folders: dict[str, str]) -> dict[str, Any]:
    """Log the evaluated model to MLflow and register its bundle."""
    parsed = parse_params(params)
    run = publish(parsed, _paths(folders), load_settings(), flow_run_id())
    get_run_logger().info("publish: models:/%s/%s, MLflow run %s", parsed.registry.name, run.version, run.run_id)
    return asdict(run)


@task(name="gate", task_run_name="gate", **TRANSIENT)
def gate_task(params: dict[str, Any], folders: dict[str, str]) -> dict[str, Any]:
    """Compare the model with PCA and with the champion, on the same held-out profiles."""
    decision = judge(parse_params(params), _paths(folders), load_settings())
    get_run_logger().info("gate: %s: %s", decision.outcome, "; ".join(decision.reasons))
    return asdict(decision)


@task(name="promote", task_run_name="promote", **TRANSIENT)
def promote_task(params: dict[str, Any], folders: dict[str, str], version: str, decision: dict[str, Any]) -> None:
    """Write the decision down, and move the aliases if it says so."""
    settle(parse_params(params), _paths(folders), version, _decision(decision), load_settings())
    get_run_logger().info("promote: version %s %s", version, decision["outcome"])


def finish(params: Params, folders: dict[str, Path]) -> dict[str, Any]:
    """Publish, judge and settle; leave artifacts that tell a reader of the flow run what came of it."""
    plain, texts = params.model_dump(mode="json"), {name: str(folder) for name, folder in folders.items()}
    run = ModelRun(**publish_task(plain, texts))
    decision = until_settled(
        lambda: _decision(gate_task(plain, texts)),
        lambda decided: promote_task(plain, texts, run.version, asdict(decided)),
    )
    outcome = write_outcome(params, folders, load_settings(), run, decision, flow_run_id())
    _show(params, folders, run, outcome)
    return outcome


def _show(params: Params, folders: dict[str, Path], run: ModelRun, outcome: dict[str, Any]) -> None:
    """Leave what came of it as an artifact, with the pages that show more."""
    uri, pages = load_settings().tracking_uri, outcome["pages"]
    lines = [f"| {label} | {value} |" for label, value in summary(read_metrics(folders["evaluate"] / "metrics.json"))]
    links = [f"- [{label} in MLflow]({uri}{page})" for label, page in pages.items()] if uri.startswith("http") else []
    markdown = "\n".join(
        [
            f"# {params.data.name}: version {run.version} of {params.registry.name} {outcome['decision']}",
            *(f"- {reason}" for reason in outcome["reasons"]),
            "",
            f"| data | `{params.data.file}` |",
            "|---|---|",
            *lines,
            "",
            *links,
            f"- report as a file: `{outcome['report']}`",
        ]
    )
    create_markdown_artifact(markdown, key="cic-summary", description=f"What the run on {params.data.name} came to.")
    if links:
        page, about = f"{uri}{pages['registered version']}", f"Version {run.version} of {params.registry.name}."
        create_link_artifact(page, link_text=f"version {run.version} in MLflow", key="cic-model", description=about)


def _decision(plain: dict[str, Any]) -> Decision:
    return Decision(**{**plain, "reasons": tuple(plain["reasons"])})


def _paths(folders: dict[str, str]) -> dict[str, Path]:
    return {name: Path(folder) for name, folder in folders.items()}

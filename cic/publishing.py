"""From an evaluated model to the registry: its MLflow run, the gate's decision, the aliases. For both doors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd

from cic.config import Params
from cic.data.matrix import ExpressionMatrix, fingerprints
from cic.data.spreadsheet import read_csv
from cic.digests import model_digest
from cic.evaluation.metrics import as_json, read_metrics
from cic.evaluation.objections import objections
from cic.evaluation.report.card import model_card
from cic.evaluation.report.outcome import with_outcome
from cic.evaluation.report.run_figures import run_figures
from cic.folders import Folders, read_json, read_parts, write_json
from cic.manifest import Manifest, params_of, read_manifest
from cic.model.bundle_files import bundle_digest, load_bundle
from cic.pipeline import verified
from cic.registry.evidence import decide
from cic.registry.fetched import check_stored
from cic.registry.gate import Decision
from cic.registry.log import HELD_OUT_DIGITS, look_at
from cic.registry.registry import history, promote
from cic.registry.stored import held_out_parts, measured_of
from cic.registry.translations import translate_promoted
from cic.seeds import derive_seed
from cic.settings import Settings
from cic.tracking.lineage import Lineage, held_out_digest, shown_hyperparameters
from cic.tracking.models import ModelRun, known_model_run, log_model_run
from cic.tracking.pages import chart_page, compare_page, run_page, version_page
from cic.tracking.runs import experiment_of
from cic.tracking.search_runs import TAG_PARENT
from cic.tracking.store import all_runs, connect, explained, files_kept
from cic.tracking.training_view import runs_page

ABOUT = (
    "Cell identity codes: deep autoencoders that turn a gene expression profile into a short code and back, trained on "
    "`{data}`. The alias `champion` stands at the version that passed the gate (on held-out profiles better than PCA "
    "of equal width, and than the champion before); `previous` at the one before. Each version says what it is good "
    "for. Put to use with `cic encode profiles.csv -o codes.parquet`; every decision is in `cic registry log`."
)
CURVES = {
    "train_error": "learning_curve_training",
    "validation_error": "learning_curve_validation",
    "validation_error_pca": "learning_curve_validation_pca",
}


def publish(params: Params, folders: Folders, settings: Settings, flow_run_id: str | None = None) -> ModelRun:
    """Log the evaluated model with all it came from, and register its bundle as a version; once, if nothing differs."""
    manifests = verified(folders)
    matrix, part_S = read_parts(folders)
    # how it was trained, and the registry as it is set up now
    ran_with = Params.model_validate({**params_of(manifests), "registry": params.registry.model_dump()})
    lineage = _lineage(
        ran_with, manifests, folders, measured_of(matrix.select(part_S == "test"), _measured(folders)), flow_run_id
    )
    found = read_metrics(folders["evaluate"] / "metrics.json")
    metrics = as_json(found)
    name, experiment = params.registry.name, experiment_of(ran_with.data.name)
    known = known_model_run(settings.tracking_uri, experiment, name=name, metrics=metrics, lineage=lineage)
    if known is not None:
        return known
    chosen = load_bundle(folders["fit"] / "bundle").about["hyperparameters"]
    figures = sorted((folders["evaluate"] / "figures").glob("*.*"))
    decisions = history(settings.tracking_uri, name)
    look = look_at(decisions, lineage.held_out_digest[:HELD_OUT_DIGITS], lineage.bundle_digest)
    card = model_card(found, look - 1)
    return log_model_run(
        settings.tracking_uri,
        experiment,
        name=name,
        run_name=f"{ran_with.data.name} d{chosen['depth']} w{chosen['bottleneck_width']} model",
        bundle=folders["fit"] / "bundle",
        metrics=metrics,
        headline=run_figures(found),
        curves=_curves(folders),
        params={**ran_with.model_dump(mode="json"), "chosen": chosen},
        shown_params={**shown_hyperparameters(chosen), "seed": ran_with.seed},
        lineage=lineage,
        stages={name: asdict(made) for name, made in manifests.items()},
        shape=(matrix.n_samples, matrix.n_genes),
        files=[folders["evaluate"] / "report.html", folders["evaluate"] / "profiles.csv", *figures],
        card=card,
        about=ABOUT.format(data=ran_with.data.file),
        artifacts_uri=settings.artifact_location,
    )


def _measured(folders: Folders) -> pd.DataFrame:
    """Give the errors of the test profiles that were measured, by sample id."""
    return read_csv(folders["evaluate"] / "profiles.csv").set_index("sample_id")


def _curves(folders: Folders) -> dict[str, dict[int, float]]:
    """Give the learning curves by epoch."""
    table = pd.read_csv(folders["evaluate"] / "curves.csv").set_index("epoch")
    named = {name: table[column].dropna() for column, name in CURVES.items()}
    return {name: dict(zip(map(int, curve.index), map(float, curve), strict=True)) for name, curve in named.items()}


def _lineage(
    params: Params,
    manifests: Mapping[str, Manifest],
    folders: Folders,
    test: ExpressionMatrix,
    flow_run_id: str | None,
) -> Lineage:
    study = read_json(folders["search"] / "study.json")
    start = load_bundle(folders["fit"] / "bundle").about.get("started_from")
    return Lineage(
        git_commit=manifests["fit"].origin["git_commit"],
        git_dirty=any(made.origin["git_dirty"] for made in manifests.values()),
        params_digest=model_digest(params.model_dump(mode="json")),
        data_file=params.data.file,
        data_md5=manifests["ingest"].origin["data_md5"],
        study=study["study"],
        search_run_id=study["search_run_id"],
        flow_run_id=flow_run_id,
        bundle_digest=bundle_digest(folders["fit"] / "bundle"),
        matrix=str((folders["ingest"] / "matrix.parquet").absolute()),
        part=str((folders["split"] / "split.csv").absolute()),
        held_out_digest=held_out_digest([str(one) for one in test.samples.index], fingerprints(test.values)),
        audit_passed=bool(read_json(folders["split"] / "audit.json")["passed"]),
        objections=objections(read_metrics(folders["evaluate"] / "metrics.json")),
        seed=params.seed,
        **({} if start is None else {"started_from": f"{start['model']} {start['digest']}"}),
    )


def judge(params: Params, folders: Folders, settings: Settings) -> Decision:
    """Let the gate compare the model with PCA and with the champion, on the test profiles."""
    verified(folders)
    matrix, part_S = read_parts(folders)
    test, sealed = held_out_parts(matrix, part_S)
    profiles = _measured(folders)
    test = measured_of(test, profiles)
    pca_errors_S = profiles.loc[test.samples.index.astype(str), "squared_error_pca"].to_numpy(dtype=np.float64)
    return decide(
        settings.tracking_uri,
        params.registry.name,
        folders["fit"] / "bundle",
        test,
        pca_errors_S,
        bool(read_json(folders["split"] / "audit.json")["passed"]),
        objections(read_metrics(folders["evaluate"] / "metrics.json")),
        params.registry,
        derive_seed(params.seed, "gate"),
        sealed=sealed,
    )


def settle(params: Params, folders: Folders, version: str, decision: Decision, settings: Settings) -> None:
    """Carry out the decision: write it down, and move the aliases if it says so, to files that are what was judged.

    A new champion gets the map from the codes of the one before.
    """
    uri, name = settings.tracking_uri, params.registry.name
    if not decision.promote:
        promote(uri, name, version, decision)
        return
    matrix, part_S = read_parts(folders)
    check_stored(uri, name, version)
    promote(uri, name, version, decision)
    translate_promoted(uri, name, version, decision, matrix, part_S, params.seed)


def pages_of(params: Params, folders: Folders, settings: Settings, run: ModelRun) -> dict[str, str]:
    """Give the pages of MLflow that show what a run came to, by what each shows; to be put behind its address."""
    client, uri = connect(settings.tracking_uri), settings.tracking_uri
    with explained(uri):
        within = client.get_run(run.run_id).info.experiment_id
        search = read_json(folders["search"] / "study.json")["search_run_id"]
        trials = all_runs(client, within, f"tags.`{TAG_PARENT}` = '{search}'")
    trial_ids = [trial.info.run_id for trial in trials if trial.info.status == "FINISHED"]
    pages = {"all runs": runs_page("", within), "charts": chart_page("", within)}
    if trial_ids:  # the search may be kept in another store
        pages |= {"trials compared": compare_page("", within, trial_ids), "search": run_page("", within, search)}
    return pages | {
        "registered version": version_page("", params.registry.name, run.version),
        "report": run_page("", within, run.run_id, "report.html"),
    }


def write_outcome(
    params: Params,
    folders: Folders,
    settings: Settings,
    run: ModelRun,
    decision: Decision,
    flow_run_id: str | None = None,
) -> dict[str, Any]:
    """Keep what the last run came to, for `cic show`, with a copy of the report that bears it; and give it.

    In MLflow that copy takes the place of the report that did not know of it.
    """
    settings.home.mkdir(parents=True, exist_ok=True)
    settings.latest_report.write_text(
        with_outcome((folders["evaluate"] / "report.html").read_text(), _told(params, folders, run, decision))
    )
    with explained(settings.tracking_uri), files_kept(settings.artifact_location or settings.tracking_uri):
        connect(settings.tracking_uri).log_artifact(run.run_id, str(settings.latest_report))
    outcome = {
        "folders": {name: str(folder) for name, folder in folders.items()},
        "report": str(settings.latest_report),
        "run_id": run.run_id,
        "model": f"models:/{params.registry.name}/{run.version}",
        "decision": decision.outcome,
        "reasons": list(decision.reasons),
        "pages": pages_of(params, folders, settings, run),
        "flow_run_id": flow_run_id,
    }
    write_json(settings.latest_file, outcome)
    return outcome


def _told(params: Params, folders: Folders, run: ModelRun, decision: Decision) -> dict[str, str]:
    """Give what the report could not know when it was made, by name."""
    origin = read_manifest(folders["fit"]).origin
    return {
        "Version": f"models:/{params.registry.name}/{run.version}",
        "gate": f"{decision.outcome}: {'; '.join(decision.reasons)}",
        "commit": f"{origin['git_commit']}{', with changes' if origin['git_dirty'] else ''}",
        "decided": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
    }


def write_failure(settings: Settings, failure: dict[str, Any]) -> None:
    """Keep why the last run ended early, for `cic show`, beside what the last that ended well came to.

    Parameters
    ----------
    failure
        `name` and `id` of the flow run, the `stage`, and the `reason`.
    """
    settings.home.mkdir(parents=True, exist_ok=True)
    before = read_json(settings.latest_file) if settings.latest_file.exists() else {}
    write_json(settings.latest_file, {**before, "failed": failure})

"""Small data sets and models for the tests of evaluation and report."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from cic.checking.check import check
from cic.config import Params
from cic.data.audit import audit_split
from cic.data.matrix import ExpressionMatrix, fingerprints
from cic.data.split import split_samples
from cic.evaluation.evaluate import evaluate as evaluate_bundle
from cic.evaluation.facts import Audit, Facts, Intervals, Model, Profiles, Trials
from cic.evaluation.finding import Answer, Finding
from cic.evaluation.measure import as_subject
from cic.evaluation.metrics import Metrics, as_json, metrics_type
from cic.evaluation.subject import Given, Subject
from cic.model.autoencoder import frozen
from cic.model.bundle import Bundle
from cic.model.prepare import label_indices, prepare
from cic.model.reference import Reference
from cic.model.training import Hyperparameters
from cic.model.trial import fit_network
from cic.workers.workers import InThisProcess

F = TypeVar("F", bound=Finding)


def curved_profiles(
    n_samples: int = 160, n_genes: int = 90, n_labels: int = 4, n_groups: int = 16, noise: float = 0.05, seed: int = 0
) -> ExpressionMatrix:
    """Profiles on a curved surface, measured in pairs of replicates."""
    draw = np.random.default_rng(seed)
    n_specimens = n_samples // 2
    label_S = draw.integers(n_labels, size=n_specimens)
    state_S3 = draw.normal(size=(n_specimens, 3)) + 2 * draw.normal(size=(n_labels, 3))[label_S]
    clean_SG = 6 + np.tanh(state_S3 @ draw.normal(size=(3, n_genes))) + 0.3 * state_S3 @ draw.normal(size=(3, n_genes))
    values_SG = np.repeat(clean_SG, 2, axis=0) + noise * draw.normal(size=(2 * n_specimens, n_genes))
    specimen_S = np.repeat(np.arange(n_specimens), 2)
    samples = pd.DataFrame(
        {
            "label": [f"type {label}" for label in label_S[specimen_S]],
            "group": [f"study {specimen % n_groups}" for specimen in specimen_S],
            "replicate": [f"specimen {specimen}" for specimen in specimen_S],
        },
        index=pd.Index([f"s{number}" for number in range(2 * n_specimens)], name="sample_id"),
    )
    genes = tuple(f"g{number}" for number in range(n_genes))
    return ExpressionMatrix(values_SG.astype(np.float32), genes, samples, "log2")


def params(**sections: Any) -> Params:
    return Params.model_validate({"seed": 3, "data": {"file": "none"}, **sections})


def trained(
    matrix: ExpressionMatrix,
    depth: int = 1,
    width: int = 3,
    label_weight: float = 0.0,
    epochs: int = 30,
    within: str = "none",
    onto: str = "log2",
) -> tuple[Bundle, pd.Series, pd.DataFrame]:
    """Split, prepare and train for a moment: the bundle, the part of each sample, the training curve."""
    preprocess = {"within_sample": within, "transform": onto}
    config = params(training={"epochs": epochs, "label_weight": label_weight}, preprocess=preprocess)
    part = split_samples(matrix.samples, config.split, 1)
    train, validation = (matrix.select((part == name).to_numpy()) for name in ("train", "validation"))
    prepared = prepare(train, validation, config, 0)
    hyper = Hyperparameters(depth=depth, bottleneck_width=width, hidden_width=32)
    fitted = fit_network(prepared.fold, hyper, config.training, 5)
    about = {
        "hyperparameters": hyper.model_dump(),
        "seed": 5,
        "validation_error": fitted.validation_error,
        "data_digest": "0" * 64,
        "trained_on": ["x"],
    }
    rows = [{"training": 0, "kept": True, **asdict(epoch)} for epoch in fitted.curve]
    curves = pd.DataFrame(rows, columns=["training", "kept", "epoch", "train_error", "validation_error"])
    return Bundle(prepared.preprocessor, prepared.basis, frozen(fitted.network), prepared.labels, about), part, curves


def in_use(matrix: ExpressionMatrix, **training: Any) -> tuple[Bundle, pd.Series]:
    """Train for a moment, and give the bundle with all that a fit keeps for its use, and the part of each sample."""
    bundle, part, _ = trained(matrix, **training)
    train, validation = (matrix.select((part == name).to_numpy()) for name in ("train", "validation"))
    label_S = label_indices(validation.samples, bundle.labels) if bundle.labels else None
    reference = Reference.of(bundle, validation.values, label_S, bundle.project(train.values)[0])
    seen = sorted(fingerprints(np.concatenate([train.values, validation.values])))
    return replace(bundle, reference=reference, about=bundle.about | {"trained_on": seen}), part


def some_trials() -> pd.DataFrame:
    """A small search with a pruned and a failed trial."""
    rows = [
        {"state": "complete", "depth": depth, "bottleneck_width": width, "error": 0.5 / width - 0.01 * depth,
         "error_ratio_to_pca": 1 - 0.1 * depth}
        for depth in (0, 1, 2) for width in (2, 3)
    ]  # fmt: skip
    rows[-1]["state"] = "pruned"
    rows.append({"state": "failed", "depth": 1, "bottleneck_width": 2, "error": None, "error_ratio_to_pca": None})
    return pd.DataFrame(rows).rename_axis("number").reset_index()


def given(matrix: ExpressionMatrix, trials: pd.DataFrame | None = None, **training: Any) -> Given:
    """Train for a moment, and give what the stages before the evaluation leave."""
    bundle, part, curves = trained(matrix, **training)
    return Given(
        bundle=bundle,
        matrix=matrix,
        part_S=part.to_numpy(),
        trials=some_trials() if trials is None else trials,
        finalists=None,
        choice={"hyperparameters": {"depth": 1, "bottleneck_width": 3}, "reason": "the best is width 3, depth 1"},
        curves=curves,
        audit=audit_split(matrix, part, params().split).to_json(),
        checks=check(matrix, params()).to_json(),
    )


def subject(matrix: ExpressionMatrix, evaluate: dict[str, Any] | None = None, **training: Any) -> Subject:
    """Give what a measure takes, with few resamples and short retrainings, all in this process."""
    config = params(training={"epochs": 20}, evaluate={"bootstrap": 200, **(evaluate or {})})
    return as_subject(given(matrix, **training), config, InThisProcess(), 11)


def evaluated(
    matrix: ExpressionMatrix,
    out: Path,
    trials: pd.DataFrame | None = None,
    evaluate: dict[str, Any] | None = None,
    **training: Any,
) -> dict[str, Any]:
    """Train and evaluate as the stages do, and give the metrics; `evaluate` are parameters of that section."""
    config = params(training={"epochs": 20}, evaluate={"bootstrap": 200, "measures": (), **(evaluate or {})})
    return as_json(evaluate_bundle(given(matrix, trials, **training), config, InThisProcess(), 11, out))


def typed(metrics: dict[str, Any]) -> Metrics:
    """Give the content of `metrics.json`, perhaps changed, as what the report is made from."""
    return metrics_type().model_validate(metrics)


def changed(finding: F, **changes: Any) -> F:
    """Give a finding with other values, given as JSON has them; what is nested keeps what it does not name."""
    return type(finding).model_validate(_merged(as_json(finding), changes))


def _merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    return old | {
        name: _merged(old[name], value) if isinstance(value, dict) and isinstance(old.get(name), dict) else value
        for name, value in new.items()
    }


def some_facts(*answers: Answer, **changes: Any) -> Facts:
    """Facts of a small evaluation, with what some answers left out and warn of."""
    facts = Facts(
        profiles=Profiles(train=100, validation=20, test=40, genes=90, labels=4, groups=16),
        model=Model(
            depth=1, bottleneck_width=3, hidden_width=32, validation_unexplained_variance=0.1,
            validation_unexplained_variance_pca=0.2,
        ),
        search=Trials(trials=8, complete=7, pruned=1, failed=0),
        audit=Audit(passed=1, blocking=0, findings=0),
        interval=Intervals(confidence=0.95, resamples=200, units=16, by="group"),
        left_out={name: text for one in answers for name, text in one.left_out.items()},
        cautions={name: text for one in answers for name, text in one.cautions.items()},
    )  # fmt: skip
    return facts.model_copy(update=changes)


def some_evidence(*answers: Answer, **more: Any) -> Any:
    """Evidence for the sections of some answers: facts, tables, and what else a section reads."""
    tables = {name: table for one in answers for name, table in one.tables.items()}
    return SimpleNamespace(facts=some_facts(*answers), tables=tables, gene_unit="log2", **more)

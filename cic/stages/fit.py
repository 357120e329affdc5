"""Stage `fit`: the chosen architecture trained from several seeds and merged; the bundle and the curves."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Sequence
from dataclasses import asdict, fields, replace
from functools import partial
from pathlib import Path

import pandas as pd

from cic.config import Params
from cic.data.matrix import fingerprints
from cic.digests import data_digest
from cic.errors import ModelError
from cic.folders import Folders, read_json, read_parts, write_json
from cic.model.autoencoder import frozen
from cic.model.batched import fit_specs
from cic.model.bundle import Bundle
from cic.model.bundle_files import bundle_digest, save_bundle
from cic.model.classifier_fit import fit_classifier
from cic.model.feature_fit import fit_features
from cic.model.fold import Fold, pca_error
from cic.model.inference import TrainedNetwork
from cic.model.merged_fit import fit_merged
from cic.model.prepare import label_indices, label_names, prepare
from cic.model.reference import Reference
from cic.model.rotation import turned_best
from cic.model.scale_choice import on_scale
from cic.model.start import Start
from cic.model.training import EpochResult, Hyperparameters
from cic.model.trial import Fitted, NotFitted, TrialSpec, fit_from_spec
from cic.model.trimming import trimmed
from cic.progress import track
from cic.seeds import derive_seed
from cic.settings import Settings
from cic.stages.crew import crew
from cic.stages.given_sets import given_sets, told_of
from cic.stages.start import lender
from cic.workers.workers import Workers

CURVE_COLUMNS = ["training", "kept", *(field.name for field in fields(EpochResult))]


def fit(params: Params, folders: Folders, out: Path, settings: Settings) -> None:
    """Train the chosen architecture from several seeds, merge these, and keep the best by validation error."""
    matrix, part_S = read_parts(folders)
    train, validation = (matrix.select(part_S == name) for name in ("train", "validation"))
    choice = read_json(folders["search"] / "choice.json")
    hyper = Hyperparameters.model_validate(choice["hyperparameters"])
    params = on_scale(params, choice["transform"], choice["within_sample"])
    lends = lender(params, matrix, settings)
    start = None if lends is None else Start(lends, choice["start_share"])
    labels = label_names(train.samples) if params.fit.classifier or params.training.label_weight else ()
    given_from = {} if params.fit.gene_sets is None else {"gene_sets": told_of(params.fit.gene_sets)}
    with crew(params.search, settings.torch_device, fit_from_spec, fit_specs) as workers:
        prepared = prepare(train, validation, params, params.training.rank, workers.pass_over, start)
        given = given_sets(params.fit.gene_sets, prepared.preprocessor.genes)  # a fault of them is told before training
        fitted, failed = fit_all(prepared.fold, hyper, params, settings.torch_device, workers)
    best, fold = min(fitted, key=lambda one: one.validation_loss), prepared.fold
    kept, networks = kept_and_others(fitted, fold)
    network, turn = turned_best(networks, prepared.basis, fold.own_train_SK, fold.z_validation_SK)
    classifier, label_S = None, None
    if labels:
        label_S = label_indices(validation.samples, labels)
        seed = derive_seed(params.seed, "classifier")
        classifier = fit_classifier(network, prepared, train, validation, seed)
    contents = {*fingerprints(train.values), *fingerprints(validation.values)}
    bundle = Bundle(
        prepared.preprocessor,
        prepared.basis,
        network,
        labels,
        about={
            "hyperparameters": hyper.model_dump(),
            "seed": best.seed,
            "validation_error": kept.validation_error,
            "turn": turn,
            "trained_on": sorted(contents if start is None else contents | start.trained_on),
            "data_digest": data_digest(matrix),
            "versions": {name: importlib.metadata.version(name) for name in ("cic", "torch", "numpy")},
            **({} if start is None else {"started_from": start.told(params.training.start_from, matrix.genes)}),
            **given_from,
        },
        classifier=classifier,
    )
    # the validation part chose among epochs, which makes its errors a little too small; the test part stays untouched
    reference = Reference.of(bundle, validation.values, label_S, fold.own_train_SK)
    features = fit_features(
        networks,
        prepared.basis,
        fold.own_train_SK,
        fold.z_validation_SK,
        params.fit.features,
        train.samples.get("label"),
        given,
        seed=derive_seed(params.seed, "features"),
    )
    save_bundle(out / "bundle", replace(bundle, reference=reference, features=features))
    curves = [
        {"training": number, "kept": one is best, **asdict(epoch)}
        for number, one in enumerate(fitted)
        for epoch in one.curve
    ]
    pd.DataFrame(curves, columns=CURVE_COLUMNS).to_csv(out / "curves.csv", index=False)
    write_json(
        out / "fit.json",
        {
            "best_epoch": best.best_epoch,
            "members": best.network.architecture.members,
            "validation_error": kept.validation_error,
            "validation_error_pca": pca_error(prepared.fold, hyper.bottleneck_width),
            "validation_errors": [one.validation_error for one in fitted],
            "failed": [asdict(one) for one in failed],
            "rank": prepared.basis.rank,
            "variance_left_out": prepared.basis.left_out,
            "features": 0 if features is None else len(features),
            "bundle_digest": bundle_digest(out / "bundle"),
        },
    )


def fit_all(
    fold: Fold, hyper: Hyperparameters, params: Params, device: str, workers: Workers
) -> tuple[list[Fitted], list[NotFitted]]:
    """Give what `fit_seeds` trains, and at last a network merged of that, where there are layers to merge.

    Raises
    ------
    ModelError
        If no training succeeds.
    """
    fitted, failed = fit_seeds(fold, hyper, params, device, workers)
    if len(fitted) < 2 or not hyper.depth:
        return fitted, failed
    seed = derive_seed(params.seed, "fit", "merged")
    one = fit_merged(fitted, fold, hyper, params.training, seed, device)
    return ([*fitted, one], failed) if isinstance(one, Fitted) else (fitted, [*failed, one])


def kept_and_others(fitted: Sequence[Fitted], fold: Fold) -> tuple[Fitted, list[TrainedNetwork]]:
    """Give the training that is kept, and what features are fitted to: its network, and those that tell what recurs."""
    best, *others = sorted(fitted, key=lambda one: one.validation_loss)
    kept = trimmed(best, fold)
    # a merged network has the code of the best of its members, so neither can tell what of the other recurs
    single = [one.network for one in (best, *others) if one.network.architecture.members == 1]
    return kept, [frozen(network) for network in (kept.network, *single[1:])]


def fit_seeds(
    fold: Fold, hyper: Hyperparameters, params: Params, device: str, workers: Workers
) -> tuple[list[Fitted], list[NotFitted]]:
    """Train from `fit.seeds` seeds; where a training comes to nothing another seed takes over, as many times at most.

    Raises
    ------
    ModelError
        If no training succeeds.
    """
    wanted, fitted, failed = params.fit.seeds, list[Fitted](), list[NotFitted]()
    for first in (0, wanted):
        numbers = range(first, first + wanted - len(fitted))
        seeds = [derive_seed(params.seed, "fit", number) for number in numbers]
        specs = [
            TrialSpec(number, hyper, seed, params.training, (fold,))
            for number, seed in zip(numbers, seeds, strict=True)
        ]
        run = partial(fit_from_spec, device=device)
        for one in track(workers.map(run, specs), "fit", total=len(specs)):
            if isinstance(one, Fitted):
                fitted.append(one)
            else:
                failed.append(one)
        if len(fitted) == wanted:
            break
    if not fitted:
        raise ModelError(
            f"none of {len(failed)} trainings came to anything: {failed[0].reason}",
            where="fit",
            fix="search lower learning rates (`search.learning_rate`), or leave the architecture out of the search",
        )
    return fitted, failed

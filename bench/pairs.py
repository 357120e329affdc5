"""Cell types of a second study, told by a model of the first: by its code and its classifier, beside rivals on genes.

    python -m bench.pairs $CIC_REAL_DATA --pair tissues

For every seed the first study is split as the pipeline does. Models are trained on its training part, validation keeps
their best epoch and chooses the weight of the joint classifier, and what tells types from codes or genes is fitted to
both parts and tuned by five folds of these. The second study is asked last, and nothing is chosen by it. Rivals see the
genes that both studies have; a model infers what the second lacks (`cic.model.missing_genes`). See
docs/use.md.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from bench.pair_sets import PAIRS, Pair, read_pair
from cic.config import Params, Within, load_params
from cic.data.matrix import ExpressionMatrix
from cic.data.split import split_samples
from cic.data.units import log2_scale
from cic.data.within import normal_scores
from cic.evaluation.classifiers.classifiers import Fitting, centroid
from cic.evaluation.questions.identity.tuning import TuningSpec, balanced_accuracy, tune
from cic.evaluation.statistics.intervals import Interval, Resampling, resampling
from cic.model.autoencoder import frozen
from cic.model.bundle import Bundle
from cic.model.prepare import prepare
from cic.model.reference import Reference
from cic.model.scale_choice import on_scale, order_errors
from cic.model.training import Hyperparameters
from cic.model.trial import fit_network
from cic.seeds import derive_seed, generator

TUNED = ("logistic", "lda", "nearest")
FOLDS = 5
Answer = tuple[tuple[str, str], np.ndarray]
"""What was looked at and what told; the type that it told of each profile of the second study."""


@dataclass(frozen=True)
class Trained:
    """A model of the first study: codes of the profiles that it was made of and of the second study, and its types."""

    code_NW: np.ndarray
    code_TW: np.ndarray
    told_T: np.ndarray | None
    validation_accuracy: float


def trained(pair: Pair, first: ExpressionMatrix, part_N: np.ndarray, params: Params) -> Trained:
    """Train one model, of depth 1, and encode both studies."""
    train, validation = (first.select(part_N == part) for part in ("train", "validation"))
    ready = prepare(train, validation, params, params.training.rank)
    hyper = Hyperparameters(depth=1, bottleneck_width=pair.width)
    fitted = fit_network(ready.fold, hyper, params.training, derive_seed(params.seed, "fit", 0))
    bundle = Bundle(ready.preprocessor, ready.basis, frozen(fitted.network), ready.labels, {})
    log2_TG = np.full((pair.second.n_samples, first.n_genes), np.nan, dtype=np.float32)
    place_G = pd.Index(first.genes).get_indexer(pd.Index(pair.second.genes))
    log2_TG[:, place_G] = log2_scale(pair.second.dense(), pair.second.unit)
    bundle = replace(bundle, reference=Reference.of(bundle, validation.values, z_train_SK=ready.fold.z_train_SK))
    x_TG, _ = bundle.completed(ready.preprocessor.from_log2(log2_TG))
    code_NW, code_TW = bundle.encode(first.dense()), bundle.encode_basis(ready.basis.project(x_TG)[0])
    if not bundle.labels:
        return Trained(code_NW, code_TW, None, 0.0)
    told_N, told_T = (
        np.array(bundle.labels)[bundle.classify_codes(code).argmax(axis=1)] for code in (code_NW, code_TW)
    )
    true_V = validation.samples["label"].to_numpy()
    return Trained(code_NW, code_TW, told_T, balanced_accuracy(true_V, told_N[part_N == "validation"]))


def told(
    name: str, space: str, known_NX: np.ndarray, asked_TX: np.ndarray, label_N: np.ndarray, seed: int
) -> Iterator[Answer]:
    """Let classifiers tell, tuned on the first study alone; `name` is what they see, `space` as of `TuningSpec`."""
    labels, at_N = np.unique(label_N, return_inverse=True)
    inner_N = generator(seed, "bench", "pairs").permutation(len(at_N)) % FOLDS
    spec = TuningSpec(0, space, known_NX, at_N, inner_N, asked_TX, known_NX.shape[1], False, seed)
    tuned = tune(spec).predictions
    for how in TUNED:
        yield (name, how), labels[tuned[f"{space}_{how}"].predicted_T]
    fitting = Fitting(known_NX.astype(np.float64), at_N, asked_TX.astype(np.float64), known_NX.shape[1], seed)
    yield (name, "centroid"), labels[centroid(fitting, [None])[0]]


def most_correlated(known_NG: np.ndarray, asked_TG: np.ndarray, label_N: np.ndarray) -> np.ndarray:
    """Tell by the profile of the first study that correlates most over genes."""
    unit_NG, unit_TG = (x - x.mean(axis=1, keepdims=True) for x in (known_NG, asked_TG))
    unit_NG = unit_NG / np.linalg.norm(unit_NG, axis=1, keepdims=True)
    return label_N[(unit_TG @ unit_NG.T).argmax(axis=1)]


def by_genes(pair: Pair, first: ExpressionMatrix, seed: int) -> Iterator[Answer]:
    """Let rivals tell from the shared genes, as they are and as normal scores of ranks."""
    shared, label_N = pd.Index(pair.shared), first.samples["label"].to_numpy()
    log2 = [
        log2_scale(one.dense(), one.unit)[:, pd.Index(one.genes).get_indexer(shared)] for one in (first, pair.second)
    ]
    for name, (known_NG, asked_TG) in (("genes", log2), ("genes, ranks", [normal_scores(one) for one in log2])):
        yield from told(name, "profile", known_NG, asked_TG, label_N, seed)
        yield (name, "correlation"), most_correlated(known_NG, asked_TG, label_N)


def by_codes(
    pair: Pair, first: ExpressionMatrix, part_N: np.ndarray, params: Params, within: Within
) -> Iterator[Answer]:
    """Let the code tell, of a model without labels and of one with, and that one's classifier itself."""
    label_N, name = first.samples["label"].to_numpy(), f"code, {within}"
    models = {}
    for weight in (0.0, *params.evaluate.label_weights):
        training = params.training.model_copy(update={"label_weight": weight})
        models[weight] = trained(
            pair, first, part_N, on_scale(params, within=within).model_copy(update={"training": training})
        )
    joint = max(params.evaluate.label_weights, key=lambda weight: models[weight].validation_accuracy)
    for model, beside in ((models[0.0], ""), (models[joint], ", labels")):
        yield from told(name + beside, "code", model.code_NW, model.code_TW, label_N, params.seed)
    answer_T = models[joint].told_T
    assert answer_T is not None, "it was trained with labels"
    yield (name + ", labels", "joint"), answer_T


def one_seed(pair: Pair, params: Params, withins: list[Within]) -> tuple[dict[tuple[str, str], np.ndarray], Within]:
    """Give all answers for one split of the first study, and what `preprocess.within_sample: auto` takes there."""
    part_S = split_samples(pair.first.samples, params.split, derive_seed(params.seed, "split")).to_numpy()
    first = pair.first.select(part_S != "test")
    part_N = part_S[part_S != "test"]
    found = dict(by_genes(pair, first, params.seed))
    for within in withins:
        found |= dict(by_codes(pair, first, part_N, params, within))
    error = order_errors(params, *(first.select(part_N == part) for part in ("train", "validation")))
    return found, min(error, key=lambda one: error[one])


def over_seeds(hit_RT: np.ndarray, label_T: np.ndarray, plan: Resampling) -> tuple[Interval, Interval]:
    """Give accuracy and balanced accuracy, means over seeds with intervals over profiles."""
    type_TL = (label_T[:, None] == np.unique(label_T)).astype(np.float64)
    sums_X = np.hstack([hit_RT.mean(axis=0)[:, None] * type_TL, type_TL])
    draws_R = plan.sums(sums_X)
    n_labels = type_TL.shape[1]
    with np.errstate(invalid="ignore"):
        recall_RL = draws_R[:, :n_labels] / draws_R[:, n_labels:]
    balanced_R = np.nanmean(recall_RL, axis=1)
    whole_X = sums_X.sum(axis=0)
    balanced = float((whole_X[:n_labels] / whole_X[n_labels:]).mean())
    accuracy_R = draws_R[:, :n_labels].sum(axis=1) / len(label_T)
    return (
        plan.interval(float(hit_RT.mean()), accuracy_R),
        plan.interval(balanced, balanced_R),
    )


def show(name: str, pair: Pair, answers: list[dict[tuple[str, str], np.ndarray]], seed: int) -> pd.DataFrame:
    """Print a line for each way of telling."""
    label_T = pair.second.samples["label"].to_numpy()
    plan = resampling(pair.second.samples[[]], 2000, 0.95, derive_seed(seed, "bench", "pairs"))
    lost = pair.first.n_genes - len(pair.shared)
    table = Table("from", "by", "accuracy", "balanced accuracy", "over seeds", title=(
        f"{name}: {len(label_T)} profiles, {len(np.unique(label_T))} of {pair.first.samples['label'].nunique()} types; "
        f"{lost} of {pair.first.n_genes} genes missing"))  # fmt: skip
    rows = []
    for key in answers[0]:
        hit_RT = np.array([one[key] == label_T for one in answers])
        accuracy, balanced = over_seeds(hit_RT, label_T, plan)
        per_seed_R = hit_RT.mean(axis=1)
        rows.append({"pair": name, "from": key[0], "by": key[1], "accuracy": accuracy.value, "balanced": balanced.value,
                     "low": per_seed_R.min(), "high": per_seed_R.max()})  # fmt: skip
        table.add_row(*key, *(f"{one.value:.3f} ({one.low:.3f} to {one.high:.3f})" for one in (accuracy, balanced)),
                      f"{per_seed_R.min():.3f} to {per_seed_R.max():.3f}")  # fmt: skip
    Console(width=140).print(table)
    missed = pd.Series({
        sample: np.mean([one[key][at] != label_T[at] for one in answers for key in one])
        for at, sample in enumerate(pair.second.samples.index)
    })  # fmt: skip
    Console(width=140).print(f"missed by most ways: {missed[missed > 0.5].round(2).to_dict()}")
    return pd.DataFrame(rows)


def main() -> None:
    """Parse, run, show."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="the real data (that of CIC_REAL_DATA)")
    parser.add_argument("--pair", action="append", choices=PAIRS, dest="pairs")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--within", action="append", choices=("none", "rank", "quantile"), dest="withins")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    base, tables = load_params(), []
    for name in options.pairs or PAIRS:
        pair, answers = read_pair(options.folder, name), []
        for seed in range(1, options.seeds + 1):
            found, auto = one_seed(pair, base.model_copy(update={"seed": seed}), options.withins or ["none", "rank"])
            Console(stderr=True).print(f"{name}, seed {seed}: within_sample auto takes {auto}")
            answers.append(found)
        tables.append(show(name, pair, answers, base.seed))
    if options.output:
        options.output.write_text(json.dumps(pd.concat(tables).to_dict("records"), indent=1) + "\n")


if __name__ == "__main__":
    main()

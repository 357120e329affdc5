"""Single cells: the model on log2 and on square roots, PCA, and scVI, by what does not depend on the scale.

    python -m bench.counts $CIC_REAL_DATA --set pbmc3k --width 10 --width 30

For every seed the cells are split, and the 2,000 genes are taken that vary most among training cells. Everything is
fitted on training cells, with the validation cells to choose by, and only then the test cells are looked at: the
deviance of their counts, brought to the level of counts by the same rule for every method (`cic.model.deviance`), and
how often their type is told by logistic regression on codes of training cells. scVI (Lopez et al. 2018) is measured
where `scvi-tools` is installed; its layers and likelihood are chosen by the deviance of the validation cells, as the
depth of ours is.
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table
from scipy import stats
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from bench.command_line import add_real_sets
from bench.foreign_sets import profile_sets
from cic.config import Params, Preprocess, load_params
from cic.data.matrix import ExpressionMatrix
from cic.data.preprocess import Preprocessor
from cic.data.split import split_samples
from cic.model.autoencoder import frozen
from cic.model.bundle import Bundle
from cic.model.deviance import deviances, fit_levels
from cic.model.prepare import prepare
from cic.model.training import Hyperparameters
from cic.model.trial import fit_network
from cic.seeds import derive_seed

DEPTHS = (1, 2)
Form = tuple[int, str]
SCVI: tuple[Form, ...] = ((1, "nb"), (2, "nb"), (1, "poisson"))
"""Layers and likelihoods of scVI that are tried with the first seed; the best of them is trained with the others."""
SETS = ("pbmc3k", "celseq2", "dropseq")
PARTS = ("train", "validation", "test")
ROWS = 256
GENES = 2000
SAMPLES = 25
"""Of the posterior of scVI, whose rates are averaged: those of one sample would count its noise as error."""


@dataclass(frozen=True)
class Cells:
    """The cells of one part: all genes, the positions of those that are modelled, and types where these are known."""

    matrix: ExpressionMatrix
    label_S: pd.Series | None


@dataclass(frozen=True)
class Method:
    """What a method makes of cells: codes, and rates over the modelled genes; both S x ... for the values given."""

    name: str
    code: Callable[[np.ndarray], np.ndarray]
    rates: Callable[[np.ndarray], np.ndarray]


def measured(method: Method, cells: dict[str, Cells], kept: np.ndarray) -> dict[str, Any]:
    """Give deviance over the mean profile's on validation and test cells, and the accuracy of types from codes."""

    def blocks(part: str) -> Callable[[], Iterator[tuple[np.ndarray, np.ndarray]]]:
        values_SG = cells[part].matrix.dense()
        starts = range(0, len(values_SG), ROWS)
        made = [method.rates(values_SG[start : start + ROWS]) for start in starts]
        return lambda: ((values_SG[at : at + ROWS][:, kept], made[at // ROWS]) for at in starts)

    levels = fit_levels(blocks("train"), blocks("validation"))
    found: dict[str, Any] = {"method": method.name}
    for part in PARTS[1:]:
        own, mean = 0.0, 0.0
        for counts_BG, rate_BG in blocks(part)():
            own += deviances(counts_BG, levels.expected(counts_BG, rate_BG)).sum()
            mean += deviances(counts_BG, counts_BG.sum(axis=1, keepdims=True) * levels.mean_G).sum()
        found[f"{part}_deviance"] = own / mean
    if cells["test"].label_S is not None:
        found["accuracy"] = _accuracy(method, cells)
    return found


def _accuracy(method: Method, cells: dict[str, Cells]) -> float:
    code = {part: method.code(cells[part].matrix.dense()) for part in ("train", "test")}
    scaler = StandardScaler().fit(code["train"])
    teller = LogisticRegression(max_iter=2000).fit(scaler.transform(code["train"]), cells["train"].label_S)
    return float(teller.score(scaler.transform(code["test"]), cells["test"].label_S))


def ours(cells: dict[str, Cells], params: Params, transform: str, depth: int, width: int) -> tuple[Method, np.ndarray]:
    """Train on one scale, at depth 0 PCA."""
    params = params.model_copy(update={"preprocess": params.preprocess.model_copy(update={"transform": transform})})
    ready = prepare(cells["train"].matrix, cells["validation"].matrix, params, params.training.rank)
    hyper = Hyperparameters(depth=depth, bottleneck_width=width)
    fitted = fit_network(ready.fold, hyper, params.training, derive_seed(params.seed, "bench", "counts"))
    bundle = Bundle(ready.preprocessor, ready.basis, frozen(fitted.network), (), {})
    return (
        Method(
            f"{'model' if depth else 'PCA'}, {transform}",
            bundle.encode,
            lambda values_SG: bundle.preprocessor.to_unit(bundle.reconstruct(values_SG)),
        ),
        ready.preprocessor.kept,
    )


def scvi(cells: dict[str, Cells], kept: np.ndarray, width: int, form: Form, seed: int) -> Method:
    """Train scVI as its users do, stopping when the validation cells no longer gain."""
    import anndata
    import scipy.sparse
    import scvi

    scvi.settings.seed = seed % 2**31
    scvi.settings.verbosity = 40
    seen = np.concatenate([cells[part].matrix.dense()[:, kept] for part in ("train", "validation")])
    data = anndata.AnnData(scipy.sparse.csr_matrix(seen))
    scvi.model.SCVI.setup_anndata(data)
    n_train = cells["train"].matrix.n_samples
    model = scvi.model.SCVI(data, n_latent=width, n_layers=form[0], gene_likelihood=form[1])
    model.train(
        max_epochs=400,
        accelerator="cpu",
        early_stopping=True,
        early_stopping_patience=25,
        enable_progress_bar=False,
        datasplitter_kwargs={
            "external_indexing": [np.arange(n_train), np.arange(n_train, len(seen)), np.array([], int)]
        },
    )

    def as_data(values_SG: np.ndarray) -> anndata.AnnData:
        return anndata.AnnData(scipy.sparse.csr_matrix(values_SG[:, kept]))

    return Method(
        "scVI",
        lambda values_SG: model.get_latent_representation(as_data(values_SG)),
        lambda values_SG: np.asarray(
            model.get_normalized_expression(as_data(values_SG), n_samples=SAMPLES, return_numpy=True)
        ),
    )


def one(
    name: str, matrix: ExpressionMatrix, label_S: pd.Series | None, width: int, params: Params, forms: Sequence[Form]
) -> list[dict[str, Any]]:
    """Measure every method for one seed and width; of each, the form that the validation cells like best."""
    samples = matrix.samples if label_S is None else matrix.samples.assign(label=label_S)
    part_S = split_samples(samples, params.split, derive_seed(params.seed, "split")).to_numpy()
    # the genes that vary most among training cells, the same for every method: scVI over all of them takes hours
    variable = Preprocessor.fit(matrix.select(part_S == "train"), Preprocess(top_genes=GENES), params.seed).kept
    few = ExpressionMatrix(
        np.ascontiguousarray(matrix.dense()[:, variable]), tuple(matrix.genes[at] for at in variable), samples, "counts"
    )
    counted_S = few.dense().any(axis=1)
    cells = {
        part: Cells(
            few.select(counted_S & (part_S == part)),
            None if label_S is None else label_S[counted_S & (part_S == part)],
        )
        for part in PARTS
    }
    rows, kept = [], np.array([], dtype=np.int64)
    for transform in ("log2", "sqrt"):
        for depth in (0, *DEPTHS):
            method, kept = ours(cells, params, transform, depth, width)
            rows.append({**measured(method, cells, kept), "form": depth})
    for form in forms:
        method = scvi(cells, kept, width, form, derive_seed(params.seed, "bench", "scvi"))
        rows.append({**measured(method, cells, kept), "form": form})
    best = pd.DataFrame(rows).sort_values("validation_deviance", kind="stable").drop_duplicates("method")
    told = {"set": name, "width": width, "seed": params.seed}
    return [told | {str(key): value for key, value in row.items()} for row in best.to_dict("records")]


def has_scvi() -> bool:
    """Tell whether scvi-tools is there."""
    try:
        import scvi  # noqa: F401
    except ImportError:
        return False
    return True


def main() -> None:
    """Parse, run, write, show."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_real_sets(parser, SETS)
    options = parser.parse_args()
    warnings.filterwarnings("ignore", module="scvi|lightning")
    if not has_scvi():
        Console(stderr=True).print("scvi-tools is not installed: that rival is left out")
    base, rows, known = load_params(), [], profile_sets(options.folder)
    for name, width in product(options.sets or SETS, options.width):
        matrix, label_S = known[name], labels_of(options.folder, name, known[name])
        forms = SCVI if has_scvi() else ()
        for seed in range(1, options.seeds + 1):
            found = one(name, matrix, label_S, width, base.model_copy(update={"seed": seed}), forms)
            forms = tuple(row["form"] for row in found if row["method"] == "scVI")
            rows += found
            Console(stderr=True).print(pd.DataFrame(found).to_string())
            if options.output:
                options.output.write_text(json.dumps(rows, indent=1) + "\n")
    show(pd.DataFrame(rows))


def labels_of(folder: Path, name: str, matrix: ExpressionMatrix) -> pd.Series | None:
    """Give the type of each cell."""
    if name == "pbmc3k":
        import anndata

        return (
            anndata.read_h5ad(folder / "pbmc3k/counts.h5ad", backed="r")
            .obs["cell_type"]
            .astype(str)[matrix.samples.index]
        )
    lines = pd.read_csv(folder / f"celseq2_dropseq/sc_{name}.metadata.csv.gz", index_col=0)["cell_line"].astype(str)
    return lines[matrix.samples.index]


def show(table: pd.DataFrame) -> None:
    """Print means over seeds with their intervals, and each method's deviance over that of the best other than it."""
    shown = Table("set", "width", "method", "deviance", "95% over seeds", "accuracy", "forms")
    for (name, width, method), part in table.groupby(["set", "width", "method"], sort=False):
        mean, spread = part["test_deviance"].mean(), stats.sem(part["test_deviance"])
        low, high = stats.t.interval(0.95, len(part) - 1, mean, spread) if len(part) > 1 else (np.nan, np.nan)
        accuracy = f"{part['accuracy'].mean():.3f}" if "accuracy" in part else ""
        shown.add_row(
            str(name), str(width), str(method), f"{mean:.4f}", f"{low:.4f} to {high:.4f}", accuracy,
            "; ".join(dict.fromkeys(map(str, part["form"]))),
        )  # fmt: skip
    Console(width=160).print(shown)


if __name__ == "__main__":
    main()

"""What missing genes cost, and what other ways of filling them in would.

    python -m bench.missing_genes $CIC_REAL_DATA --list "L1000=l1000.csv"

Of each set a network of depth 1 is trained on the training part, for several split seeds. Of the test part genes are
taken away: at random, or those that another platform does not have. The error is over all genes, those taken away
included.

Axes: S profiles, G modelled genes, W numbers of the code.
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

import numpy as np
import pandas as pd

from bench.foreign import trained
from bench.foreign_sets import profile_sets
from cic.data.matrix import ExpressionMatrix
from cic.model.bundle import Bundle
from cic.model.inference import TrainedNetwork
from cic.model.taken_away import left_with, made_without
from cic.seeds import generator

SHARES = (0.25, 0.5, 0.75, 0.9, 0.95, 0.99)
SETS = ("tcga", "gtex26", "chowdary", "pbmc3k")


def panels(folder: Path, sets: dict[str, ExpressionMatrix], lists: list[str]) -> dict[str, set[str]]:
    """Give genes, by symbol, that platforms have; further ones from files with a column `symbol`."""
    probes = pd.read_csv(folder / "maps/GPL96_HG-U133A_probe2symbol.csv.gz")
    coding = pd.read_csv(folder / "maps/ensembl_gencode_v36_gene_map.csv.gz")
    symbol_of = dict(zip(coding["ens"], coding["gene_name"], strict=True))
    found = {
        "HG-U133A": set(probes.iloc[:, 1].dropna().astype(str)),
        "Drop-seq": {symbol_of.get(gene, gene) for gene in sets["dropseq"].genes},
        "the 467 of gtex26": set(sets["gtex26"].genes),
        "three studies": set(sets["E-MTAB-305"].genes) & set(sets["E-MTAB-513"].genes) & set(sets["GSE30352"].genes),
    }
    for one in lists:
        name, _, path = one.partition("=")
        found[name] = set(pd.read_csv(path)["symbol"].astype(str))
    return found


def measured(bundle: Bundle, train_SG: np.ndarray, values_SG: np.ndarray, missing_G: np.ndarray) -> dict[str, float]:
    """Give errors over all genes, as shares of the squared distance from the training mean, by how genes are filled in.

    Parameters
    ----------
    train_SG
        Training profiles, preprocessed.
    values_SG, missing_G
        Test profiles over `genes_in`, and which of these are taken away. Cells without a count in the others are left
        out.
    """
    values_SG = values_SG[left_with(values_SG, missing_G)]
    ready, present_G = bundle.preprocessor, ~missing_G[bundle.preprocessor.kept]
    known, x_SG = bundle.inference(present_G), ready.transform(values_SG)
    given_SG = ready.transform(np.where(missing_G, np.float32(np.nan), values_SG))
    zero_G = -bundle.preprocessor.mean_G / bundle.preprocessor.scale_G  # log2 values of 0
    square_SR = np.square(train_SG[:, present_G]).sum(axis=1) - 2 * given_SG[:, present_G] @ train_SG[:, present_G].T
    filled = {
        "zeros": np.where(present_G, given_SG, zero_G.astype(np.float32)),
        "mean": np.where(present_G, given_SG, np.float32(0)),
        "nearest profile": np.where(present_G, given_SG, train_SG[square_SR.argmin(axis=1)]),
    }
    pca_GW = bundle.basis.components_GK[:, : bundle.architecture.bottleneck_width]
    made = {name: _made(bundle.network, bundle, one_SG) for name, one_SG in filled.items()}
    made["PCA, inferred"] = (known.filled(given_SG) @ pca_GW) @ pca_GW.T
    solved_WS, *_ = np.linalg.lstsq(pca_GW[present_G], given_SG[:, present_G].T, rcond=None)
    made["PCA, least squares"] = solved_WS.T @ pca_GW.T
    total = float(np.square(x_SG, dtype=np.float64).sum())
    errors = {name: float(np.square(one_SG - x_SG, dtype=np.float64).sum()) / total for name, one_SG in made.items()}
    whole, inferred = (
        float(made_without(bundle, values_SG, gone_G).error_S.sum()) / total
        for gone_G in (np.zeros_like(missing_G), missing_G)
    )
    return {
        "genes": float(present_G.sum()), "variance": known.variance, "coverage": known.coverage,
        "foretold": known.error_factor, "measured": inferred / whole, "all genes": whole, "inferred": inferred,
        **errors,
    }  # fmt: skip


def _made(network: TrainedNetwork, bundle: Bundle, x_SG: np.ndarray) -> np.ndarray:
    return bundle.basis.lift(network.decode(network.encode(bundle.basis.project(x_SG)[0])))


def main() -> None:
    """Train, take genes away, show."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=3, help="splits")
    parser.add_argument("--only", action="append", help=f"sets; default {', '.join(SETS)}")
    parser.add_argument("--list", action="append", default=[], help="NAME=FILE of a platform's genes, column `symbol`")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    sets, rows = profile_sets(options.folder), []
    platforms = panels(options.folder, sets, options.list)
    for name in options.only or SETS:
        for seed in range(1, options.seeds + 1):
            bundle, train, test = trained(sets[name], seed)
            train_SG, values_SG = bundle.preprocessor.transform(train.dense()), bundle.align(test)
            order_G = np.ones(len(bundle.genes_in))
            n_modelled = len(bundle.genes)
            order_G[bundle.preprocessor.kept] = generator(seed, "missing genes").permutation(n_modelled) / n_modelled
            cases = {f"{share:.0%} at random": order_G < share for share in SHARES}
            cases |= {one: np.array([gene not in has for gene in bundle.genes_in]) for one, has in platforms.items()}
            for case, missing_G in cases.items():
                if 0 < missing_G[bundle.preprocessor.kept].sum() < n_modelled:
                    rows.append({"set": name, "missing": case, **measured(bundle, train_SG, values_SG, missing_G)})
    print(pd.DataFrame(rows).groupby(["set", "missing"], sort=False).mean().round(3).to_string())


if __name__ == "__main__":
    main()

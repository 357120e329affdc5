"""What a correction by one shift per gene is worth: on other studies, and where nothing is shifted.

    python -m bench.shifts $CIC_REAL_DATA --seeds 5
    python -m bench.shifts --simulated

The first trains on one of a pair of studies and asks about the other, over the genes that both have. The second leaves
studies out of simulated data, and takes shifts from a few of their profiles, also where no study is shifted. A shift
is always fitted to other profiles than those that it is measured on. See docs/foreign.md.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from bench.foreign import trained
from bench.foreign_sets import STUDIES, over, profile_sets
from cic.data.matrix import ExpressionMatrix, read_matrix
from cic.data.synthetic import Recipe, simulate
from cic.model.bundle import Bundle
from cic.seeds import generator
from cic.using.correction import Correction, corrected, fit_correction

FOLDS = 5
PAIRS = {"gtex26": STUDIES, "celseq2": ("dropseq",), "dropseq": ("celseq2",)}
CALLED = {
    "Adipose Tissue": "adipose", "Adrenal Gland": "adrenal", "Blood": "leukocyte", "Muscle": "skeletal_muscle"
}  # fmt: skip
"""Tissues of gtex26 that the other studies call otherwise."""


def none(bundle: Bundle, values_SG: np.ndarray) -> Correction:
    """Correct nothing."""
    return Correction(np.zeros(len(bundle.genes), np.float32), bundle.digest, "", len(values_SG), 1.0)


def mean_shift(bundle: Bundle, values_SG: np.ndarray) -> Correction:
    """Move the mean of the profiles onto the training mean, whatever they are."""
    shift_G = bundle.preprocessor.transform(values_SG).mean(axis=0)
    return replace(none(bundle, values_SG), shift_G=shift_G)


def own_reconstruction(bundle: Bundle, values_SG: np.ndarray) -> Correction:
    """Take the mean of what the model leaves out of each profile, which changes codes hardly at all."""
    x_SG = bundle.preprocessor.transform(values_SG)
    made_SG = bundle.basis.lift(bundle.decode_basis(bundle.encode(values_SG)))
    return replace(none(bundle, values_SG), shift_G=(x_SG - made_SG).mean(axis=0))


def cic_correct(bundle: Bundle, values_SG: np.ndarray) -> Correction:
    """Fit what `cic correct` writes."""
    return fit_correction(bundle, values_SG, "bench")


WAYS: dict[str, Callable[[Bundle, np.ndarray], Correction]] = {
    "none": none,
    "mean": mean_shift,
    "own reconstruction": own_reconstruction,
    "cic correct": cic_correct,
}


def crossed(bundle: Bundle, values_SG: np.ndarray, way: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Give codes and errors (over the usual) of profiles, each by a shift fitted to four fifths without it."""
    fold_S = generator(seed, "shifts").permutation(len(values_SG)) % FOLDS
    code_SW = np.empty((len(values_SG), len(bundle.code_columns)), np.float32)
    error_S = np.empty(len(values_SG))
    for fold in range(FOLDS):
        seen = corrected(bundle, WAYS[way](bundle, values_SG[fold_S != fold]))
        code_SW[fold_S == fold] = seen.encode(values_SG[fold_S == fold])
        error_S[fold_S == fold] = seen.squared_errors(values_SG[fold_S == fold]) / len(bundle.genes)
    assert bundle.reference is not None
    return code_SW, error_S / bundle.reference.median_error


def told(code_SW: np.ndarray, label_S: pd.Series, other_SW: np.ndarray, other_S: pd.Series) -> float:
    """Give the share of other profiles whose label logistic regression on codes tells, of labels that both have."""
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(code_SW, label_S)
    known_S = other_S.isin(set(label_S)).to_numpy()
    return float((classifier.predict(other_SW[known_S]) == other_S[known_S].to_numpy()).mean())


def labels(folder: Path) -> dict[str, pd.Series]:
    """Give the label of each profile of each set."""
    tissues = pd.read_csv(folder / "gtex26/samples.csv", index_col=0)["label"]
    found = {"gtex26": tissues.replace(CALLED).str.lower().str.replace(" ", "_")}
    others = pd.read_csv(folder / "normal3studies/samples.csv", index_col=0)
    found |= {name: others["label"][others["study"] == name] for name in STUDIES}
    for name in ("celseq2", "dropseq"):
        found[name] = pd.read_csv(folder / f"celseq2_dropseq/sc_{name}.metadata.csv.gz", index_col=0)["cell_line"]
    return found


def on_pairs(folder: Path, seeds: int) -> pd.DataFrame:
    """Train on the first of each pair, and ask about the second."""
    sets, label_of, rows = profile_sets(folder), labels(folder), list[dict[str, Any]]()
    for name, others in PAIRS.items():
        for other in others:
            genes = [gene for gene in sets[name].genes if gene in set(sets[other].genes)]
            here, there = over(sets[name], genes), over(sets[other], genes)
            here_S, there_S = (
                label_of[one].set_axis(label_of[one].index.astype(str)).loc[matrix.samples.index]
                for one, matrix in ((name, here), (other, there))
            )
            for seed in range(1, seeds + 1):
                bundle, _, test = trained(here, seed)
                known_S = ~here.samples.index.isin(test.samples.index)
                code_SW = bundle.encode(here.values[known_S])
                for way in WAYS:
                    other_SW, ratio_S = crossed(bundle, there.values, way, seed)
                    accuracy = told(code_SW, here_S[known_S], other_SW, there_S)
                    case = {"trained on": name, "asked": f"{other} ({there.n_samples})", "way": way}
                    rows.append({**case, "labels told": accuracy, "error over the usual": float(np.median(ratio_S))})
    return pd.DataFrame(rows).groupby(["trained on", "asked", "way"], sort=False).mean()


def on_simulated(genes: int = 2000) -> pd.DataFrame:
    """Take shifts from some profiles of studies that are left out, and measure the error on others of the same."""
    rows = list[dict[str, Any]]()
    for shift, noise in ((0.0, 1.0), (0.25, 1.0), (0.25, 8.0), (1.0, 1.0)):
        bundle, _, test = trained(simulated(Recipe(genes=genes, study_shift=shift, noise=noise)), 1)
        draw = generator(1, "shifts")
        group_S, replicate_S = (test.samples[role].to_numpy() for role in ("group", "replicate"))
        # where no study is shifted, profiles of all of them are alike
        asked = [np.flatnonzero(group_S == group) for group in np.unique(group_S)] if shift else [group_S != ""] * 6
        for at in asked:
            for few in (3, 5, 8, 12, 18):
                order = draw.permutation(np.arange(len(group_S))[at])
                given, others = order[:few], order[few:]
                others = others[~np.isin(replicate_S[others], replicate_S[given])]
                if len(others) < 3:
                    continue
                usual = bundle.squared_errors(test.values[others]).mean()
                for way, fit in WAYS.items():
                    seen = corrected(bundle, fit(bundle, test.values[given]))
                    ratio = float(seen.squared_errors(test.values[others]).mean() / usual)
                    rows.append({"shift": shift, "noise": noise, "fitted to": few, "way": way, "error": ratio})
    errors = pd.DataFrame(rows).groupby(["shift", "noise", "fitted to", "way"], sort=False)["error"]
    table = pd.DataFrame(errors.agg(["mean", "max"]).unstack("way"))
    return table[[("mean", way) for way in list(WAYS)[1:]] + [("max", "cic correct")]]


def simulated(recipe: Recipe) -> ExpressionMatrix:
    with tempfile.TemporaryDirectory() as folder:
        simulate(recipe, Path(folder) / "simulated")
        matrix = read_matrix(Path(folder) / "simulated")
    samples = matrix.samples.rename(columns={"cell_type": "label", "study": "group", "replicate_of": "replicate"})
    return replace(matrix, samples=samples)


def main() -> None:
    """Measure, show."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--seeds", type=int, default=5, help="splits of the first of a pair")
    parser.add_argument("--simulated", action="store_true")
    options = parser.parse_args()
    found = on_simulated() if options.simulated else on_pairs(options.folder, options.seeds)
    print(found.round(3).to_string(float_format="%.3f"))


if __name__ == "__main__":
    main()

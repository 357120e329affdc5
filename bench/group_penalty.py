"""What a penalty on what tells groups apart buys in studies never seen, and what it costs in error.

    python -m bench.group_penalty

Simulated studies, of which quarters are held out; labels by logistic regression on the codes.

Axes: S profiles, W numbers of the code.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from bench.shifts import simulated
from cic.config import Params
from cic.data.matrix import ExpressionMatrix
from cic.data.split import grouped_folds
from cic.data.synthetic import Recipe
from cic.model.autoencoder import frozen
from cic.model.group_share import group_share, kin_of
from cic.model.prepare import in_basis, prepare
from cic.model.training import Hyperparameters
from cic.model.trial import fit_network

PENALTIES = (0.0, 0.03, 0.3, 1.0)
STUDY_SHIFTS = (0.25, 1.0)
WIDTH, RANK = 16, 256
QUARTERS = 2
"""Of the four quarters of the studies, held out in turn."""


def share(code_SW: np.ndarray, samples: pd.DataFrame) -> float:
    """Give the share of the variance of codes, within labels, by which groups are told apart."""
    code = torch.from_numpy(code_SW.astype(np.float64))
    group_S, label_S = (pd.factorize(samples[name])[0].astype(np.int64) for name in ("group", "label"))
    kin = kin_of(group_S, label_S, code)
    assert kin is not None, "there are groups"
    return float(group_share(code, kin))


def told(code_SW: np.ndarray, label_S: pd.Series, other_SW: np.ndarray, truth_S: pd.Series) -> float:
    """Give how many labels of other codes logistic regression on codes tells rightly."""
    teller = make_pipeline(StandardScaler(), LogisticRegression(max_iter=150)).fit(code_SW, label_S)
    return float((teller.predict(other_SW) == truth_S.to_numpy()).mean())


def measured(
    train: ExpressionMatrix, validation: ExpressionMatrix, test: ExpressionMatrix, penalty: float, seed: int
) -> list[dict[str, float | str]]:
    """Train once; give the figures of the model, and of PCA of equal width beside a training without penalty."""
    params = Params.model_validate({"seed": seed, "training": {"group_penalty": penalty}})
    ready = prepare(train, validation, params, RANK)
    hyper = Hyperparameters(depth=1, bottleneck_width=WIDTH)
    network = frozen(fit_network(ready.fold, hyper, params.training, seed).network)
    z_SK, outside_S, _ = in_basis(test, ready.preprocessor, ready.basis)
    z_train_SK, square = ready.fold.z_train_SK, ready.basis.scale**2
    codes = {str(penalty): (network.encode(z_train_SK), network.encode(z_SK))}
    if not penalty:
        codes["PCA"] = (z_train_SK[:, :WIDTH], z_SK[:, :WIDTH])
    left_S = np.square(network.decode(codes[str(penalty)][1]) - z_SK).sum(axis=1) * square + outside_S
    pca_S = np.square(z_SK[:, WIDTH:]).sum(axis=1) * square + outside_S
    return [
        {
            "penalty": name, "ratio": float(left_S.sum() / pca_S.sum()) if name != "PCA" else 1.0,
            "labels": told(train_SW, train.samples["label"], test_SW, test.samples["label"]),
            "share, training": share(train_SW, train.samples), "share, held out": share(test_SW, test.samples),
        }
        for name, (train_SW, test_SW) in codes.items()
    ]  # fmt: skip


def main() -> None:
    """Simulate, train, show."""
    rows = []
    for study_shift in STUDY_SHIFTS:
        matrix = simulated(Recipe(genes=2000, study_shift=study_shift))
        fold_S = grouped_folds(matrix.samples, 4, 3)
        for held_out in range(QUARTERS):
            seen, test = matrix.select(fold_S != held_out), matrix.select(fold_S == held_out)
            inner_S = grouped_folds(seen.samples, 6, 5)
            parts = (seen.select(inner_S > 0), seen.select(inner_S == 0), test)
            for penalty in PENALTIES:
                rows += [{"study shift": study_shift, **row} for row in measured(*parts, penalty, held_out)]
    print(pd.DataFrame(rows).groupby(["study shift", "penalty"], sort=False).mean().round(3).to_string())


if __name__ == "__main__":
    main()

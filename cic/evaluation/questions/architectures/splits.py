"""The contest of the cells over other splits of the training and validation profiles.

Axes: C cells, J splits, S profiles.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from cic.data.split import grouped_folds, unit_of_samples
from cic.evaluation.questions.architectures.cells import CELL, rule
from cic.evaluation.retrainings.retraining import retrain_all
from cic.evaluation.statistics.student import t_interval
from cic.evaluation.subject import Subject
from cic.seeds import derive_seed


def other_splits(subject: Subject) -> list[np.ndarray]:
    """Give masks of the validation profiles: those of the search's split, then those of `evaluate.split_seeds` others.

    The others are folds of the profiles outside the test part, whole by group and replicates and as large as the
    validation part is. Their validation profiles are disjoint until every profile has been among them once. Nothing
    is given where all profiles belong together.
    """
    seen_S, subset_S = subject.part_S != "test", subject.part_S == "validation"
    samples = subject.samples[seen_S]
    n_folds = min(max(2, round(seen_S.sum() / subset_S.sum())), len(np.unique(unit_of_samples(samples))))
    if n_folds < 2:
        return []
    masks = [subset_S]
    for number in range(subject.params.evaluate.split_seeds):
        again, fold = divmod(number, n_folds)
        fold_S = np.full(len(seen_S), -1)
        fold_S[seen_S] = grouped_folds(samples, n_folds, derive_seed(subject.seed, "architectures", "folds", again))
        masks.append(fold_S == fold)
    return masks


def contest(subject: Subject, cells_C: pd.DataFrame, splits: Sequence[np.ndarray]) -> pd.DataFrame:
    """Train every cell on every split: the table `architecture_splits`.

    One training a cell and split, so the rule takes the standard error of a single one: the spread between the
    search's seeds.
    """
    # PCA comes with any training of its width; depth 0 is only trained, in no time, where nothing deeper is
    deeper = set(cells_C.loc[cells_C["depth"] > 0, "bottleneck_width"])
    trained_C = cells_C[(cells_C["depth"] > 0) | ~cells_C["bottleneck_width"].isin(deeper)]
    seen_S = subject.part_S != "test"
    bouts = [(split, row) for split in range(len(splits)) for row in trained_C.to_dict("records")]
    specs = []
    for split, row in bouts:
        name = f"architectures/split {split}/depth {row['depth']}, width {row['bottleneck_width']}"
        spec = subject.retraining(name, seen_S & ~splits[split], splits[split], hyper=row["hyper"])
        specs.append(replace(spec, hyper=row["hyper"]))  # hidden layers keep their width
    rows = {}
    for (split, row), found in zip(bouts, retrain_all(specs, subject.workers, "architectures"), strict=True):
        width, validation_S = row["bottleneck_width"], splits[split]
        total = found.mean_error_S[validation_S].sum()
        pca_error = float(found.pca_error_S[validation_S].sum() / total)
        rows[split, 0, width] = (pca_error, pca_error)
        if row["depth"]:
            rows[split, row["depth"], width] = (float(found.error_S[validation_S].sum() / total), pca_error)
    spread_C = cells_C["standard_error"] * np.sqrt(cells_C["trainings"])
    spread_C = spread_C.fillna(spread_C[cells_C["depth"] > 0].median()).fillna(0.0)
    tables = []
    for split in range(len(splits)):
        cells = cells_C[CELL].copy()
        cells.insert(0, "split", split)
        cells[["error", "pca_error"]] = [rows[split, depth, width] for depth, width in cells[CELL].to_numpy()]
        cells["ratio_to_pca"] = cells["error"] / cells["pca_error"]
        cells["selected"] = cells.index == rule(cells_C, cells["error"], spread_C)
        cells["won"] = cells.index == cells["error"].idxmin()
        tables.append(cells)
    return pd.concat(tables, ignore_index=True)


def overlap(subject: Subject, splits: Sequence[np.ndarray]) -> float:
    """Give validation over training profiles of the splits other than the search's."""
    n_validation = float(np.mean([validation_S.sum() for validation_S in splits[1:]]))
    return n_validation / ((subject.part_S != "test").sum() - n_validation)


def over_splits(contests: pd.DataFrame, confidence: float, overlap: float) -> pd.DataFrame:
    """Give what the splits other than the search's come to, a row a cell."""
    rows = []
    for cell, cells in contests[contests["split"] > 0].groupby(CELL):
        ratio = t_interval(cells["ratio_to_pca"].to_numpy(), confidence, overlap)
        rows.append(
            dict(zip(CELL, cell, strict=True))
            | {"split_error": cells["error"].mean(), "split_ratio": ratio.value}
            | {"split_low": ratio.low, "split_high": ratio.high}
            | {name: int(cells[name].sum()) for name in ("selected", "won")}
        )
    return pd.DataFrame(rows).astype({"split_low": float, "split_high": float})

"""What a model of one real set is worth on another: `cic validate`, over the genes that both have.

    python -m bench.validation $CIC_REAL_DATA build/validation

A network of depth 1 and width 30 is trained with labels on one set, and measured on its own test part and on the other
set. Writes a folder a validation, and shows the figures. See docs/validation.md.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from bench.foreign_sets import STUDIES, over, profile_sets
from cic.config import Evaluate, load_params
from cic.data.label_words import Replacement, relabelled
from cic.data.matrix import ExpressionMatrix, fingerprints
from cic.data.split import split_samples
from cic.model.autoencoder import frozen
from cic.model.bundle import Bundle
from cic.model.prepare import prepare
from cic.model.reference import Reference
from cic.model.training import Hyperparameters
from cic.model.trial import fit_network
from cic.seeds import derive_seed
from cic.using import Model
from cic.validation.kept import figures, write
from cic.validation.measure import measure
from cic.validation.profiles import reproduced

SEED, LABEL_WEIGHT, WIDTH = 1, 0.1, 30
TISSUES = ("Brain", "Liver", "Lung", "Breast", "Ovary", "Prostate")
"""That all three have."""
TCGA_WORDS = {word: word.lower() for word in (*TISSUES, "Pancreas", "Esophagus")}
GTEX_WORDS = {word.lower(): word for word in (*TISSUES, "Heart", "Testis", "Colon", "Thyroid", "Spleen")}
GTEX_WORDS |= {"cerebellum": "Brain", "hypothalamus": "Brain", "skeletal_muscle": "Muscle", "adipose": "Adipose Tissue"}
GTEX_WORDS |= {"adrenal": "Adrenal Gland", "leukocyte": "Blood"}


def labelled(folder: Path) -> dict[str, ExpressionMatrix]:
    """Give `tcga`, `gtex26` and the three studies as `normal3`, labelled, the last one over the genes they share."""
    sets = profile_sets(folder)
    for name in ("tcga", "gtex26"):
        about = pd.read_csv(folder / name / "samples.csv", index_col=0)
        sets[name] = replace(
            sets[name], samples=about.loc[sets[name].samples.index, ["label"]].rename_axis("sample_id")
        )
    about = pd.read_csv(folder / "normal3studies/samples.csv")
    genes = [gene for gene in sets[STUDIES[0]].genes if all(gene in set(sets[name].genes) for name in STUDIES)]
    parts = [over(sets[name], genes) for name in STUDIES]
    samples = []
    for name, part in zip(STUDIES, parts, strict=True):
        own = about[about["study"] == name].set_index("sample_id").loc[part.samples.index]
        ids = pd.Index([f"{name}|{sample}" for sample in own.index], name="sample_id")
        samples.append(own[["label"]].assign(group=name).set_axis(ids))
    values_SG = np.concatenate([part.values for part in parts])
    return {"tcga": sets["tcga"], "gtex26": sets["gtex26"],
            "normal3": replace(parts[0], values=values_SG, samples=pd.concat(samples))}  # fmt: skip


def trained(matrix: ExpressionMatrix) -> tuple[Model, ExpressionMatrix]:
    """Train with labels; give the model and its test part."""
    params = load_params(overrides={"training.label_weight": LABEL_WEIGHT, "seed": SEED})
    part_S = split_samples(matrix.samples, params.split, derive_seed(SEED, "split")).to_numpy()
    train, validation, test = (matrix.select(part_S == name) for name in ("train", "validation", "test"))
    ready = prepare(train, validation, params, 0)
    hyper = Hyperparameters(depth=1, bottleneck_width=WIDTH)
    network = frozen(fit_network(ready.fold, hyper, params.training, derive_seed(SEED, "fit", 0)).network)
    about = {"trained_on": sorted(fingerprints(train.values) + fingerprints(validation.values))}
    bundle = Bundle(ready.preprocessor, ready.basis, network, ready.labels, about)
    return Model(replace(bundle, reference=Reference.of(bundle, validation.values)), "bench"), test


def main() -> None:
    """Train, validate, show."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    sets, rows = labelled(options.folder), {}
    for name, other, words in (("gtex26", "normal3", GTEX_WORDS), ("tcga", "gtex26", TCGA_WORDS)):
        genes = [gene for gene in sets[name].genes if gene in set(sets[other].genes)]
        model, test = trained(over(sets[name], genes))
        lines = [Replacement(0, None, old, new) for old, new in words.items()]
        elsewhere = over(sets[other], genes)
        label = relabelled({other: elsewhere.samples["label"]}, lines, "words")[other]
        elsewhere = replace(elsewhere, samples=elsewhere.samples.assign(label=label))
        for asked, matrix in (("test", test), (other, elsewhere)):
            made = measure(model, matrix, f"{name}-{asked}", "", Evaluate(), SEED)
            write(options.out / f"{name}-{asked}", made, "log2")
            rows[f"{name} on {asked}"] = {"profiles": made.found.about.measured, **figures(made.found)}
    print(pd.DataFrame(rows).T.round(3).to_string())
    print(copies(sets["tcga"]))


def copies(matrix: ExpressionMatrix) -> str:
    """Say how many profiles that a model has seen are found again once they are rounded to two decimals."""
    model, _ = trained(matrix)
    known_S = reproduced(model.bundle, matrix).trained_on_S
    found = reproduced(model.bundle, replace(matrix, values=np.round(matrix.values, 2).astype(np.float32)))
    outside_S = found.errors["span_ceiling"] / found.errors["mean_profile"]
    return (
        f"rounded: {found.near_S[known_S].sum()} of {known_S.sum()} trained or validated on, "
        f"{found.near_S[~known_S].sum()} of {(~known_S).sum()} others, of which {outside_S[~known_S].min():.1%} "
        "at least lies outside"
    )


if __name__ == "__main__":
    main()

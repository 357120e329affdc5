"""The settings in which cell types are told, and the sets of profiles that they are drawn from.

In each something is hard: few labels, fine types, studies or platforms left out, profiles disturbed. All labels are
there for reference.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from bench import pair_sets
from bench.foreign_sets import over
from bench.identity_draws import Source
from cic.data.matrix import ExpressionMatrix, read_matrix
from cic.data.readers import read_table
from cic.data.synthetic import Recipe, simulate
from cic.data.units import log2_scale
from cic.data.within import normal_scores
from cic.seeds import generator

NOISE = 2.0
"""Standard deviation of what is added to a gene of an asked profile, in its own standard deviations over the set."""
MISSING = 0.9
"""Share of the genes that an asked profile lacks, others for each."""
THINNED = 0.1
"""Share of the counts that an asked cell keeps."""


@dataclass(frozen=True)
class Design:
    """A setting but for the draw: how to read its set, labelled profiles a type (0: all), whether asked elsewhere."""

    read: Callable[[Path], Source]
    counts: tuple[int, ...]
    elsewhere: bool = False


def source_of(matrix: ExpressionMatrix, samples: pd.DataFrame | None = None) -> Source:
    """Bring profiles to log2 scale and to normal scores of their ranks."""
    log2_SG = log2_scale(matrix.dense(), matrix.unit)
    return _source(log2_SG, matrix.samples if samples is None else samples)


def _source(log2_SG: np.ndarray, samples: pd.DataFrame) -> Source:
    return Source(samples, log2_SG, normal_scores(log2_SG).astype(np.float32), log2_SG, log2_SG.shape[1])


def twins(samples: pd.DataFrame, log2_SG: np.ndarray, changed_SG: np.ndarray) -> Source:
    """Let changed profiles be asked, in place of those that are known: a profile and its twin stay together."""
    told = [samples.assign(asked=asked, replicate=samples.index) for asked in (False, True)]
    told[1].index = "changed " + samples.index
    return _source(np.vstack([log2_SG, changed_SG]).astype(np.float32), pd.concat(told))


def gtex26(folder: Path) -> Source:
    """Give 26 tissues over 467 genes."""
    return source_of(pair_sets.gtex26(folder))


def gtex26_noise(folder: Path) -> Source:
    """Add noise to the profiles that are asked."""
    source = gtex26(folder)
    draw = generator(1, "identity", "noise")
    noise_SG = draw.standard_normal(source.log2_SX.shape) * source.log2_SX.std(axis=0)
    return twins(source.samples, source.log2_SX, source.log2_SX + NOISE * noise_SG)


def gtex26_missing(folder: Path) -> Source:
    """Take genes from the profiles that are asked."""
    source = gtex26(folder)
    gone_SG = generator(1, "identity", "missing").random(source.log2_SX.shape) < MISSING
    return twins(source.samples, source.log2_SX, np.where(gone_SG, np.float32(np.nan), source.log2_SX))


def tcga(folder: Path) -> Source:
    """Give 9 tissues, mostly tumours."""
    return source_of(_tcga(folder))


def glioblastoma(folder: Path) -> Source:
    """Give the four subtypes of one tumour, which differ far less than tissues do."""
    matrix = _tcga(folder)
    subtype_S = matrix.samples["subtype_or_group"]
    kept = matrix.select(((matrix.samples["label"] == "brain") & subtype_S.notna()).to_numpy())
    return source_of(kept, pd.DataFrame({"label": kept.samples["subtype_or_group"]}))


def _tcga(folder: Path) -> ExpressionMatrix:
    matrix = read_table(folder / "tcga/expression.parquet", samples_in="rows", unit="log2")
    about = pd.read_csv(folder / "tcga/samples.csv", index_col=0, dtype=str).loc[matrix.samples.index]
    return replace(matrix, samples=about)


def pbmc3k(folder: Path) -> Source:
    """Give 9 types of single cells."""
    return source_of(_pbmc3k(folder))


def pbmc3k_thinned(folder: Path) -> Source:
    """Let the cells that are asked be read less deeply."""
    matrix = _pbmc3k(folder)
    counts_SG = matrix.dense().astype(np.int64)
    thinned_SG = generator(1, "identity", "thinned").binomial(counts_SG, THINNED).astype(np.float32)
    known, asked = (log2_scale(values_SG, "counts") for values_SG in (matrix.dense(), thinned_SG))
    return twins(matrix.samples, known, asked)


def _pbmc3k(folder: Path) -> ExpressionMatrix:
    matrix = read_table(folder / "pbmc3k/counts.h5ad", samples_in="rows", unit="counts")
    return replace(matrix, samples=pd.DataFrame({"label": matrix.samples["cell_type"].astype(str)}))


def simulated(folder: Path) -> Source:
    """Simulate the default set: 16 types, studies left out."""
    return _simulated(len("aaaa"))


def simulated_coarse(folder: Path) -> Source:
    """Call the types by the first two branches of their tree: 4 types of 4 kinds each."""
    return _simulated(len("aa"))


def _simulated(branches: int) -> Source:
    with TemporaryDirectory() as own:
        simulate(Recipe(), Path(own) / "set")
        matrix = read_matrix(Path(own) / "set")
    about = matrix.samples
    samples = pd.DataFrame(
        {"label": about["cell_type"].str[:branches], "group": about["study"], "replicate": about["replicate_of"]}
    )
    return source_of(matrix, samples)


def celseq2(folder: Path) -> Source:
    """Give three cell lines, single cells."""
    return source_of(pair_sets.cells(folder, "celseq2"))


def dropseq(folder: Path) -> Source:
    """Give the same lines by another platform."""
    return source_of(pair_sets.cells(folder, "dropseq"))


def of_pair(name: str) -> Callable[[Path], Source]:
    """Give what reads a pair of studies over their shared genes, the second of which is asked."""
    return lambda folder: _of_pair(pair_sets.read_pair(folder, name))


def _of_pair(pair: pair_sets.Pair) -> Source:
    read, samples = [], []
    for one, is_second in ((pair.first, False), (pair.second, True)):
        shared = over(one, pair.shared)
        read.append(log2_scale(shared.dense(), shared.unit))
        own = shared.samples[["label"]].assign(asked=is_second)
        samples.append(own.set_index(f"{'second' if is_second else 'first'} " + own.index))
    return _source(np.vstack(read), pd.concat(samples))


def rnamix(label: str, group: str) -> Callable[[Path], Source]:
    """Give what reads known mixtures of three lines, told by `label`; wells that share `group` stay together."""

    def read(folder: Path) -> Source:
        matrix = read_table(folder / "rnamix/counts.parquet", samples_in="rows", unit="counts")
        about = pd.read_csv(folder / "rnamix/samples.csv", index_col=0).loc[matrix.samples.index]
        share_SL = about[["H2228_prop", "H1975_prop", "HCC827_prop"]].to_numpy()
        line_S = np.array(["H2228", "H1975", "HCC827"], dtype=object)[share_SL.argmax(axis=1)]
        line_S[~(share_SL.max(axis=1) > 0.5)] = None
        about["line"] = line_S
        about = about.rename(columns={"label": "mixture", "mRNA_amount": "amount", "replicate_group": "replicate"})
        samples = about[[label, "replicate"]].rename(columns={label: "label"}).assign(group=about[group].astype(str))
        known_S = samples["label"].notna().to_numpy()
        return source_of(matrix.select(known_S), samples[known_S].astype(str))

    return read


DESIGNS = {
    "gtex26": Design(gtex26, (2, 5, 10, 0)),
    "gtex26, noise": Design(gtex26_noise, (5, 0)),
    "gtex26, genes missing": Design(gtex26_missing, (5, 0)),
    "gtex26 to three laboratories": Design(of_pair("tissues"), (5, 0), elsewhere=True),
    "tcga": Design(tcga, (2, 5, 10, 20, 0)),
    "tcga, glioblastoma": Design(glioblastoma, (5, 0)),
    "pbmc3k": Design(pbmc3k, (5, 10, 20, 0)),
    "pbmc3k, counts thinned": Design(pbmc3k_thinned, (10,)),
    "simulated": Design(simulated, (2, 5, 10, 20, 0)),
    "simulated, coarse": Design(simulated_coarse, (5, 20)),
    "celseq2": Design(celseq2, (2, 5, 10, 20)),
    "dropseq": Design(dropseq, (2, 5, 10, 20)),
    "celseq2 to dropseq": Design(of_pair("celseq2"), (5, 20, 0), elsewhere=True),
    "dropseq to celseq2": Design(of_pair("dropseq"), (5, 20, 0), elsewhere=True),
    "rnamix, dominant line": Design(rnamix("line", "replicate"), (5, 10, 0)),
    "rnamix, mixture by amount": Design(rnamix("mixture", "amount"), (5, 10, 0)),
    "rnamix, amount by mixture": Design(rnamix("amount", "mixture"), (5, 10, 0)),
}

"""The embedded default data: profiles simulated from a lineage tree, with their ground truth kept beside them.

Cells descend from one root; every branch of the tree moves a low-dimensional state, and cells of one type still vary
along shared axes (cycle, stress, maturity), not independently of one another. Activity programs respond to the state
with saturation, genes respond to their programs, and the library is then read like RNA-seq: studies shift it, counts
add noise that depends on the mean, and technical replicates repeat only that last step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field, model_validator

from cic.config import ParamsSection
from cic.data.dataset import made
from cic.data.matrix_file import PROFILES, write_matrix_rows
from cic.seeds import generator

ROWS_A_CHUNK = 130  # part of the recipe: each chunk draws from its own seed
STATE_WIDTH = 10
WITHIN_WIDTH = 4
STUDY_FACTORS = 3


class Recipe(ParamsSection):
    """What `simulate` makes; the defaults have the size of the paper's data."""

    samples: Annotated[int, Field(ge=12)] = Field(default=1040, description="profiles, technical replicates included")
    genes: Annotated[int, Field(ge=50)] = 20_000
    cell_types: Annotated[int, Field(ge=2)] = Field(default=16, description="leaves of the lineage tree")
    studies: Annotated[int, Field(ge=3)] = Field(
        default=40, description="each with a shift of its own and a few cell types"
    )
    programs: Annotated[int, Field(ge=1)] = Field(default=80, description="sets of genes that respond together")
    replicate_pairs: Annotated[int, Field(ge=0)] = Field(default=120, description="samples measured twice")
    study_shift: Annotated[float, Field(ge=0)] = Field(
        default=0.25, description="standard deviation of study effects, log2"
    )
    noise: Annotated[float, Field(ge=0)] = Field(
        default=1.0, description="measurement noise; 1 is that of 20 million reads"
    )
    seed: Annotated[int, Field(ge=0)] = 1

    @model_validator(mode="after")
    def _enough_samples(self) -> Recipe:
        if 2 * self.replicate_pairs > self.samples:
            raise ValueError(f"{self.replicate_pairs} replicate pairs do not fit into {self.samples} samples")
        if self.samples - self.replicate_pairs < self.studies:
            raise ValueError(f"{self.samples - self.replicate_pairs} biological samples for {self.studies} studies")
        return self


@dataclass(frozen=True)
class Truth:
    """Everything behind the profiles but the noise.

    Attributes
    ----------
    activity_SP
        Activity of each program in each profile, 0 to 1.
    effect_PG
        log2 change of a gene between no and full activity of a program; 0 outside the program.
    base_G
        log2 expression of a gene where no program is active.
    shift_TG
        log2 shift of each gene in each study.
    study_S
        Study of each profile, by position in `shift_TG`.
    samples
        `cell_type`, `study` and `replicate_of`, indexed by sample id.
    """

    activity_SP: np.ndarray
    effect_PG: np.ndarray
    base_G: np.ndarray
    shift_TG: np.ndarray
    study_S: np.ndarray
    samples: pd.DataFrame


def gene_names(recipe: Recipe) -> tuple[str, ...]:
    """Give the names of the simulated genes."""
    return tuple(f"SIM{number:05d}" for number in range(1, recipe.genes + 1))


def program_names(recipe: Recipe) -> tuple[str, ...]:
    """Give the names of the activity programs."""
    return tuple(f"PROGRAM_{number:03d}" for number in range(1, recipe.programs + 1))


def cell_type_names(n_types: int) -> tuple[str, ...]:
    """Name the leaves of a balanced lineage tree by their way from the root, such as `aabb`."""

    def below(n_leaves: int, path: str) -> list[str]:
        if n_leaves == 1:
            return [path]
        left = (n_leaves + 1) // 2
        return below(left, path + "a") + below(n_leaves - left, path + "b")

    return tuple(below(n_types, ""))


def draw_truth(recipe: Recipe) -> Truth:
    """Draw cells, programs, genes and studies; the noise is left to `simulate`."""
    n_biological = recipe.samples - recipe.replicate_pairs
    type_C, study_C = _design(recipe, n_biological)
    activity_CP = _activity(recipe, type_C)
    rng = generator(recipe.seed, "synthetic", "replicates")
    twice = np.sort(rng.choice(n_biological, recipe.replicate_pairs, replace=False))
    biological_S = np.sort(np.concatenate([np.arange(n_biological), twice]))
    types = np.array(cell_type_names(recipe.cell_types))
    samples = pd.DataFrame(
        {
            "cell_type": types[type_C[biological_S]],
            "study": [f"study-{number + 1:02d}" for number in study_C[biological_S]],
            "replicate_of": [f"specimen-{number + 1:04d}" for number in biological_S],
        },
        index=pd.Index([f"profile-{number:04d}" for number in range(1, recipe.samples + 1)], name="sample_id"),
    )
    base_G, effect_PG = _genes(recipe)
    return Truth(activity_CP[biological_S], effect_PG, base_G, _study_shifts(recipe), study_C[biological_S], samples)


def _design(recipe: Recipe, n_biological: int) -> tuple[np.ndarray, np.ndarray]:
    """Give type and study of every biological sample: studies of unequal size, each with a few cell types."""
    rng = generator(recipe.seed, "synthetic", "design")
    weight_T = rng.gamma(4.0, size=recipe.studies)
    extra = n_biological - recipe.studies
    size_T = 1 + np.floor(weight_T / weight_T.sum() * extra).astype(int)
    size_T[: n_biological - size_T.sum()] += 1
    study_C = np.repeat(np.arange(recipe.studies), size_T)
    # Types go round, a few to a study, so that each is seen in several studies.
    types_a_study = min(recipe.cell_types, 5)
    deck = np.concatenate([rng.permutation(recipe.cell_types) for _ in range(recipe.studies)])
    type_C = np.empty(n_biological, dtype=np.int64)
    for study in range(recipe.studies):
        hand = deck[study * types_a_study : (study + 1) * types_a_study]
        members = np.flatnonzero(study_C == study)
        type_C[members] = rng.permutation(hand[np.arange(len(members)) % len(hand)])
    return type_C, study_C


def _activity(recipe: Recipe, type_C: np.ndarray) -> np.ndarray:
    """Give the activity of each program in each biological sample, 0 to 1."""
    rng = generator(recipe.seed, "synthetic", "state")
    position_LD = np.zeros((recipe.cell_types, STATE_WIDTH))
    branches: dict[str, np.ndarray] = {}
    for leaf, path in enumerate(cell_type_names(recipe.cell_types)):
        for level in range(1, len(path) + 1):
            if path[:level] not in branches:
                branches[path[:level]] = rng.normal(size=STATE_WIDTH) * 0.85**level
            position_LD[leaf] += branches[path[:level]]
    # Variation within a type runs along axes that all types share, and is correlated and skewed.
    mixing = rng.normal(size=(WITHIN_WIDTH, WITHIN_WIDTH)) * 0.4 + np.eye(WITHIN_WIDTH)
    within_CW = np.tanh(rng.normal(size=(len(type_C), WITHIN_WIDTH)) @ mixing)
    axes_WD = rng.normal(size=(WITHIN_WIDTH, STATE_WIDTH)) * 0.6
    state_CD = position_LD[type_C] + within_CW @ axes_WD
    direction_DP = rng.normal(size=(STATE_WIDTH, recipe.programs)) / np.sqrt(STATE_WIDTH)
    drive_CP = state_CD @ direction_DP
    drive_CP = (drive_CP - drive_CP.mean(axis=0)) / (drive_CP.std(axis=0) + 1e-12)
    threshold_P = rng.normal(0.3, 0.7, size=recipe.programs)
    steepness_P = rng.uniform(2.0, 5.0, size=recipe.programs)
    return 1 / (1 + np.exp(-steepness_P * (drive_CP - threshold_P)))


def _genes(recipe: Recipe) -> tuple[np.ndarray, np.ndarray]:
    """Give base expression and the effect of every program on every gene, log2."""
    rng = generator(recipe.seed, "synthetic", "genes")
    base_G = rng.normal(1.0, 3.0, size=recipe.genes)
    membership_PG = np.zeros((recipe.programs, recipe.genes), dtype=bool)
    n_memberships = rng.choice(4, size=recipe.genes, p=[0.35, 0.35, 0.2, 0.1])
    for gene in np.flatnonzero(n_memberships):
        n_programs = min(int(n_memberships[gene]), recipe.programs)
        membership_PG[rng.choice(recipe.programs, n_programs, replace=False), gene] = True
    up_PG = np.where(rng.random(membership_PG.shape) < 0.75, 1.0, -1.0)
    effect_PG = membership_PG * up_PG * rng.gamma(2.0, 1.0, size=membership_PG.shape)
    return base_G, effect_PG


def _study_shifts(recipe: Recipe) -> np.ndarray:
    """Give the shift of each gene in each study: a few factors that studies share, and something of its own."""
    rng = generator(recipe.seed, "synthetic", "studies")
    loading_FG = rng.normal(size=(STUDY_FACTORS, recipe.genes))
    factor_TF = rng.normal(size=(recipe.studies, STUDY_FACTORS))
    own_TG = rng.normal(size=(recipe.studies, recipe.genes))
    return recipe.study_shift * (factor_TF @ loading_FG / np.sqrt(2 * STUDY_FACTORS) + own_TG / np.sqrt(2))


def _profiles(recipe: Recipe, truth: Truth) -> Iterator[tuple[pd.DataFrame, np.ndarray]]:
    """Stream chunks of (sample columns, log2(TPM + 1) values): each measured with noise of its own."""
    reads_a_million = 20.0
    for chunk, start in enumerate(range(0, recipe.samples, ROWS_A_CHUNK)):
        rows = slice(start, start + ROWS_A_CHUNK)
        rng = generator(recipe.seed, "synthetic", "noise", chunk)
        log2_SG = truth.base_G + truth.activity_SP[rows] @ truth.effect_PG + truth.shift_TG[truth.study_S[rows]]
        tpm_SG = np.exp2(log2_SG.astype(np.float32))
        tpm_SG *= np.float32(1e6) / tpm_SG.sum(axis=1, keepdims=True)
        # Overdispersion as a factor; then Poisson counts on the square-root scale, where their variance is 1/4.
        shape = tpm_SG.shape
        tpm_SG *= np.exp(np.float32(0.08 * recipe.noise) * rng.standard_normal(shape, dtype=np.float32))
        root_SG = np.sqrt(tpm_SG * np.float32(reads_a_million))
        root_SG += np.float32(0.5 * recipe.noise) * rng.standard_normal(shape, dtype=np.float32)
        tpm_SG = np.maximum(root_SG, np.float32(0)) ** 2
        tpm_SG *= np.float32(1e6) / tpm_SG.sum(axis=1, keepdims=True)
        yield truth.samples.iloc[rows], np.log2(tpm_SG + np.float32(1))


def truth_files(folder: Path) -> tuple[Path, Path]:
    """Give the files of ground truth in a simulated data set: genes of each program, true activities."""
    return folder / "programs.gmt", folder / "truth.parquet"


def planted_activity(path: Path, samples: pd.Index) -> pd.DataFrame | None:
    """Give the true activity of each program by sample id, of a simulated data set; `None` of any other."""
    truth = truth_files(path)[1]
    if not truth.exists():
        return None
    activity = pq.read_table(truth).to_pandas().set_index("sample_id")
    return activity if set(activity.index) == set(samples) else None


def simulate(recipe: Recipe, path: Path, progress: Callable[[int], None] | None = None) -> None:
    """Make a data set of simulated profiles and their truth.

    Parameters
    ----------
    recipe
        What to make. The same recipe gives the same file on the same machine; last bits may differ between processors.
    path
        The folder of the data set, in log2(TPM + 1). In it are also `programs.gmt`, the genes of each program, and
        `truth.parquet`, the true activity of each program in each profile.
    progress
        Called with the number of profiles made since the last call.
    """
    write_simulated(recipe, draw_truth(recipe), path, progress)


def write_simulated(recipe: Recipe, truth: Truth, path: Path, progress: Callable[[int], None] | None = None) -> None:
    """Measure what was drawn, and write it with its truth, as `simulate` has it."""

    def chunks() -> Iterator[tuple[pd.DataFrame, np.ndarray]]:
        for samples, values_SG in _profiles(recipe, truth):
            yield samples, values_SG
            if progress is not None:
                progress(len(samples))

    def write(folder: Path) -> None:
        write_matrix_rows(folder / PROFILES, gene_names(recipe), "log2", chunks())
        write_truth(recipe, truth, folder)

    made(Path(path), write, {"simulated": recipe.model_dump(mode="json")})


def write_truth(recipe: Recipe, truth: Truth, folder: Path) -> None:
    """Write the genes of each program, of those that have any, and the true activity of each profile."""
    names = gene_names(recipe)
    programs_path, truth_path = truth_files(folder)
    with programs_path.open("w") as file:
        for program, effect_G in zip(program_names(recipe), truth.effect_PG, strict=True):
            members = [names[gene] for gene in np.flatnonzero(effect_G)]
            if members:  # of few genes none may be a program's, and a set without genes is none
                file.write("\t".join([program, "simulated", *members]) + "\n")
    activity = pd.DataFrame(truth.activity_SP, index=truth.samples.index, columns=list(program_names(recipe)))
    pq.write_table(
        pa.Table.from_pandas(activity.reset_index(), preserve_index=False), truth_path, write_page_checksum=True
    )

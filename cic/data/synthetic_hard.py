"""A harder setting of the simulated profiles: closer to what makes pathways hard to tell apart in real ones.

In the default setting programs share genes by chance alone, half of them are active in a third of the profiles, all
follow ten numbers of a state, and studies shift genes without regard to programs. Here programs come in families:
siblings share genes and go together, many programs are active in few profiles only, each has something of its own
that no state tells, and studies shift whole modules of genes which are parts of programs.

Axes: S profiles, C biological samples, P programs, G genes, T studies, M modules.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from pydantic import Field
from scipy import stats

from cic.data.synthetic import Recipe, Truth, draw_truth, write_simulated
from cic.seeds import generator

FAMILY = 4
"""Programs of a family."""
SHARED = 0.2
"""Share of each sibling's genes that a program takes up."""
OF_FAMILY, OF_STATE, OF_ITS_OWN = 0.8, 0.4, 0.4
"""What drives a program: its family's first program, a state as in the default setting, chance of each sample."""
RAREST, COMMONEST = 0.02, 0.3
"""Share of the samples in which a program is more than half active, log-uniform."""
STEEPNESS = 4.0
MODULES, PROGRAMS_A_MODULE = 8, 4
"""Modules of genes that studies shift, and programs of which each has half of the genes."""
MODULE_SHIFT = 2.0
"""Standard deviation of a module's shift, in that of study effects."""


class HardRecipe(Recipe):
    """What `simulate_hard` makes."""

    setting: Literal["hard"] = Field(default="hard", description="tells the recipe from the default one")


def draw_hard_truth(recipe: HardRecipe) -> Truth:
    """Draw cells, programs, genes and studies as the default setting does, and make them harder to tell apart."""
    easy = draw_truth(recipe)
    effect_PG = _overlapping(recipe, easy.effect_PG)
    shift_TG = easy.shift_TG + _module_shifts(recipe, effect_PG)
    return replace(easy, activity_SP=_rare_and_correlated(recipe, easy), effect_PG=effect_PG, shift_TG=shift_TG)


def simulate_hard(recipe: HardRecipe, path: Path, progress: Callable[[int], None] | None = None) -> None:
    """Make a data set of simulated profiles that are harder to take apart, and their truth, as `simulate`."""
    write_simulated(recipe, draw_hard_truth(recipe), path, progress)


def _family_P(n_programs: int) -> np.ndarray:
    return np.arange(n_programs) // FAMILY


def _overlapping(recipe: HardRecipe, effect_PG: np.ndarray) -> np.ndarray:
    """Let every program take up genes of its siblings, with effects of its own."""
    rng = generator(recipe.seed, "synthetic", "hard", "genes")
    family_P, own_PG, found_PG = _family_P(recipe.programs), effect_PG != 0, effect_PG.copy()
    for program in range(recipe.programs):
        siblings_P = (family_P == family_P[program]) & (np.arange(recipe.programs) != program)
        offered_PG = own_PG[siblings_P] & (rng.random((siblings_P.sum(), recipe.genes)) < SHARED)
        taken_G = offered_PG.any(axis=0) & ~own_PG[program]
        up_G = np.where(rng.random(recipe.genes) < 0.75, 1.0, -1.0)
        found_PG[program, taken_G] = (up_G * rng.gamma(2.0, 1.0, size=recipe.genes))[taken_G]
    return found_PG


def _rare_and_correlated(recipe: HardRecipe, easy: Truth) -> np.ndarray:
    """Give activities that siblings share in part, and that are above one half in as few profiles as was drawn."""
    rng = generator(recipe.seed, "synthetic", "hard", "state")
    of_sample_S, specimens = pd.factorize(easy.samples["replicate_of"])
    first_C = np.unique(of_sample_S, return_index=True)[1]
    state_CP = stats.norm.ppf((stats.rankdata(easy.activity_SP[first_C], axis=0) - 0.5) / len(specimens))
    eldest_P = _family_P(recipe.programs) * FAMILY
    own_CP = rng.normal(size=state_CP.shape)
    drive_CP = OF_FAMILY * state_CP[:, eldest_P] + OF_STATE * state_CP + OF_ITS_OWN * own_CP
    share_P = np.exp(rng.uniform(np.log(RAREST), np.log(COMMONEST), size=recipe.programs))
    threshold_P = [np.quantile(drive_C, 1 - share) for drive_C, share in zip(drive_CP.T, share_P, strict=True)]
    return (1 / (1 + np.exp(-STEEPNESS * (drive_CP - threshold_P))))[of_sample_S]


def _module_shifts(recipe: HardRecipe, effect_PG: np.ndarray) -> np.ndarray:
    """Give the shift of each gene in each study along modules, which are halves of some programs."""
    rng = generator(recipe.seed, "synthetic", "hard", "studies")
    loading_MG = np.zeros((MODULES, recipe.genes))
    for loading_G in loading_MG:
        programs = rng.choice(recipe.programs, min(PROGRAMS_A_MODULE, recipe.programs), replace=False)
        member_G = (effect_PG[programs] != 0).any(axis=0) & (rng.random(recipe.genes) < 0.5)
        loading_G[member_G] = rng.gamma(2.0, 0.5, size=member_G.sum())
    return MODULE_SHIFT * recipe.study_shift * rng.normal(size=(recipe.studies, MODULES)) @ loading_MG

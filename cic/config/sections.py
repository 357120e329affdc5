"""The parameters as frozen, typed sections, one a stage: what each is called, means, may be, and is if left out.

Here are those by which a model comes about; `cic.config.judging` has those by which it is judged.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from cic.config.kinds import Bounds, Depths, LogBounds, Widths


class ParamsSection(BaseModel):
    """One section of `params.yaml`, or a part of one that overrides some of its fields.

    So a section checks its fields one by one only; what must fit together is checked by `Params`, on the merged whole.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")


Handling = Literal["refuse", "drop_genes", "median"]
"""What becomes of missing values (`cic.data.missing`)."""


class Data(ParamsSection):
    """Stage `ingest`: which profiles, and what their columns mean."""

    file: str = Field(
        "data/raw/synthetic", description="data set, as `cic data import`, `merge` or `simulate` put it into place"
    )
    label: str | None = Field(None, description="column with the tissue or cell type")
    group: str | None = Field(None, description="column that splits must not straddle: study, donor or batch")
    replicate: str | None = Field(None, description="column naming the sample that technical replicates share")
    proportions: tuple[str, ...] = Field(
        (), description="columns with the share of each component, where profiles are known mixtures"
    )
    missing: Handling = Field(
        "refuse",
        description="what becomes of missing values that the import kept: refused, genes that have any left out, or "
        "each takes its gene's median over the training profiles, as profiles to come will too",
    )

    @property
    def name(self) -> str:
        """What the data set is called: its folder, or, of a release before there were any, its file."""
        return Path(self.file).name.removesuffix(".parquet")


class Split(ParamsSection):
    """Stage `split`: train, validation and test by group, and the leakage audit."""

    test: Annotated[float, Field(gt=0, lt=0.9)] = Field(0.15, description="share of the profiles held out for test")
    validation: Annotated[float, Field(gt=0, lt=0.9)] = Field(0.15, description="share held out for choosing")
    sealed: Annotated[float, Field(ge=0, lt=0.9)] = Field(
        0.0, description="share that nothing sees but the gate, in its last judgement of a model that passed all others"
    )
    validation_from: Literal["groups", "training"] = Field(
        "groups",
        description="validation profiles are of groups of their own, or some of the training groups' profiles, so that "
        "two groups suffice",
    )
    near_identical: Annotated[float, Field(gt=0, le=1)] = Field(
        0.995, description="two profiles are near-identical above this correlation of what each has of its own"
    )
    near_distance: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.5, description="or nearer than this share of the distance to the next nearest profile"
    )


Transform = Literal["log2", "sqrt"]
"""Scales that a model can be on (`cic.data.transforms`)."""


Within = Literal["none", "rank", "quantile"]
"""How a profile is normalised by itself alone (`cic.data.within`)."""


class Preprocess(ParamsSection):
    """Fitted on training profiles only; part of the model."""

    top_genes: Annotated[int, Field(ge=0)] = Field(0, description="keep the genes of largest MAD; 0 keeps all")
    transform: Transform | Literal["auto"] = Field(
        "log2",
        description="scale of the model: log2, or sqrt, which suits counts of single cells; auto takes that on which "
        "PCA foretells the validation counts better",
    )
    within_sample: Within | Literal["auto"] = Field(
        "none",
        description="normalisation of each profile by itself, so that profiles of other laboratories can be taken: "
        "rank gives normal scores, quantile the values of the training profiles at equal ranks; auto takes that by "
        "which PCA foretells the order of genes in validation profiles best",
    )
    scale: Literal["none", "unit_variance"] = Field("none", description="per-gene scaling after centring")


def _stays(reference: str) -> str:
    if re.fullmatch(r"models:/[^/@]+/\d+|runs:/\w+|(?!models:|runs:)[^@]+", reference) is None:
        raise ValueError(
            f"`{reference}` may be another model tomorrow: give models:/NAME/VERSION, runs:/ID or a bundle's folder"
        )
    return reference


StartFrom = Annotated[str, AfterValidator(_stays)]
"""A model that stays what it is: an alias moves."""


class Training(ParamsSection):
    """How one autoencoder is trained, the same in search and fit."""

    rank: Annotated[int, Field(ge=0)] = Field(0, description="components of the sample basis; 0 is full rank, exact")
    exact_components: Annotated[int, Field(ge=0)] = Field(
        64, description="first components whose error is followed one by one while training; 0 is all"
    )
    sketched_components: Annotated[int, Field(ge=1)] = Field(
        64, description="random combinations, drawn anew each step, that stand for the error of all other components"
    )
    epochs: Annotated[int, Field(ge=1)] = Field(50, description="passes over the training profiles")
    validate_every: Annotated[int, Field(ge=1)] = Field(5, description="epochs between looks at the validation part")
    patience: Annotated[int, Field(ge=1)] = Field(25, description="epochs without a better validation error")
    batch_size: Annotated[int, Field(ge=1)] = Field(
        1024, description="profiles a step; all at once where there are fewer"
    )
    most_steps: Annotated[int, Field(ge=1)] = Field(
        1000,
        description="steps of a training at most, but one an epoch: with more profiles than these take, each epoch "
        "passes over another random part of them",
    )
    refinements: Annotated[int, Field(ge=0, le=10)] = Field(
        1, description="steps by which the encoder improves a code against its own decoder"
    )
    label_weight: Annotated[float, Field(ge=0)] = Field(0.0, description="weight of the classifier's loss; 0 is none")
    start_from: StartFrom | None = Field(
        None,
        description="model of other profiles over the same genes that trainings start from: models:/NAME/VERSION, "
        "runs:/ID or the folder of a bundle; how much it counts is chosen on the validation part",
    )
    group_penalty: Annotated[float, Field(ge=0)] = Field(
        0.0,
        description="weight of the share of the code by which groups (`data.group`) are told apart, within labels; "
        "0 is none, without effect at depth 0",
    )


class Search(ParamsSection):
    """Stage `search`: the space, the budget and the rule that selects."""

    trials: Annotated[int, Field(ge=1)] = Field(40, description="budget; a larger one goes on with the same study")
    round_size: Annotated[int, Field(ge=1)] = Field(8, description="trials asked together; part of the outcome")
    workers: Annotated[int, Field(ge=0)] = Field(0, description="processes; 0 is one a core. Not part of the outcome")
    scheduler: str | None = Field(None, description="address of a Dask scheduler in place of local processes")
    shared: str | None = Field(
        None,
        description="folder, or URL such as s3://bucket/prefix, that all workers see: what is large goes there; "
        "left out, a temporary folder of this machine",
    )
    trial_seconds: Annotated[float, Field(gt=0)] = Field(
        3600.0, description="wall-clock limit of a trial, which fails past it; generous, as it depends on the machine"
    )
    folds: Annotated[int, Field(ge=0)] = Field(0, description="grouped folds a trial; 0 is the validation part")
    prune: bool = Field(True, description="stop trials that are behind what earlier rounds had reached")
    rank: Annotated[int, Field(ge=0)] = Field(0, description="components of the basis while searching; 0 is full")
    bottleneck_width: Widths = Field((8, 16, 30), description="numbers in the code")
    depth: Depths = Field((0, 1, 2), description="hidden layers on each side; 0 is PCA and is tried first")
    hidden_width: Widths = Field((128, 256, 512), description="width of the outermost hidden layer; inner ones halve")
    learning_rate: LogBounds = Field((0.02, 0.1), description="lowest and highest; the same twice fixes it")
    weight_decay: LogBounds = Field((0.01, 1.0), description="decoupled; lowest and highest")
    input_noise: Bounds = Field((0.0, 0.06), description="in units of the scaled basis; lowest and highest")
    feature_scale: LogBounds = Field(
        (0.2, 1.25), description="bend of the decoder's first features; lowest and highest"
    )
    select: Literal["one_standard_error", "fixed_width"] = Field(
        "one_standard_error", description="the smallest width within one standard error of the best, or `width`"
    )
    width: Annotated[int, Field(ge=1)] | None = Field(None, description="the width that `fixed_width` selects")
    finalists: Annotated[int, Field(ge=1)] = Field(
        2, description="best trials of each width that are trained again, beside the best of each depth and width"
    )
    repeats: Annotated[int, Field(ge=2)] = Field(3, description="new seeds a finalist is trained from")


class Fit(ParamsSection):
    """Stage `fit`: the chosen architecture, trained from several seeds and merged."""

    seeds: Annotated[int, Field(ge=1)] = Field(
        6, description="trainings; of these and the network merged of them the best by validation error is kept"
    )
    features: Literal["auto"] | Annotated[int, Field(ge=0)] = Field(
        "auto",
        description="features of profiles, at most; auto: those that another training and other genes find too, beyond "
        "chance, up to eight times its width; 0: none",
    )
    gene_sets: str | None = Field(
        None,
        description="GMT file, or folder of GMT files, with gene sets that features are drawn towards where the data "
        "agree; the evaluation tests no feature for these then",
    )
    classifier: bool = Field(
        False,
        description="whether cell types (`data.label`) are told, by the profile, which leaves the code as it is; "
        "they are anyhow with `training.label_weight` above 0",
    )

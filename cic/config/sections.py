"""The parameters as frozen, typed sections, one a stage: what each is called, means, may be, and is if left out."""

from __future__ import annotations

import difflib
import hashlib
import json
import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from cic.config.kinds import Bounds, Depths, LogBounds, Weights, Widths
from cic.declarations import measure_names


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
        3, description="trainings; of these and the network merged of them the best by validation error is kept"
    )
    features: Literal["auto"] | Annotated[int, Field(ge=0)] = Field(
        "auto",
        description="features of the code, at most; auto: those that another training and other genes find too, up to "
        "eight times its width; 0: none",
    )
    classifier: bool = Field(
        False,
        description="whether cell types (`data.label`) are told, by code and profile, which leaves the code as it is; "
        "they are anyhow with `training.label_weight` above 0",
    )


def _known_measures(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if name not in measure_names():
            near = difflib.get_close_matches(name, measure_names(), n=1)
            hint = f"did you mean `{near[0]}`?" if near else f"known: {', '.join(measure_names())}"
            raise ValueError(f"`{name}` is no measure; {hint}")
    if len(set(names)) < len(names):
        raise ValueError(f"the same measure twice in {list(names)}")
    return names


Measure = Annotated[str, WithJsonSchema({"type": "string", "enum": list(measure_names())})]
Measures = Annotated[tuple[Measure, ...], AfterValidator(_known_measures)]


class Evaluate(ParamsSection):
    """Stage `evaluate`: what is measured on the test part, and by retraining."""

    measures: Measures = Field(
        measure_names(),
        description="what to measure besides reconstruction and replicates; leave out what you do not need",
    )
    most_profiles: Annotated[int, Field(ge=100)] = Field(
        4096,
        description="profiles that are measured, at most: of more, a random sample, up to half of it of the test part",
    )
    bootstrap: Annotated[int, Field(ge=100)] = Field(2000, description="resamples behind an interval")
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = Field(0.95, description="of the intervals")
    rank: Annotated[int, Field(ge=0)] = Field(
        256, description="components of the basis in retrainings, never fewer than the code has numbers; 0 is full"
    )
    epochs: Annotated[int, Field(ge=1)] = Field(
        20, description="of retrainings: fewer than the model's own, so what they are compared with has as few"
    )
    hidden_width: Annotated[int, Field(ge=1)] = Field(256, description="widest hidden layer in retrainings")
    group_sets: Annotated[int, Field(ge=2)] = Field(
        16, description="groups are left out one by one, or in so many sets where there are more groups"
    )
    folds: Annotated[int, Field(ge=2)] = Field(5, description="outer folds behind the scores of cell identity")
    label_weights: Weights = Field(
        (0.03, 0.3), description="weights of the classifier's loss that the joint classifier is tuned over"
    )
    error_rate: Annotated[float, Field(gt=0, lt=0.5)] = Field(
        0.1, description="share of known profiles whose set of answers may miss their cell type"
    )
    gene_sets: str = Field(
        "data/genesets",
        description="GMT file, or folder of GMT files, with pathways; simulated profiles have planted ones instead",
    )
    permutations: Annotated[int, Field(ge=100)] = Field(1000, description="behind the null of an enrichment score")
    false_discoveries: Annotated[float, Field(gt=0, lt=0.5)] = Field(
        0.05, description="rate that is allowed among links of a number of the code with a pathway"
    )
    seeds: Annotated[int, Field(ge=1)] = Field(4, description="retrainings that tell which links with pathways recur")
    split_seeds: Annotated[int, Field(ge=1)] = Field(3, description="other splits on which architectures compete again")


class ValidationFile(ParamsSection):
    """Profiles from elsewhere on which a model has to hold before it becomes champion."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", max_length=40)] = Field(
        description="what it is called in decisions: letters, digits, dashes"
    )
    file: str = Field(description="data set, as `cic data import` put it into place")
    group: str | None = Field(None, description="column with what is independent: study, donor or batch")
    replicate: str | None = Field(None, description="column naming the sample that technical replicates share")
    max_ratio_to_pca: Annotated[float, Field(gt=0)] = Field(
        1.0, description="the upper bound of the error over that of PCA must be below this"
    )
    max_ratio_to_champion: Annotated[float, Field(gt=0)] = Field(
        1.0, description="and over that of the champion: above 1, so much worse is allowed"
    )


def _named_once(files: tuple[ValidationFile, ...]) -> tuple[ValidationFile, ...]:
    names = [one.name for one in files]
    if len(set(names)) < len(names):
        raise ValueError(f"the same name twice in {names}")
    return files


ValidationFiles = Annotated[tuple[ValidationFile, ...], Field(max_length=3), AfterValidator(_named_once)]


class Registry(ParamsSection):
    """The gate before the registry."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]*$", max_length=200)] = Field(
        "",
        description="registered model: letters, digits, spaces, dots, dashes; "
        "left out, each data set has its own: cic- and the name of data.file",
    )
    max_ratio_to_pca: Annotated[float, Field(gt=0)] = Field(
        1.0, description="the upper bound of test unexplained variance over that of PCA must be below this"
    )
    min_profiles: Annotated[int, Field(ge=2)] = Field(20, description="held-out profiles that a comparison needs")
    min_gene_share: Annotated[float, Field(ge=0, le=1)] = Field(
        0.9, description="share of the champion's genes that a challenger must model too"
    )
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = Field(
        0.95,
        description="of all decisions upon the same held-out profiles together; each asks for more than the last",
    )
    bootstrap: Annotated[int, Field(ge=100)] = Field(
        2000, description="resamples behind an interval, at least; more where more confidence is asked"
    )
    validation: ValidationFiles = Field(
        (),
        description="data sets from elsewhere that decide too, a `name` and a `file` each: a model has to beat PCA and "
        "the champion on each of them",
    )


class Params(ParamsSection):
    """All of `params.yaml`."""

    seed: Annotated[int, Field(ge=0)] = Field(description="the root of every random number")
    data: Data = Data()
    split: Split = Split()
    preprocess: Preprocess = Preprocess()
    training: Training = Training()
    search: Search = Search()
    fit: Fit = Fit()
    evaluate: Evaluate = Evaluate()
    registry: Registry = Field(Registry(), validate_default=True)

    @field_validator("registry", mode="after")
    @classmethod
    def _named(cls, registry: Registry, info: ValidationInfo) -> Registry:
        """Give models of different data sets different names: one is never judged against the other."""
        if registry.name or "data" not in info.data:
            return registry
        plain = re.sub(r"[^A-Za-z0-9._-]+", "-", info.data["data"].name)
        return registry.model_copy(update={"name": f"cic-{plain}"[:200]})

    @model_validator(mode="after")
    def _fits_together(self) -> Params:
        held_out, search = self.split.test + self.split.validation + self.split.sealed, self.search
        if held_out >= 0.95:
            raise ValueError(f"split.test + split.validation + split.sealed is {held_out:g}; nothing left to train")
        if self.preprocess.within_sample != "none" and self.preprocess.transform != "log2":
            raise ValueError(
                f"preprocess.within_sample is {self.preprocess.within_sample}, which ranks decide, so "
                f"preprocess.transform has to be log2, and not {self.preprocess.transform}"
            )
        if self.fit.classifier and self.data.label is None:
            raise ValueError("fit.classifier is true, and data.label names no column with the cell types")
        if self.training.start_from is not None and (self.training.group_penalty or max(search.depth) == 0):
            raise ValueError(
                "training.start_from needs a depth above 0 in search.depth, and training.group_penalty: 0, as the "
                "groups of what the other model lends are not known"
            )
        if (search.select == "fixed_width") != (search.width is not None):
            raise ValueError("search.width is needed with search.select: fixed_width, and only then")
        if search.width is not None and search.width not in search.bottleneck_width:
            raise ValueError(
                f"search.width {search.width} is not among search.bottleneck_width {search.bottleneck_width}"
            )
        return self


def digest(*sections: BaseModel | int | str | None) -> str:
    """Give the SHA-256 of sections and values, independent of key order and of the file's layout."""
    plain = [part.model_dump(mode="json") if isinstance(part, BaseModel) else part for part in sections]
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()

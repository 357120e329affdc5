"""Sections of the parameters by which a model is judged: the evaluation, and the gate before the registry."""

from __future__ import annotations

import difflib
from typing import Annotated

from pydantic import AfterValidator, Field, WithJsonSchema

from cic.config.kinds import Weights
from cic.config.sections import ParamsSection
from cic.declarations import measure_names


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

"""All parameters together: what must fit together, and their digest."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Annotated

from pydantic import BaseModel, Field, ValidationInfo, field_validator, model_validator

from cic.config.judging import Evaluate, Registry
from cic.config.sections import Data, Fit, ParamsSection, Preprocess, Search, Split, Training


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
        if self.fit.gene_sets is not None and self.fit.features == 0:
            raise ValueError("fit.gene_sets is for features to be drawn towards, and fit.features is 0")
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

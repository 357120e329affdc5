"""The served model: what MLflow loads and asks. It is copied beside each model, as code, and needs `cic` installed.

It takes profiles, samples x genes with gene names as columns, in the unit the model was trained on, and finds genes
by name. There is no input signature on purpose: with 20,000 genes MLflow's check of one takes seconds, and its tensor
kind ignores names.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from mlflow.exceptions import MlflowException
from mlflow.models import set_model
from mlflow.protos.databricks_pb2 import BAD_REQUEST
from mlflow.pyfunc.model import PythonModel

from cic.errors import CicError, ModelError
from cic.model.bundle import bundle_digest, load_bundle

OUTPUTS = ("codes", "reconstruction", "cell_type", "probabilities")
TAG_BUNDLE = "cic.bundle_digest"
REGISTERED_META = "registered_model_meta"
"""MLflow leaves this file in the root of a model that it fetched from the registry."""


class InputRefusedError(ModelError, MlflowException):
    """The input does not meet the model's contract. Of MLflow's kind too, so that a served answer says why."""

    def __init__(
        self, found: str, *, where: str | None = None, expected: str | None = None, fix: str | None = None
    ) -> None:
        MlflowException.__init__(self, found, error_code=BAD_REQUEST)
        ModelError.__init__(self, found, where=where, expected=expected, fix=fix)
        self.message = str(self)


class ServedModel(PythonModel):
    """Gives codes; the parameter `output` asks for `reconstruction`, `cell_type` or `probabilities` in their place."""

    # MLflow's own switch: it would warn that the input has no type hint, which it would make a schema of
    _skip_type_hint_validation = True

    def load_context(self, context: Any) -> None:
        """Read the bundle, find out what to stamp codes with, and take the first call's seconds of imports now."""
        folder = Path(context.artifacts["bundle"])
        check_digest(folder)
        self.bundle = load_bundle(folder)
        self.stamp = model_stamp(folder)
        self.bundle.encode(np.ones((1, len(self.bundle.genes_in)), dtype=np.float32))

    def predict(self, context, model_input, params=None) -> pd.DataFrame:  # type: ignore[no-untyped-def]
        """Give one row a profile, indexed by sample id.

        `codes` has the columns `code_1` and so on, and `model`, such as `cic/3`; `reconstruction` a column a gene, on
        log2 scale; `cell_type` has `cell_type`, `probability` and `model`; `probabilities` a column a cell type.

        Raises
        ------
        InputRefusedError
            If genes are missing, which it names, or the output is not known.
        """
        try:
            return self._answer(as_frame(model_input), (params or {}).get("output", "codes"))
        except CicError as error:
            raise InputRefusedError(error.found, where=error.where, expected=error.expected, fix=error.fix) from None

    def _answer(self, frame: pd.DataFrame, output: str) -> pd.DataFrame:
        if output not in OUTPUTS:
            raise ModelError(f"there is no output `{output}`", where="params.output", expected=", ".join(OUTPUTS))
        values_SG = self.bundle.align(frame)
        code_SW = self.bundle.encode(values_SG)
        if output == "codes":
            columns = [f"code_{position + 1}" for position in range(code_SW.shape[1])]
            return pd.DataFrame(code_SW, frame.index, columns).assign(model=self.stamp)
        if output == "reconstruction":
            return pd.DataFrame(self.bundle.decode(code_SW), frame.index, list(self.bundle.genes))
        probability_SL = self.bundle.classify_codes(code_SW)
        if output == "probabilities":
            return pd.DataFrame(probability_SL, frame.index, list(self.bundle.labels))
        likeliest_S = probability_SL.argmax(axis=1)
        return pd.DataFrame(
            {
                "cell_type": np.array(self.bundle.labels, dtype=object)[likeliest_S],
                "probability": probability_SL.max(axis=1),
                "model": self.stamp,
            },
            index=frame.index,
        )


def as_frame(model_input: Any) -> pd.DataFrame:
    """Give the input as samples x genes with gene names.

    Besides a frame this takes what MLflow's server makes of ``{"inputs": {"TP53": [..], ..}}``: a mapping from gene to
    one value a sample.

    Raises
    ------
    ModelError
        If it has no gene names, since genes are never matched by position.
    """
    if isinstance(model_input, pd.DataFrame):
        return model_input
    if isinstance(model_input, dict):
        values_SG = np.stack([np.atleast_1d(value) for value in model_input.values()], axis=1)
        return pd.DataFrame(values_SG, columns=list(model_input))
    raise ModelError(
        f"the input is a {type(model_input).__name__} without gene names",
        where="input",
        expected="a table with genes as columns",
        fix='send {"dataframe_split": {"columns": GENES, "index": SAMPLES, "data": VALUES}}',
    )


def check_digest(bundle: Path) -> None:
    """Hold a bundle against the digest that the model beside it was made with.

    Raises
    ------
    ModelError
        If it is another.
    """
    described = bundle.parents[1] / "MLmodel"
    noted = (yaml.safe_load(described.read_text()).get("metadata") or {}) if described.is_file() else {}
    if noted.get(TAG_BUNDLE, bundle_digest(bundle)) != bundle_digest(bundle):
        raise ModelError(
            "the bundle is not the one that this model was made with", where=str(bundle), fix="fetch the model again"
        )


def model_stamp(bundle: Path) -> str:
    """Give the name and version of a model fetched from the registry, or else the beginning of its digest."""
    for folder in bundle.parents[:2]:
        meta = folder / REGISTERED_META
        if meta.is_file():
            known = yaml.safe_load(meta.read_text())
            return f"{known['model_name']}/{known['model_version']}"
    return f"bundle:{bundle_digest(bundle)[:12]}"


set_model(ServedModel())

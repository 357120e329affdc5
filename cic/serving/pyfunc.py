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
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel

from cic.errors import ModelError
from cic.model.bundle_files import bundle_digest, load_bundle
from cic.serving.answers import answer

TAG_BUNDLE = "cic.bundle_digest"
REGISTERED_META = "registered_model_meta"
"""MLflow leaves this file in the root of a model that it fetched from the registry."""


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
        """Give one row a profile, indexed by sample id; `cic.serving.answers.answer` says which columns.

        Raises
        ------
        InputRefusedError
            If genes are missing, which it names, values are not what an import would take, or the output is not known.
        """
        return answer(self.bundle, self.stamp, model_input, (params or {}).get("output", "codes"))


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

"""What the served model answers, whichever server asks it, and how it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import BAD_REQUEST

from cic.errors import CicError, ModelError
from cic.model.bundle import Bundle
from cic.model.familiarity import COLUMNS, TYPE_COLUMNS, answers
from cic.model.inputs import is_number
from cic.model.missing_genes import LEAST_COVERAGE

OUTPUTS = ("codes", "reconstruction", "cell_type", "probabilities")


class InputRefusedError(ModelError, MlflowException):
    """The input does not meet the model's contract. Of MLflow's kind too, so that a served answer says why."""

    def __init__(
        self, found: str, *, where: str | None = None, expected: str | None = None, fix: str | None = None
    ) -> None:
        ModelError.__init__(self, found, where=where, expected=expected, fix=fix)
        self._reason = str(self)
        MlflowException.__init__(self, self._reason, error_code=BAD_REQUEST)

    @property
    def message(self) -> str:
        """What the server answers: the reason alone. MLflow's server would put the whole input before it."""
        return self._reason

    @message.setter
    def message(self, text: str) -> None:
        pass


def answer(bundle: Bundle, stamp: str, model_input: Any, output: str) -> pd.DataFrame:
    """Give one row a profile, indexed by sample id.

    Parameters
    ----------
    stamp
        Name and version of the model, such as ``cic/3``.
    output
        - `codes`: the columns of `cic.model.familiarity.answers`, and `model`
        - `reconstruction`: a column a gene, on log2 scale
        - `cell_type`: those of `named_types` and of `judged`, and `model`
        - `probabilities`: a column a cell type, those of `judged`, and `model`

    Raises
    ------
    InputRefusedError
        If genes are missing, which it names, values are not what an import would take, or the output is not known.
    """
    try:
        return _answer(bundle, stamp, as_frame(model_input), output)
    except CicError as error:
        raise InputRefusedError(error.found, where=error.where, expected=error.expected, fix=error.fix) from None


def _answer(bundle: Bundle, stamp: str, frame: pd.DataFrame, output: str) -> pd.DataFrame:
    if output not in OUTPUTS:
        raise ModelError(f"there is no output `{output}`", where="params.output", expected=", ".join(OUTPUTS))
    values_SG = bundle.align(frame, least_coverage=LEAST_COVERAGE)
    if output == "reconstruction":
        return pd.DataFrame(bundle.reconstruct(values_SG), frame.index, list(bundle.genes))
    if output != "codes":
        bundle.check_classifies()
    told, probability_SL = answers(bundle, values_SG)
    table = pd.DataFrame(told, frame.index)
    if output == "cell_type":
        table = table[[*TYPE_COLUMNS, *COLUMNS]]
    elif output == "probabilities":
        table = pd.DataFrame(probability_SL, frame.index, list(bundle.labels)).join(table[list(COLUMNS)])
    return table.assign(model=stamp)


def as_frame(model_input: Any) -> pd.DataFrame:
    """Give the input as samples x genes with gene names.

    Besides a frame this takes what MLflow's server makes of ``{"inputs": {"TP53": [..], ..}}``: a mapping from gene to
    one value a sample.

    Raises
    ------
    ModelError
        If it has no gene names, since genes are never matched by position, or the genes differ in length.
    """
    if isinstance(model_input, pd.DataFrame):
        return model_input
    if isinstance(model_input, dict) and model_input:
        columns = {str(gene): np.atleast_1d(value) for gene, value in model_input.items()}
        _check_columns(columns)
        values_SG = np.stack(list(columns.values()), axis=1)
        return pd.DataFrame(values_SG, columns=list(columns))
    raise ModelError(
        f"the input is a {type(model_input).__name__} without gene names",
        where="input",
        expected="a table with genes as columns",
        fix='send {"dataframe_split": {"columns": GENES, "index": SAMPLES, "data": VALUES}}',
    )


def _check_columns(columns: dict[str, np.ndarray]) -> None:
    """Refuse what would be lost in one array of numbers: truth values, text, and lists of varying length."""
    n_samples = len(next(iter(columns.values())))
    for gene, value_S in columns.items():
        if value_S.shape != (n_samples,):
            raise ModelError(
                f"gene {gene} has values of shape {value_S.shape}", where="input", expected=f"({n_samples},), as others"
            )
        if value_S.dtype.kind not in "fiu" and (odd := [value for value in value_S if not is_number(value)]):
            raise ModelError(f"{odd[0]!r:.40} is no number", where=f"input, gene {gene}", expected="finite numbers")

"""Cell identity codes: train, compare and promote deep autoencoders of gene expression."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from cic.using import Model

__version__ = "0.1.0"
__all__ = ["__version__", "load", "translate"]


def load(reference: str | Path | None = None) -> Model:
    """Load a trained model: `cic.load("models:/cic-mine@champion").encode("profiles.csv")`.

    Parameters
    ----------
    reference
        ``models:/NAME@ALIAS``, ``models:/NAME/VERSION``, a run as ``runs:/ID`` or its id alone, or the folder of a
        bundle, which needs no registry. Without one, the champion of the data that the project's `params.yaml` names.

    Raises
    ------
    CicError
        If there is no such model, its files are gone or damaged, or its store does not answer.
    """
    from cic import using  # pandas takes time to import, which the command line's help has no need of

    return using.load(reference)


def translate(codes: pd.DataFrame, to: str | None = None) -> pd.DataFrame:
    """Turn codes of an older version of a model into those of a newer, by the maps that promotions left.

    What is to be expected of them, beside encoding the profiles anew, is logged.

    Parameters
    ----------
    codes
        A table as `Model.encode` gives it.
    to
        ``models:/NAME@ALIAS`` or ``models:/NAME/VERSION``. Without one, the champion of the data that the project's
        `params.yaml` names.

    Returns
    -------
    pandas.DataFrame
        The same rows with the newer model's codes and stamp, the models that they came through as `translated_from`,
        and what else stood in the table, which is what the older model said.

    Raises
    ------
    CicError
        If the table does not say of which model it is or is of several, no chain of maps leads there, or a map's files
        are gone or are not what was kept.
    """
    from cic.using.translating import translate as translated

    return translated(codes, to)

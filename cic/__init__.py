"""Cell identity codes: train, compare and promote deep autoencoders of gene expression."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cic.using import Model

__version__ = "0.1.0"
__all__ = ["__version__", "load"]


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

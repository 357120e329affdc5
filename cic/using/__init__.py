"""Using a trained model, from Python and from the command line."""

from cic.using.loading import load
from cic.using.model import Model

__all__ = ["Model", "load"]

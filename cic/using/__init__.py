"""Using a trained model, from Python and from the command line."""

from cic.using.correction import Correction, read_correction, write_correction
from cic.using.loading import load
from cic.using.model import Model

__all__ = ["Correction", "Model", "load", "read_correction", "write_correction"]

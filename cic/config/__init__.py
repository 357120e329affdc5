"""The parameters: `params.yaml` as typed sections (`sections`, `judging`, `whole`), and how it is read (`reading`).

The same models validate the file, the command line's overrides and the parameters of the Prefect deployments.
"""

from cic.config.judging import Evaluate, Registry, ValidationFile
from cic.config.reading import load_params, parse_params, with_override_texts, with_overrides
from cic.config.sections import Data, Fit, ParamsSection, Preprocess, Search, Split, Training, Transform, Within
from cic.config.whole import Params, digest

__all__ = [
    "Data", "Evaluate", "Fit", "Params", "ParamsSection", "Preprocess", "Registry", "Search", "Split", "Training",
    "Transform", "ValidationFile", "Within",
    "digest", "load_params", "parse_params", "with_override_texts", "with_overrides",
]  # fmt: skip

"""Which columns are named as a label, a group or a replicate usually is, and how `params.yaml` takes them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pandas as pd
import yaml

from cic.checking.check import Checked, check
from cic.config import Params, load_params, parse_params
from cic.data.checks import columns_of
from cic.data.matrix import ExpressionMatrix
from cic.data.roles import with_roles, without_roles
from cic.errors import ConfigError

MEANING = {
    "label": "tissue or cell type",
    "group": "study, donor or batch: never split",
    "replicate": "sample that technical replicates share",
}
USUAL = {
    "label": ("cell_type", "celltype", "cell_line", "tissue", "label", "cancer_type"),
    "group": ("study", "donor", "patient", "subject", "individual", "series", "dataset", "batch", "group"),
    "replicate": ("replicate_of", "replicate_group", "replicate"),
}
"""Names by role, the first that is there is taken: a study holds its donors, a donor the batches."""


def roles_found(samples: pd.DataFrame) -> dict[str, str | None]:
    """Give the column for each role by the names that such columns usually have, or `None`.

    Capitals do not matter, nor whether words are parted by a space, a dot, a dash or an underscore.

    Values decide nothing, so that nobody's column is taken for what it is not; one that never varies is no use.
    """
    by_name = {
        re.sub(r"[ .-]+", "_", str(name).strip().lower()): str(name)
        for name in samples.columns
        if samples[name].nunique() > 1
    }
    return {role: next((by_name[name] for name in names if name in by_name), None) for role, names in USUAL.items()}


def with_these(roles: Mapping[str, str | None]) -> Params:
    """Give parameters with columns in these roles, all else by default: what an import would propose."""
    return parse_params({"seed": 0, "data": dict(roles)})


def checked(matrix: ExpressionMatrix, params: Params) -> Checked:
    """Check a data set as a run with these parameters would; the columns of the facts are those that the data have."""
    found = check(with_roles(matrix, params), params, without_roles(matrix, params))
    return replace(found, facts={**found.facts, "columns": columns_of(matrix.samples)})


def use_in_params(path: Path, data: Mapping[str, str | None]) -> None:
    """Set values in the section `data` of a parameter file; comments and everything else stay as they are.

    Raises
    ------
    ConfigError
        If the file is missing or has no section `data` of lines; nothing is written then.
    """
    load_params(path)
    lines = path.read_text().splitlines()
    try:
        start = next(number for number, line in enumerate(lines) if re.fullmatch(r"data:\s*(#.*)?", line))
    except StopIteration:
        raise ConfigError(
            "there is no section `data:` to write to", where=str(path), fix="add the line `data:`, or set it by hand"
        ) from None
    end = next((n for n in range(start + 1, len(lines)) if re.match(r"[^\s#]", lines[n])), len(lines))
    section = lines[start + 1 : end]
    # entries stand together at the top; what follows the last of them is space before the next section
    for key, value in data.items():
        text = yaml.safe_dump({key: value}, allow_unicode=True, width=10_000).strip()
        at = next((n for n, line in enumerate(section) if re.match(rf"\s+{key}:", line)), None)
        if at is None:
            section.insert(0, f"  {text}")
        else:
            section[at] = re.match(r"\s+", section[at])[0] + text  # type: ignore[index]  # it begins so
    # the components of another data set's mixtures are not among these columns
    section = [line for line in section if not re.match(r"\s+proportions:", line)]
    text = "\n".join([*lines[: start + 1], *section, *lines[end:]]) + "\n"
    parse_params(yaml.safe_load(text), str(path))
    path.write_text(text)

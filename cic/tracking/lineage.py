"""Where a model came from, as plain values: what the run of the final model is tagged with."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mlflow.entities import Dataset, DatasetInput, InputTag

LONGEST_DIGEST = 36
SHAPE = ("bottleneck_width", "depth", "hidden_width")
NOT_IN_A_KEY = re.compile(r"[^\w\-. :/]")


@dataclass(frozen=True)
class Lineage:
    """What a model came from. `None` is written as `unknown`.

    Attributes
    ----------
    git_commit, git_dirty
        Commit of the working tree, and whether files differed from it.
    params_digest
        Of the parameters that decide what model comes out.
    data_file, data_md5
        The file of profiles as the parameters name it, and the hash under which DVC keeps it.
    study, search_run_id, flow_run_id
        The search behind it, and the Prefect flow run, if there was one.
    bundle_digest
        Of the bundle's bytes.
    matrix, part
        Files with the profiles and the part of each, from which the gate's evidence can be read again.
    held_out_digest
        Of the test profiles (`held_out_digest`), so that other profiles are not taken for them.
    audit_passed
        Whether the leakage audit of the split found nothing.
    objections
        What else the evaluation holds against promoting the model.
    seed
        Root seed.
    started_from
        The model that trainings started from, and its digest.
    """

    git_commit: str | None
    git_dirty: bool | None
    params_digest: str
    data_file: str
    data_md5: str | None
    study: str
    search_run_id: str | None
    flow_run_id: str | None
    bundle_digest: str
    matrix: str
    part: str
    held_out_digest: str
    audit_passed: bool
    objections: tuple[str, ...]
    seed: int
    started_from: str = "nothing"

    def tags(self) -> dict[str, str]:
        """Give the tags of the run, `cic.<field>`."""
        return {f"cic.{key}": _text(value) for key, value in asdict(self).items()}


def _text(value: object) -> str:
    if value is None:
        return "unknown"
    if isinstance(value, tuple):
        return json.dumps(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def held_out_digest(sample_ids: Sequence[str], fingerprints: Sequence[str]) -> str:
    """Give the SHA-256 of ids and contents of held-out profiles, in any order."""
    pairs = sorted(zip(map(str, sample_ids), fingerprints, strict=True))
    return hashlib.sha256(json.dumps(pairs).encode()).hexdigest()


def dataset_input(lineage: Lineage, n_samples: int, n_genes: int) -> DatasetInput:
    """Describe the data to MLflow, with DVC's hash as the digest.

    Made by hand: MLflow's own ways either fail at 20,000 columns or hash the values again.
    """
    dataset = Dataset(
        name=Path(lineage.data_file).name,
        digest=_text(lineage.data_md5)[:LONGEST_DIGEST],
        source_type="local",
        source=json.dumps({"uri": lineage.data_file}),
        profile=json.dumps({"n_samples": n_samples, "n_genes": n_genes}),
    )
    return DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])


def environment_lock() -> str:
    """Give every installed package with its version, one a line."""
    found = {
        f"{(dist.metadata['Name'] or '').lower()}=={dist.version}\n" for dist in importlib.metadata.distributions()
    }
    return "".join(sorted(line for line in found if not line.startswith("==")))


def content_digest(content: Mapping[str, Any]) -> str:
    """Give the SHA-256 of what a run keeps in a file of JSON, by which it is known again."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def flat_params(nested: Mapping[str, Any]) -> dict[str, str]:
    """Give all values of nested mappings as text under dotted keys; lists as JSON."""
    return {
        NOT_IN_A_KEY.sub("_", path): json.dumps(value) if isinstance(value, list | tuple) else str(value)
        for path, value in _leaves(nested)
    }


def shown_hyperparameters(hyper: Mapping[str, Any]) -> dict[str, Any]:
    """Give hyperparameters under names of which the shape of the network comes first.

    The page that compares runs draws the first three by name.
    """
    return {name if name in SHAPE else f"tuned_{name}": value for name, value in hyper.items()}


def _leaves(nested: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in nested.items():
        path = f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{path}.")
        else:
            yield path, value

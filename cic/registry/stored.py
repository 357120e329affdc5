"""The evidence that the run of a model keeps, read again so that the gate can decide another time."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

import mlflow.artifacts
import numpy as np
import pandas as pd
from mlflow.exceptions import MlflowException

from cic.config import Registry
from cic.data.matrix import ExpressionMatrix, fingerprints, read_matrix
from cic.data.missing import filled
from cic.data.spreadsheet import read_csv
from cic.errors import DataError
from cic.registry.evidence import decide
from cic.registry.fetched import fetched_bundle
from cic.registry.gate import Decision
from cic.registry.registry import Version, find, promote, until_settled
from cic.registry.translations import translate_promoted
from cic.tracking.lineage import held_out_digest
from cic.tracking.store import connect, explained

PROFILES = "profiles.csv"
NEEDED_TAGS = ("cic.matrix", "cic.part", "cic.held_out_digest", "cic.audit_passed", "cic.objections", "cic.seed")


@dataclass(frozen=True)
class StoredEvidence:
    """What `cic.registry.evidence.decide` needs besides the bundle, and all profiles with the part of each."""

    matrix: ExpressionMatrix
    sealed: ExpressionMatrix | None
    profiles: ExpressionMatrix
    part_S: np.ndarray
    pca_errors: np.ndarray
    audit_passed: bool
    objections: tuple[str, ...]
    seed: int


def stored_evidence(
    uri: str, version: Version, matrix_file: Path | None = None, part_file: Path | None = None
) -> StoredEvidence:
    """Read the held-out profiles and their errors that belong to a version.

    The profiles themselves are not in MLflow: they are read from where they were, or from the files given.

    Raises
    ------
    DataError
        If the run keeps no evidence, or the profiles are gone or are others.
    """
    client = connect(uri)
    where = f"run {version.run_id} of version {version.version}"
    with explained(uri):
        tags = client.get_run(version.run_id).data.tags
    absent = [key for key in NEEDED_TAGS if key not in tags]
    if absent:
        raise DataError(
            f"it has no tag {', '.join(absent)}", where=where, fix="register a model by the flow `cic-train`"
        )
    with tempfile.TemporaryDirectory() as scratch:
        try:
            file = mlflow.artifacts.download_artifacts(
                run_id=version.run_id, artifact_path=PROFILES, dst_path=scratch, tracking_uri=uri
            )
        except (MlflowException, OSError) as error:
            raise DataError(f"its {PROFILES} cannot be fetched: {error}", where=where) from error
        profiles = read_csv(file).set_index("sample_id")
    matrix_file = matrix_file or Path(tags["cic.matrix"])
    part_file = part_file or Path(tags["cic.part"])
    matrix, part_S = _parts(matrix_file, part_file)
    test, sealed = held_out_parts(matrix, part_S)
    test = measured_of(test, profiles)
    ids = [str(sample) for sample in test.samples.index]
    if held_out_digest(ids, fingerprints(test.values)) != tags["cic.held_out_digest"]:
        raise DataError(
            "the test profiles are not those that the model was evaluated on",
            where=f"{matrix_file}, {part_file}",
            expected=f"profiles with the digest {tags['cic.held_out_digest'][:12]}",
            fix="check out the data and parameters of that model, or name its files by --matrix and --split",
        )
    pca_errors = profiles.loc[ids, "squared_error_pca"].to_numpy(dtype=np.float64)
    objections = tuple(json.loads(tags["cic.objections"]))
    return StoredEvidence(
        test,
        sealed,
        matrix,
        part_S,
        pca_errors,
        tags["cic.audit_passed"] == "true",
        objections,
        int(tags["cic.seed"]),
    )


def held_out_parts(matrix: ExpressionMatrix, part_S: np.ndarray) -> tuple[ExpressionMatrix, ExpressionMatrix | None]:
    """Give the test profiles, and the sealed ones if there are any."""
    sealed_S = part_S == "sealed"
    return matrix.select(part_S == "test"), matrix.select(sealed_S) if sealed_S.any() else None


def measured_of(test: ExpressionMatrix, profiles: pd.DataFrame) -> ExpressionMatrix:
    """Give the test profiles that were measured, by the table `PROFILES`: all, unless there were too many for that."""
    measured_S = test.samples.index.astype(str).isin(profiles.index)
    return test if measured_S.all() else test.select(measured_S)


def _parts(matrix_file: Path, part_file: Path) -> tuple[ExpressionMatrix, np.ndarray]:
    for path in (matrix_file, part_file):
        if not path.is_file():
            raise DataError(
                "the file with the held-out profiles is not there any more",
                where=str(path),
                fix="make it again with `dvc repro` or the flow, or name it by --matrix and --split",
            )
    matrix = read_matrix(matrix_file)
    part = read_csv(part_file).set_index("sample_id")["part"]
    part_S = part.reindex(matrix.samples.index.astype(str)).to_numpy()
    return filled(matrix, part_S == "train"), part_S


def judge_version(
    uri: str,
    gate: Registry,
    version: str,
    *,
    matrix_file: Path | None = None,
    part_file: Path | None = None,
    reinstate: bool = False,
) -> tuple[Version, Decision]:
    """Put a version, found by number, alias or run id, through the gate, and carry the decision out.

    Parameters
    ----------
    matrix_file, part_file
        The profiles and their split, if they moved since the model was made.
    reinstate
        Whether a model that a rollback withdrew may come back.
    """
    found = find(uri, gate.name, version)
    stored = stored_evidence(uri, found, matrix_file, part_file)

    def judged() -> Decision:
        with fetched_bundle(uri, found) as bundle:
            return decide(
                uri,
                gate.name,
                bundle,
                stored.matrix,
                stored.pca_errors,
                stored.audit_passed,
                stored.objections,
                gate,
                stored.seed,
                reinstate=reinstate,
                sealed=stored.sealed,
            )

    decision = until_settled(judged, lambda decision: promote(uri, gate.name, found.version, decision))
    translate_promoted(uri, gate.name, found.version, decision, stored.profiles, stored.part_S, stored.seed)
    return found, decision

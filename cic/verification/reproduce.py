"""A registered version trained again, by the code of its commit in a working tree beside, and held against it."""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import yaml

from cic.config import load_params
from cic.digests import WORKERS, gene_sets_digest
from cic.errors import DataError, ModelError
from cic.manifest import Manifest, read_manifest
from cic.model.bundle_files import bundle_digest, copy_bundle, load_bundle
from cic.registry.fetched import MODELS, RUNS
from cic.settings import start_folder
from cic.tracking.lineage import environment_lock
from cic.verification.distance import distance
from cic.verification.trail import simulate_command
from cic.verification.wanted import STAGES, Wanted, calculating
from cic.versioning.commits import knows_commit, sha256_at, worktree
from cic.versioning.objects import look_up
from cic.versioning.pointers import md5_of, record_of

COMPARED_OF_EVALUATE = ["metrics.json"]
"""No stage reads what it leaves."""
VERBS = """
import json, sys
from cic.cli import main
for verb in json.loads(sys.argv[1]):
    sys.argv = ["cic", *verb]
    try:
        main()
    except SystemExit as end:
        if end.code:
            raise
"""
"""Runs verbs of the command line one after the other in one process, whose imports take longer than small stages."""
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """What came out.

    Attributes
    ----------
    differing
        Of each stage, the files that later ones read and that are not what the version's stages left.
    came_out, registered
        Digests of the bundles.
    told
        Which stage was the first to leave something else, and how far apart the models are; empty if all is the same.
    """

    differing: dict[str, list[str]]
    came_out: str
    registered: str
    told: str

    @property
    def same(self) -> bool:
        """Whether the very same came out."""
        return not self.told


def reproduced(
    wanted: Wanted, project: Path, params: Path, *, evaluate: bool = False, keep: Path | None = None
) -> Outcome:
    """Train a version again, and compare.

    Parameters
    ----------
    project
        Folder whose repository has the commit.
    params
        Today's parameters, which say how many workers there are, and where.
    evaluate
        Whether to evaluate it too.
    keep
        Where to work, and leave what came out; a temporary folder without it.

    Raises
    ------
    DataError
        If the data are nowhere whole.
    ModelError
        If the commit is not here, or a stage of it fails.
    """
    if not knows_commit(project, wanted.commit):
        raise ModelError(
            f"there is no commit {wanted.commit}", where=str(project), expected=f"the commit that {wanted.name} names",
            fix="git fetch, from a repository that has it",
        )  # fmt: skip
    for note in _notes(wanted, project):
        log.warning("%s", note)
    today = load_params(project / params).search.model_dump(mode="json", include=set(WORKERS))
    given = {**wanted.params, "search": {**wanted.params["search"], **today}}
    with worktree(project, wanted.commit, keep) as tree:
        home = tree / ".cic"
        home.mkdir(exist_ok=True)
        file = home / "reproduced.yaml"
        file.write_text(yaml.safe_dump(given))
        _bring_data(wanted, project, tree)
        _bring_start(wanted, project, tree, home)
        bring_gene_sets(wanted, project, tree)
        stages = (*STAGES, *(["evaluate"] if evaluate else []))
        _run(wanted, tree, [[stage, "--params", str(file)] for stage in stages])
        return compared(wanted, {stage: tree / "build" / stage for stage in stages})


def _notes(wanted: Wanted, project: Path) -> list[str]:
    """Say what may make another model of it."""
    notes = [] if wanted.clean else ["files differed from the commit when it was trained; the commit alone is taken"]
    now = calculating(environment_lock())
    other = [f"{name} {now.get(name)} (then {then})" for name, then in wanted.versions.items() if now.get(name) != then]
    if other:
        notes.append(f"other releases of libraries are here: {', '.join(other)}")
    if not sha256_at(project, wanted.commit, ["cic/__init__.py"]):
        notes.append("its code is no part of the commit: the one that is installed here is taken")
    return notes


def _bring_data(wanted: Wanted, project: Path, tree: Path) -> None:
    """Put the data where the stages of that working tree read them."""
    if wanted.data.is_absolute():
        raise DataError("the data lie outside of the project", where=str(wanted.data), expected="data below it")
    here, there = project / wanted.data, tree / wanted.data
    there.parent.mkdir(parents=True, exist_ok=True)
    if here.exists() and md5_of(here) == wanted.data_md5:
        for path in (here, record_of(here)):
            if path.exists():
                _copy(path, there.with_name(path.name))
    elif wanted.recipe is not None:
        _run(wanted, tree, [simulate_command(wanted.data, wanted.recipe)])
        if md5_of(there) != wanted.data_md5:
            log.warning("the simulated data differ from those then: their last bits do between kinds of processors")
    else:
        copies = look_up(here, wanted.data_md5, there)
        if copies[-1].fault:
            raise DataError(
                "the bytes of the data are nowhere whole",
                where=str(wanted.data),
                expected=f"md5 {wanted.data_md5}",
                fix="`cic verify` says where they were looked for",
            )


def _bring_start(wanted: Wanted, project: Path, tree: Path, home: Path) -> None:
    """Put the model that it started from where the stages of that working tree read it."""
    if wanted.start is None:
        return
    from_registry = wanted.start.startswith((MODELS, RUNS))
    here = start_folder(wanted.start, wanted.home) if from_registry else project / wanted.start
    found = load_bundle(here).digest
    then = wanted.stages["search"].origin.get("start", found) if wanted.stages else found
    if found != then:
        raise ModelError(
            "the model that it started from is not what it was", where=wanted.start, expected=f"digest {then}"
        )
    there = start_folder(wanted.start, home) if from_registry else tree / wanted.start
    if there != here:
        copy_bundle(here, there)


def bring_gene_sets(wanted: Wanted, project: Path, tree: Path) -> None:
    """Put the gene sets that its features were drawn towards where the stages of that working tree read them."""
    place = wanted.params["fit"].get("gene_sets")
    if place is None:
        return
    then, there = wanted.bundle.about["gene_sets"]["digest"], tree / place
    if gene_sets_digest(there) == then:
        return
    if gene_sets_digest(project / place) != then:
        raise DataError(
            "the gene sets that features were drawn towards are not what they were",
            where=place, expected=f"digest {then}", fix="put those of then there",
        )  # fmt: skip
    if there.is_dir():  # what the commit has of it
        shutil.rmtree(there)
    there.parent.mkdir(parents=True, exist_ok=True)
    _copy(project / place, there)


def _copy(path: Path, to: Path) -> None:
    if path.is_dir():
        shutil.copytree(path, to)
    else:
        shutil.copyfile(path, to)


def _run(wanted: Wanted, tree: Path, verbs: list[list[str]]) -> None:
    """Run verbs by the code of a working tree, in this environment but for what is set for this project."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("CIC_", "MLFLOW_"))}
    device = wanted.stages["fit"].origin["device"] if wanted.stages else "auto"
    environment |= {"CIC_PROJECT": str(tree), "CIC_HOME": str(tree / ".cic"), "CIC_DEVICE": device}
    if (tree / "cic").is_dir():
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(tree), os.environ.get("PYTHONPATH")]))
    environment["PYTHONSAFEPATH"] = "1"
    # what the stages print is no result of ours
    command = [sys.executable, "-c", VERBS, json.dumps(verbs)]
    done = subprocess.run(command, cwd=tree, env=environment, stdout=sys.stderr, check=False)
    if done.returncode != 0:
        raise ModelError(
            f"a stage of that commit ended with exit code {done.returncode}",
            where=f"{wanted.name}, commit {wanted.commit}",
            fix="see what it said above; --keep leaves the folder to look at",
        )


def compared(wanted: Wanted, folders: dict[str, Path]) -> Outcome:
    """Hold what stages left in `folders` against what those of the version left."""
    differing = {}
    for stage, folder in folders.items():
        left, now = wanted.stages[stage].files if wanted.stages else {}, read_manifest(folder).files
        differing[stage] = [name for name in _compared_files(wanted.stages, stage) if left[name] != now.get(name)]
    bundle = folders["fit"] / "bundle"
    found, told = bundle_digest(bundle), []
    if first := next((stage for stage, files in differing.items() if files), None):
        told.append(f"`{first}` is the first stage that left something else")
    if found != wanted.bundle_digest:
        told.append(distance(wanted.bundle, load_bundle(bundle), folders["ingest"] / "matrix.parquet"))
    return Outcome(differing if wanted.stages else {}, found, wanted.bundle_digest, "; ".join(told))


def _compared_files(stages: dict[str, Manifest], stage: str) -> list[str]:
    """Give the files of a stage that later ones read, as far as it is known: others hold times."""
    if stage == "evaluate" and stages:
        return COMPARED_OF_EVALUATE
    return sorted({name for made in stages.values() for name in made.inputs.get(stage, {})})

"""How a stage is run, from either door: on files that are whole, and put in place when it is whole itself."""

from __future__ import annotations

import logging
import shutil
import tempfile
from pathlib import Path
from typing import Any

from filelock import FileLock

from cic.config import Params, Search
from cic.dependencies import ROOT
from cic.digests import WORKERS
from cic.errors import DataError
from cic.folders import Folders
from cic.manifest import Manifest, check_together, checked, inputs_of, sha256_of, write_manifest
from cic.settings import Settings
from cic.stage_list import STAGES, Stage, sets_digest, start_digest
from cic.versioning.pointers import git_state, md5_of, recipe_of

WRITTEN_BY_RUNS = ("dvc.lock", "build", ".cic")
"""Paths that runs write, some of them in git: they do not make a working tree another than its commit."""
log = logging.getLogger(__name__)


def workspace(root: Path) -> dict[str, Path]:
    """Give the folder of each stage below `root`, as `dvc.yaml` names them."""
    return {name: root / name for name in STAGES}


def run_stage(name: str, params: Params, folders: Folders, settings: Settings, keep: bool = False) -> bool:
    """Run one stage on files that are what the stages before it wrote; put its folder in place only when it is whole.

    Parameters
    ----------
    keep
        Leave the stage's folder as it is where it is there and undamaged.

    Returns
    -------
    bool
        Whether the stage was run.

    Raises
    ------
    DataError
        If a stage before it has not been run, its files were altered since, or they belong to different runs.
    CicError
        As the stage itself, and before the search what `cic.stages.foreseen` finds.
    """
    stage, out = STAGES[name], folders[name]
    before = {other: checked(folders[other], files) for other, files in stage.reads.items()}
    check_together(before, folders)
    out.parent.mkdir(parents=True, exist_ok=True)
    # one at a time, whichever door it comes from
    with FileLock(out.with_name(f".{out.name}.lock")):
        if keep and _is_intact(out):
            return False
        if name == "search":
            from cic.stages.foreseen import foresee  # with what trains, which no other stage need wait for

            foresee(params, folders)
        origin = _origin(stage, params, settings)
        for left in out.parent.glob(f".{out.name}.*.partial"):  # of a run that was killed
            shutil.rmtree(left, ignore_errors=True)
        work = Path(tempfile.mkdtemp(prefix=f".{out.name}.", suffix=".partial", dir=out.parent))
        work.chmod(0o755)
        try:
            stage.run(declared(stage, params), folders, work, settings)
            inputs = {other: inputs_of(made, stage.reads[other], folders[other]) for other, made in before.items()}
            write_manifest(work, name, inputs, origin)
            shutil.rmtree(out, ignore_errors=True)
            work.replace(out)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    return True


def declared(stage: Stage, params: Params) -> Params:
    """Give the parameters without the sections that a stage does not declare: reading one of them is an error.

    How many workers there are is known to all of them, as no outcome depends on it.
    """
    given = params.model_copy()
    for section in set(Params.model_fields) - {"seed", *stage.sections}:
        given.__dict__.pop(section)
    if "search" not in stage.sections:
        given.__dict__["search"] = Search(**params.search.model_dump(include=set(WORKERS)))
    return given


def verified(folders: Folders) -> dict[str, Manifest]:
    """Give the manifests of all stages' folders, once every file is what was written and they belong together.

    Raises
    ------
    DataError
        If not.
    """
    manifests = {name: checked(folders[name]) for name in STAGES}
    check_together(manifests, folders)
    return manifests


def _is_intact(folder: Path) -> bool:
    if not folder.exists():
        return False
    try:
        checked(folder)
    except DataError as fault:
        log.warning("run again, as what is there was altered: %s", fault)
        return False
    return True


def _origin(stage: Stage, params: Params, settings: Settings) -> dict[str, Any]:
    """Tell where a stage runs, before it does: commit, sources, parameters, data, device."""
    git = git_state(settings.project, except_for=WRITTEN_BY_RUNS)
    sections = {name: getattr(params, name).model_dump(mode="json") for name in stage.sections}
    origin = {"git_commit": git.commit, "git_dirty": git.dirty, "params": {"seed": params.seed, **sections}}
    origin["code"] = {file.as_posix(): sha256_of(ROOT / file) for file in stage.sources}
    if not stage.reads:
        origin["data_md5"] = md5_of(Path(params.data.file))
        origin["recipe"] = recipe_of(Path(params.data.file))
    if "device" in stage.outside:
        origin["device"] = settings.torch_device
    if "start" in stage.outside:
        origin["start"] = start_digest(params, settings)
    if "given_sets" in stage.outside:
        origin["given_sets"] = sets_digest(params.fit.gene_sets)
    return origin

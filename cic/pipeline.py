"""The stages, what each depends on, and how one is run. Both doors, DVC and Prefect, run stages by this list.

`dvc.yaml` is generated from it (`infra/dvc_deps.py`), and the flows name a stage's folder by a digest of the same
things (`stage_key`): so what makes one door run a stage again makes the other do so too.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import logging
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from cic.config import Params, Search
from cic.data.synthetic import truth_files
from cic.dependencies import ROOT, closure, code_digest, libraries, modules_of, versions_of
from cic.digests import WORKERS, gene_sets_digest, settled
from cic.errors import DataError
from cic.folders import Folders
from cic.manifest import Manifest, check_together, checked, inputs_of, read_manifest, sha256_of, write_manifest
from cic.model.bundle_files import load_bundle
from cic.settings import Settings, start_folder
from cic.versioning.pointers import git_state, md5_of, recipe_of

WRITTEN_BY_RUNS = ("dvc.lock", "build", ".cic")
"""Paths that runs write, some of them in git: they do not make a working tree another than its commit."""
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Stage:
    """What a stage is called, and all that its outcome depends on.

    Attributes
    ----------
    name
        Also of the module in `cic.stages` and of the function in it. With the sources which that module imports, and
        the versions of the libraries that those import, it is the code that the outcome depends on.
    reads
        Files that it reads, by the stage that leaves them.
    sections
        Sections of `params.yaml` that it reads, besides `seed`. It is handed no others.
    files
        What it leaves, relative to its folder; a name without a suffix is a folder.
    outside
        What else it depends on, by the key in the inventory (`inventory`).
    packages
        Packages whose modules it finds by itself: all of them are code that it runs.
    """

    name: str
    reads: dict[str, tuple[str, ...]]
    sections: tuple[str, ...]
    files: tuple[str, ...]
    outside: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()

    @property
    def module(self) -> str:
        """Dotted name of its module."""
        return f"cic.stages.{self.name}"

    @property
    def run(self) -> Callable[[Params, Folders, Path, Settings], None]:
        """Its function: parameters, the folders of the stages before it, its own folder, settings."""
        return getattr(importlib.import_module(self.module), self.name)

    @property
    def sources(self) -> tuple[Path, ...]:
        """Sources of ours that it runs."""
        return closure(self.module, *(module for package in self.packages for module in modules_of(package)))


BUNDLE = ("bundle/model.safetensors", "bundle/model.json", "bundle/origin.json")
STAGES = {
    stage.name: stage
    for stage in (
        Stage(
            "ingest",
            {},
            ("data", "split", "preprocess"),
            ("matrix.parquet", "checks.json", "checks.html"),
        ),
        Stage("split", {"ingest": ("matrix.parquet",)}, ("split",), ("split.csv", "audit.json")),
        Stage(
            "search",
            {"ingest": ("matrix.parquet",), "split": ("split.csv",)},
            ("data", "preprocess", "training", "search"),
            (
                "trials.csv",
                "finalists.csv",
                "choice.json",
                "study.json",
                "timing.csv",
                "surface.svg",
                "importance.svg",
            ),
            ("device", "start"),
        ),
        Stage(
            "fit",
            {"ingest": ("matrix.parquet",), "split": ("split.csv",), "search": ("choice.json",)},
            ("preprocess", "training", "fit"),
            (*BUNDLE, "curves.csv", "fit.json"),
            ("device", "start", "given_sets"),
        ),
        Stage(
            "evaluate",
            {
                "ingest": ("matrix.parquet", "checks.json"),
                "split": ("split.csv", "audit.json"),
                "search": ("trials.csv", "finalists.csv", "choice.json"),
                "fit": (*BUNDLE, "curves.csv"),
            },
            ("data", "training", "search", "evaluate"),
            (
                "metrics.json",
                "headline.json",
                "report.html",
                "profiles.csv",
                "labels.csv",
                "codes.csv",
                "codes_2d.csv",
                "curves.csv",
                "surface.csv",
                "figures",
                "tables",
            ),
            ("gene_sets", "truth"),
            ("cic.evaluation.questions",),
        ),
    )
}


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


def inventory(params: Params, settings: Settings) -> dict[str, Any]:
    """Give what outcomes depend on besides files of ours and parameters.

    Returns
    -------
    dict
        `versions` of the libraries that calculate, the `device`, and SHA-256 of the `gene_sets`, of the `given_sets`
        that features are drawn towards, of the `truth` beside simulated profiles and of the model that trainings
        `start` from; `None` where there are none.
    """
    names = sorted({name for stage in STAGES.values() for name in libraries(stage.sources)})
    truth = [path for path in truth_files(Path(params.data.file)) if path.exists()]
    return {
        "versions": versions_of(names),
        "device": settings.torch_device,
        "gene_sets": _digest_of(params.evaluate.gene_sets),
        "given_sets": _digest_of(params.fit.gene_sets),
        "start": _start(params, settings),
        "truth": hashlib.sha256("".join(map(sha256_of, truth)).encode()).hexdigest() if truth else None,
    }


def _digest_of(gene_sets: str | None) -> str | None:
    return None if gene_sets is None or not Path(gene_sets).exists() else gene_sets_digest(Path(gene_sets))


def _start(params: Params, settings: Settings) -> str | None:
    reference = params.training.start_from
    return None if reference is None else load_bundle(start_folder(reference, settings.home)).digest


def stage_key(name: str, params: Params, folders: Folders, found: dict[str, Any], data_md5: str) -> str:
    """Give a digest of all that the outcome of a stage depends on.

    The stages before it count by what they left, not by how: where that is the same, so is the key.

    Parameters
    ----------
    folders
        Of the stages that it reads, at least.
    found
        The `inventory`.
    data_md5
        Of the file of profiles.
    """
    stage = STAGES[name]
    parts = {
        "code": code_digest(stage.sources),
        "versions": {library: found["versions"][library] for library in libraries(stage.sources)},
        "outside": {key: found[key] for key in stage.outside},
        "seed": params.seed,
        "sections": {section: settled(getattr(params, section)) for section in stage.sections},
        "files": {
            other: inputs_of(read_manifest(folders[other]), files, folders[other])
            for other, files in stage.reads.items()
        },
        "data": None if stage.reads else data_md5,
    }
    return hashlib.sha256(json.dumps([name, parts], sort_keys=True).encode()).hexdigest()


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
        origin["start"] = _start(params, settings)
    if "given_sets" in stage.outside:
        origin["given_sets"] = _digest_of(params.fit.gene_sets)
    return origin

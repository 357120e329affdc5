"""The stages, and what each depends on. Both doors, DVC and Prefect, go by this list.

`dvc.yaml` is generated from it (`infra/dvc_deps.py`), and the flows name a stage's folder by a digest of the same
things (`stage_key`): so what makes one door run a stage again makes the other do so too.
"""

from __future__ import annotations

import hashlib
import importlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cic.config import Params
from cic.data.synthetic import truth_files
from cic.dependencies import closure, code_digest, libraries, modules_of, versions_of
from cic.digests import gene_sets_digest, settled
from cic.folders import Folders
from cic.manifest import inputs_of, read_manifest, sha256_of
from cic.model.bundle_files import load_bundle
from cic.settings import Settings, start_folder


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
        "gene_sets": sets_digest(params.evaluate.gene_sets),
        "given_sets": sets_digest(params.fit.gene_sets),
        "start": start_digest(params, settings),
        "truth": hashlib.sha256("".join(map(sha256_of, truth)).encode()).hexdigest() if truth else None,
    }


def sets_digest(gene_sets: str | None) -> str | None:
    """Give the digest of gene sets that parameters name; `None` where none are named, or none are there."""
    return None if gene_sets is None or not Path(gene_sets).exists() else gene_sets_digest(Path(gene_sets))


def start_digest(params: Params, settings: Settings) -> str | None:
    """Give the digest of the model that trainings start from; `None` where they start from none."""
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

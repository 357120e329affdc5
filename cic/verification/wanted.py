"""What is to come out again of a registered version, and what it came from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cic.dependencies import CALCULATING
from cic.manifest import Manifest
from cic.model.bundle import Bundle
from cic.model.bundle_files import load_bundle
from cic.registry.fetched import MODELS, RUNS, fetched_bundle
from cic.registry.recorded import file_of
from cic.registry.starting import fetch_start
from cic.verification.trail import Trail
from cic.versioning.commits import knows_commit, sha256_at

STAGES = ("ingest", "split", "search", "fit")


@dataclass(frozen=True)
class Wanted:
    """What is to come out again, and what it came from; read while the store of runs can be.

    Attributes
    ----------
    name
        Address of the version.
    commit, clean
        One with what was trained, and whether the working tree was as committed.
    versions
        Release of each library that calculates.
    start, home
        The model that it started from (`training.start_from`), and `CIC_HOME`, where that is if it is a registry's.
    """

    name: str
    bundle: Bundle
    bundle_digest: str
    commit: str
    clean: bool
    params: dict[str, Any]
    stages: dict[str, Manifest]
    start: str | None
    home: Path
    data: Path
    data_md5: str
    recipe: dict[str, Any] | None
    versions: dict[str, str]


def wanted_of(trail: Trail) -> Wanted:
    """Read what a version was made from.

    Raises
    ------
    ModelError
        If part of that is gone or altered.
    """
    settings = trail.settings
    with fetched_bundle(trail.uri, trail.version, settings.artifact_location) as folder:
        bundle = load_bundle(folder)
    start = trail.params["training"].get("start_from")
    if start is not None and start.startswith((MODELS, RUNS)):
        fetch_start(trail.uri, start, settings, settings.artifact_location)
    return Wanted(
        name=f"models:/{trail.version.name}/{trail.version.version}",
        bundle=bundle,
        bundle_digest=trail.version.bundle_digest,
        commit=_commit_of(trail),
        clean=trail.run.tags.get("cic.git_dirty") == "false",
        params=trail.params,
        stages=trail.stages,
        start=start,
        home=settings.home,
        data=trail.data,
        data_md5=trail.data_md5,
        recipe=trail.recipe,
        versions=calculating(file_of(trail.uri, trail.run, "environment.txt").decode()),
    )


def calculating(lock: str) -> dict[str, str]:
    """Give the releases of the libraries that calculate, of a list of all that is installed."""
    installed = dict(line.split("==", 1) for line in lock.splitlines() if "==" in line)
    return {name: installed[name] for name in sorted(CALCULATING.values()) if name in installed}


def _commit_of(trail: Trail) -> str:
    """Give a commit that has the sources of all stages as they ran: where nothing changed, some ran at earlier ones."""
    made = {name: trail.stages[name].origin for name in STAGES} if trail.stages else {}
    ran = {file: sha for origin in made.values() for file, sha in origin.get("code", {}).items()}
    # that of `ingest` is the first to be looked at: the data's pointer was there
    for commit in (origin["git_commit"] for origin in made.values()):
        if commit and knows_commit(trail.settings.project, commit):
            there = sha256_at(trail.settings.project, commit, ran)
            if there in (ran, {}):  # or what ran was installed
                return str(commit)
    return trail.commit

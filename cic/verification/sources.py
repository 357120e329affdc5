"""The links of a version in git and DVC: the commit, the code and the data's pointer at it, the data's bytes."""

from __future__ import annotations

from cic.errors import DataError, ModelError
from cic.verification.trail import UNKNOWN, Trail, Unchecked, how_to_simulate
from cic.versioning.commits import knows_commit, sha256_at
from cic.versioning.objects import look_up
from cic.versioning.pointers import is_simulated, md5_of, pointer_of
from cic.versioning.versions import pointer_at
from cic.versioning.working_tree import in_git

MOST_NAMED = 3


def commit(trail: Trail) -> str | Unchecked:
    """Look for the commits that the stages ran at."""
    if reason := _outside_of_git(trail):
        return Unchecked(reason)
    project = trail.settings.project
    wanted = dict.fromkeys([trail.commit, *(str(made.origin["git_commit"]) for made in trail.stages.values())])
    for one in wanted:
        if not knows_commit(project, one):
            raise ModelError(
                f"there is no commit {one}", where=str(project), expected="the commit that the run names",
                fix="git fetch, from a repository that has it",
            )  # fmt: skip
    return ", ".join(wanted)


def working_tree(trail: Trail) -> str | Unchecked:
    """Look whether the working tree was as committed; where the sources that ran are known, `code` says more."""
    if trail.commit == UNKNOWN:
        return Unchecked("it was trained outside of git")
    dirty = [name for name, made in trail.stages.items() if made.origin["git_dirty"]]
    if not dirty and trail.run.tags.get("cic.git_dirty") == "false":
        return "as committed"
    told = f"files differed from the commit when {', '.join(dirty) or 'it'} ran"
    if trail.stages and all("code" in made.origin for made in trail.stages.values()):
        return Unchecked(f"{told}; whether these were its sources is seen next")
    raise ModelError(
        told,
        where=f"run {trail.run.run_id} in MLflow",
        expected="a working tree as committed",
        fix="commit, then train and register again",
    )


def code(trail: Trail) -> str | Unchecked:
    """Hold the sources of each stage, at its commit, against what it ran."""
    recorded = {name: made.origin["code"] for name, made in trail.stages.items() if "code" in made.origin}
    if reason := _outside_of_git(trail) or ("" if recorded else "the sources that ran were not recorded"):
        return Unchecked(reason)
    sources: set[str] = set()
    for name, files in recorded.items():
        at = trail.stages[name].origin["git_commit"]
        there = sha256_at(trail.settings.project, at, files)
        if not there:
            return Unchecked("what ran was installed, and is no part of the commit")
        other = sorted(file for file, sha in files.items() if there.get(file) != sha)
        if other:
            more = f" and {len(other) - MOST_NAMED} more" if len(other) > MOST_NAMED else ""
            raise ModelError(
                f"stage `{name}` ran another {', '.join(other[:MOST_NAMED])}{more} than the commit has",
                where=f"commit {at}",
                expected="the sources by their SHA-256, as stages.json of the run has them",
            )
        sources |= {*files}
    return f"{len(sources)} sources as the stages ran them"


def pointer(trail: Trail) -> str | Unchecked:
    """Hold the data's pointer at the commit, or the record of simulated data, against the hash that the run names."""
    path = trail.settings.project / trail.data
    if trail.recipe is not None:
        made = is_simulated(path, trail.recipe)
        told = f"simulated; {'made' if made else 'make them'} by {how_to_simulate(trail.data, trail.recipe)}"
        return told if made else Unchecked(told)
    if reason := _outside_of_git(trail):
        return Unchecked(reason)
    at = trail.stages["ingest"].origin["git_commit"] if trail.stages else trail.commit
    found = pointer_at(path, at)["md5"]
    if found != trail.data_md5:
        raise DataError(
            f"the pointer names other data, md5 {found}",
            where=f"{pointer_of(trail.data)}, at commit {at}",
            expected=f"md5 {trail.data_md5}, as the run has it",
        )
    return f"{pointer_of(trail.data)} names {trail.data_md5}"


def data(trail: Trail) -> str | Unchecked:
    """Hash the data's bytes: in the working tree, else in DVC's cache, else in the remote."""
    path, md5 = trail.settings.project / trail.data, trail.data_md5
    here = "missing"
    if path.exists():
        if (found := md5_of(path)) == md5:
            return f"{trail.data} has these bytes"
        here = f"others, md5 {found}"
    if trail.recipe is not None:
        return Unchecked(f"{trail.data} is {here}; {how_to_simulate(trail.data, trail.recipe)} makes them")
    copies = look_up(path, md5)
    seen = [f"the working tree: {here}", *(f"{copy.place}: {copy.fault or 'whole'}" for copy in copies)]
    if copies[-1].fault:
        raise DataError(
            "the bytes of the data are nowhere whole",
            where=str(trail.data),
            expected=f"md5 {md5} in one of: {'; '.join(seen)}",
            fix="`dvc push` from where the data are whole",
        )
    return "; ".join(seen)


def _outside_of_git(trail: Trail) -> str:
    if trail.commit == UNKNOWN:
        return "it was trained outside of git"
    return "" if in_git(trail.settings.project) else f"{trail.settings.project} is in no git repository"

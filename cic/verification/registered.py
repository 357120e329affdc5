"""The links of a version in the registry and in MLflow: what was registered, the run, the decision, the parameters."""

from __future__ import annotations

import hashlib
import json

from cic.digests import model_digest
from cic.errors import ModelError
from cic.manifest import params_of
from cic.registry.fetched import fetched_bundle
from cic.registry.recorded import content_of, file_of
from cic.registry.registry import drift, history
from cic.registry.stored import PROFILES
from cic.tracking.files import TAG_BUNDLE, TAG_FILES, TAG_METRICS
from cic.verification.trail import UNKNOWN, Trail, Unchecked

SHOWN = 12
"""Characters of a digest."""
TAG_DATA = "cic.data_md5"


def bundle(trail: Trail) -> str:
    """Hold the registered files against the digests that the version names."""
    with fetched_bundle(trail.uri, trail.version, trail.settings.artifact_location):
        pass
    files = json.loads(trail.version.tags.get(TAG_FILES, "{}"))
    return f"{len(files)} files as registered, bundle {trail.version.bundle_digest[:SHOWN]}"


def run(trail: Trail) -> str:
    """Look for the run, and whether it names the same bundle and data as the version."""
    found, version = trail.run, trail.version
    if found.status != "FINISHED":
        raise ModelError(f"the run ended as {found.status}", where=_where(trail), expected="a run that finished")
    for tag in (TAG_BUNDLE, TAG_DATA):
        if found.tags.get(tag) != version.tags.get(tag):
            raise ModelError(
                f"{tag} of the run is {found.tags.get(tag)}",
                where=_where(trail),
                expected=f"{version.tags.get(tag)}, as version {version.version} has it",
            )
    return f"{found.run_id}, of this bundle and of data {trail.data_md5[:SHOWN]}"


def metrics(trail: Trail) -> str:
    """Hold what was measured against its digest."""
    content_of(trail.uri, trail.run, "metrics.json", TAG_METRICS)
    return f"metrics.json as measured, {trail.run.tags[TAG_METRICS][:SHOWN]}"


def stages(trail: Trail) -> str | Unchecked:
    """Hold the stages' manifests against their digest, and what they say and left against run and version."""
    if not trail.stages:
        return Unchecked("registered before the stages' manifests were kept")
    for stage, key, named in (("fit", "git_commit", trail.commit), ("ingest", "data_md5", trail.data_md5)):
        if (known := trail.stages[stage].origin[key] or UNKNOWN) != named:
            raise ModelError(
                f"cic.{key} of the run is {named}", where=_where(trail), expected=f"{known}, as stage `{stage}` had it"
            )
    registered = json.loads(trail.version.tags.get(TAG_FILES, "{}"))
    for name, sha in trail.stages["fit"].files.items():
        if name.startswith("bundle/") and registered.get(f"artifacts/{name}") != sha:
            raise ModelError(f"stage `fit` left another {name} than the registered one", where=_where(trail))
    evidence = hashlib.sha256(file_of(trail.uri, trail.run, PROFILES)).hexdigest()
    if evidence != trail.stages["evaluate"].files[PROFILES]:
        raise ModelError(
            f"{PROFILES} is not what stage `evaluate` left",
            where=_where(trail),
            expected=f"SHA-256 {trail.stages['evaluate'].files[PROFILES]}, found {evidence}",
        )
    return f"{', '.join(trail.stages)}: bundle and {PROFILES} as they left them"


def decision(trail: Trail) -> str | Unchecked:
    """Look whether the log of decisions is whole, and what it says of the version."""
    version = trail.version
    log, where = history(trail.uri, version.name), f"log of decisions on `{version.name}`"
    fix = "`cic registry log` shows it"
    if log.faults:
        raise ModelError("; ".join(log.faults), where=where, expected="an unbroken chain of records", fix=fix)
    moved = drift(trail.uri, version.name)
    if moved and version.aliases:
        raise ModelError("; ".join(moved), where=where, expected="aliases where the log left them", fix=fix)
    records = [entry.record for entry in log.entries if entry.record.version == version.version]
    decisions = [record for record in records if record.action != "repaired"]
    if not decisions:
        return Unchecked("nothing has been decided on it")
    last = decisions[-1]
    if last.bundle_digest != version.bundle_digest:
        raise ModelError(
            f"record {last.number} is about another bundle, {last.bundle_digest[:SHOWN]}",
            where=where,
            expected=version.bundle_digest[:SHOWN],
        )
    return f"record {last.number}: {last.action.replace('_', ' ')}, {last.decided_at} by {last.decided_by}"


def parameters(trail: Trail) -> str:
    """Hold the parameters that the run keeps against their digest, its seed, and what the stages ran with."""
    params, where = trail.params, f"params.json of {_where(trail)}"
    try:
        digest, seed = model_digest(params), str(params["seed"])
    except (KeyError, AttributeError, TypeError) as error:
        raise ModelError(f"a section is missing or is none: {error}", where=where) from None
    named = trail.run.tags["cic.params_digest"]
    if digest != named or params["data"]["file"] != str(trail.data):
        raise ModelError(
            "these are not the parameters that were logged", where=where, expected=f"digest {named}, of {trail.data}"
        )
    for place, other in (("the page of runs", trail.run.params.get("seed")), ("its tags", trail.run.tags["cic.seed"])):
        if other != seed:
            raise ModelError(f"the seed is {seed}, in {place} {other}", where=where, expected="one seed")
    if trail.stages:
        ran = params_of(trail.stages)
        if other_sections := [name for name in ran if params.get(name) != ran[name]]:
            raise ModelError(
                f"the stages ran with another {', '.join(other_sections)}",
                where=where,
                expected="what the stages' manifests have",
            )
    return f"as logged{' and as the stages ran with them' if trail.stages else ''}, digest {digest[:SHOWN]}"


def _where(trail: Trail) -> str:
    return f"run {trail.run.run_id} in MLflow"

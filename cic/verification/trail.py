"""What is known of a registered version, read when it is asked for and once."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from cic.manifest import Manifest
from cic.registry.fetched import named_version
from cic.registry.recorded import Run, content_of, run_of
from cic.registry.versions import Version, find
from cic.settings import Settings
from cic.tracking.files import TAG_STAGES
from cic.versioning.pointers import recipe_of

CHOSEN = "chosen"
"""What `params.json` of a run has besides the parameters: the hyperparameters that the search chose."""
UNKNOWN = "unknown"
"""How a run's tags name a commit that there was none of."""
RECIPE = ("samples", "genes", "cell_types", "studies", "programs", "replicate_pairs", "molecules", "seed")
"""What of a recipe the command line takes."""


class Unchecked(str):
    """Why a link cannot be looked at."""


@dataclass(frozen=True)
class Trail:
    """A version, and the settings by which its traces are found; what cannot be read is an error where it is asked for.

    Attributes
    ----------
    settings
        With a store of runs that can be read now.
    """

    version: Version
    settings: Settings

    @property
    def uri(self) -> str:
        """Address of the store of runs."""
        return self.settings.tracking_uri

    @cached_property
    def run(self) -> Run:
        """The run that it came from."""
        return run_of(self.uri, self.version, self.settings.artifact_location)

    @cached_property
    def params(self) -> dict[str, Any]:
        """The parameters as the run keeps them, by section."""
        kept = content_of(self.uri, self.run, "params.json")
        return {name: value for name, value in kept.items() if name != CHOSEN}

    @cached_property
    def stages(self) -> dict[str, Manifest]:
        """The manifests of the stages; none of a version that was registered before they were kept."""
        if TAG_STAGES not in self.run.tags:
            return {}
        kept = content_of(self.uri, self.run, "stages.json", TAG_STAGES)
        return {name: Manifest(**manifest) for name, manifest in kept.items()}

    @property
    def commit(self) -> str:
        """The commit that it was trained at."""
        return self.run.tags["cic.git_commit"]

    @property
    def data(self) -> Path:
        """The data file or folder, as the parameters name it: below the project."""
        return Path(self.run.tags["cic.data_file"])

    @property
    def data_md5(self) -> str:
        """The hash of the data that it was trained on."""
        return self.run.tags["cic.data_md5"]

    @cached_property
    def recipe(self) -> dict[str, Any] | None:
        """What the data were simulated from, if they were."""
        known = self.stages["ingest"].origin.get("recipe") if self.stages else None
        return known or recipe_of(self.settings.project / self.data)


def trail_of(settings: Settings, model: str, wanted: str) -> Trail:
    """Find a version by number, alias, run id, `latest`, or as ``models:/NAME/VERSION`` or ``models:/NAME@ALIAS``.

    Parameters
    ----------
    model
        The registered model, where `wanted` names none.

    Raises
    ------
    ConfigError
        If there is no such version.
    """
    name, number = named_version(wanted) if wanted.startswith("models:/") else (model, wanted)
    return Trail(find(settings.tracking_uri, name, number), settings)


def simulate_command(data: Path, recipe: dict[str, Any]) -> list[str]:
    """Give the verb and options of `cic` that make simulated data again."""
    setting = ["--cells"] if "molecules" in recipe else ["--hard"] if recipe.get("setting") == "hard" else []
    given = [f"--{name.replace('_', '-')}={recipe[name]}" for name in RECIPE if name in recipe]
    return ["data", "simulate", "--name", data.name.removesuffix(".parquet"), *setting, *given]


def how_to_simulate(data: Path, recipe: dict[str, Any]) -> str:
    """Give the command that makes simulated data again, to be typed."""
    return f"`{shlex.join(['cic', *simulate_command(data, recipe)])}`"

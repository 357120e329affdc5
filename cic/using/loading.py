"""Finding a model: in the registry, by its run, or as the folder of a bundle."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from cic.errors import ConfigError, ModelError, needing
from cic.registry.fetched import MODELS, RUNS, fetch_bundle
from cic.using.model import Model

if TYPE_CHECKING:
    from cic.settings import Settings

RUN_ID = re.compile(r"[0-9a-f]{32}")


def load(reference: str | Path | None = None, params: Path = Path("params.yaml")) -> Model:
    """Load a model; `cic.load` is this.

    Parameters
    ----------
    reference
        ``models:/NAME@ALIAS``, ``models:/NAME/VERSION``, a run as ``runs:/ID`` or its id alone, or the folder of a
        bundle, which needs neither a registry nor the packages for one. Without any, the champion of the data that the
        project's parameters name.
    params
        Those parameters, from the project's folder.

    Raises
    ------
    ConfigError
        If there is no such model, or the packages are not installed that a registry is read by.
    ModelError
        If its files are gone or damaged.
    ServiceError
        If its store does not answer.
    """
    if reference is not None and not (isinstance(reference, str | Path) and str(reference)):
        raise ConfigError(
            f"{reference!r:.40} is no model",
            where="model",
            expected="models:/NAME@champion, models:/NAME/3, runs:/ID or a folder",
        )
    wanted = None if reference is None else str(reference)
    if wanted is not None and RUN_ID.fullmatch(wanted) and not Path(wanted).is_dir():
        wanted = f"{RUNS}{wanted}"
    if wanted is None or wanted.startswith((MODELS, RUNS)):
        with needing("registry", "a model of a registry"), registry_of(wanted, params) as (known, named):
            return Model(*fetch_bundle(known.tracking_uri, named, known.artifacts_uri))
    if not Path(wanted).is_dir():
        # of `cic-mine/3` and `cic-mine@champion`, the name
        names = [part for part in wanted.partition("@")[0].split("/") if part and not part.isdigit()]
        name = names[-1] if names else "NAME"
        raise ModelError(
            f"`{wanted}` is neither a registered model, nor a run, nor the folder of a bundle", where="model",
            expected=f"models:/{name}@champion, models:/{name}/3, runs:/ID, or a folder",
        )  # fmt: skip
    return Model(*fetch_bundle("", wanted))


@contextmanager
def registry_of(reference: str | Path | None, params: Path) -> Iterator[tuple[Settings, str]]:
    """Give the settings by which the registry can be read for as long as the block runs, and the name of the model.

    Raises
    ------
    ConfigError
        If there is no project here.
    ServiceError
        If its store does not answer.
    """
    # of no use to a bundle in a folder, and some tenths of a second
    from cic.config import load_params
    from cic.platform.at_rest import readable
    from cic.settings import PROJECT_MARKS, load_settings

    settings = load_settings()
    if "tracking_uri" not in settings.given and not any((settings.project / name).exists() for name in PROJECT_MARKS):
        raise ConfigError(
            "this is no folder of a project, whose registry could be asked", where=str(settings.project),
            expected="a project's folder, or one below it",
            fix="go there, or name it by CIC_PROJECT; or give the folder of a bundle",
        )  # fmt: skip
    if reference is None:
        reference = f"{MODELS}{load_params(settings.project / params).registry.name}@champion"
    with readable(settings) as known:
        yield known, str(reference)

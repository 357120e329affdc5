"""Finding a model: in the registry, or as the folder of a bundle."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from cic.errors import ConfigError, ModelError
from cic.registry.fetched import fetch_bundle
from cic.using.model import Model

if TYPE_CHECKING:
    from cic.settings import Settings


def load(reference: str | Path | None = None, params: Path = Path("params.yaml")) -> Model:
    """Load a model; `cic.load` is this.

    Parameters
    ----------
    reference
        ``models:/NAME@ALIAS``, ``models:/NAME/VERSION`` or the folder of a bundle. Without one, the champion of the
        data that the project's parameters name.
    params
        Those parameters, from the project's folder.

    Raises
    ------
    ConfigError
        If there is no such model.
    ModelError
        If its files are gone or damaged.
    ServiceError
        If its store does not answer.
    """
    if reference is not None and not (isinstance(reference, str | Path) and str(reference)):
        raise ConfigError(
            f"{reference!r:.40} is no model",
            where="model",
            expected="models:/NAME@champion, models:/NAME/3 or a folder",
        )
    if reference is not None and not str(reference).startswith("models:/"):
        if not Path(reference).is_dir():
            raise ModelError(
                f"`{reference}` is neither a registered model nor the folder of a bundle", where="model",
                expected=f"models:/{Path(reference).name}@champion, models:/{Path(reference).name}/3, or a folder",
            )  # fmt: skip
        return Model(*fetch_bundle("", str(reference)))
    with registry_of(reference, params) as (known, named):
        return Model(*fetch_bundle(known.tracking_uri, named, known.artifacts_uri))


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
        reference = f"models:/{load_params(settings.project / params).registry.name}@champion"
    with readable(settings) as known:
        yield known, str(reference)

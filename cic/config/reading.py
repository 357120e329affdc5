"""`params.yaml` and what stands in place of its values, read and validated as one whole.

An unknown key is an error that suggests the right one; a fault is told with the file or the override that it came from.
"""

from __future__ import annotations

import copy
import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import BaseModel, ValidationError

from cic.config.whole import Params
from cic.errors import ConfigError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


class _EachKeyOnce(yaml.SafeLoader):
    """YAML lets the last of two equal keys win, unsaid; DVC refuses them, and so do we."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        """Refuse a mapping with a key that stands twice, where its second stands; what it merges it may set anew."""
        node = super().compose_mapping_node(anchor)
        seen = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"`{key.value}` stands twice", problem_mark=key.start_mark)
            seen.add(key.value)
        return node


def load_params(
    path: str | Path = "params.yaml", overrides: dict[str, Any] | None = None, source: str = "--set"
) -> Params:
    """Read `params.yaml`, with dotted overrides such as ``{"search.trials": 10}`` on top, and validate the whole.

    Parameters
    ----------
    path
        The file.
    overrides, source
        What stands in place of the file's values, and where that came from, for messages.

    Raises
    ------
    ConfigError
        If the file is missing, is no YAML, or the whole does not validate.
    """
    path = Path(path)
    try:
        raw = _EachKeyOnce(path.read_text(encoding="utf-8")).get_single_data()
    except FileNotFoundError:
        raise ConfigError("there is no parameter file", where=str(path), fix="run from the project's folder") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"is not UTF-8: {error}", where=str(path), fix="save the file as UTF-8") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"not readable as YAML: {error}", where=str(path)) from None
    given = overrides or {}
    return parse_params(with_overrides(raw, given), str(path), given, source)


def parse_params(
    raw: Any, where: str = "params.yaml", overrides: Mapping[str, Any] | None = None, source: str = "--set"
) -> Params:
    """Validate a nested mapping as `Params`.

    Parameters
    ----------
    raw
        The whole, overrides included.
    where
        The file, for messages.
    overrides, source
        Dotted keys that did not come from the file, and where they came from, for messages.

    Raises
    ------
    ConfigError
        Naming every key at fault with its source, and the nearest right one where a key is unknown.
    """
    if not isinstance(raw, dict):
        raise ConfigError(f"found {type(raw).__name__} at the top", where=where, expected="sections such as `data:`")
    try:
        return Params.model_validate(raw)
    except ValidationError as error:
        given = overrides or {}
        origins = [_from(_path(fault), given, source) for fault in error.errors()]
        faults = "; ".join(_told(fault) + origin for fault, origin in zip(error.errors(), origins, strict=True))
        if all(origins):
            where = f"{source}, on top of {where}"
        raise ConfigError(faults, where=where, fix="correct the parameters; `cic params` lists them all") from None


def with_overrides(raw: Any, overrides: dict[str, Any]) -> Any:
    """Give a copy of the nested mapping `raw` with dotted keys set."""
    result = copy.deepcopy(raw)
    for key, value in overrides.items():
        *sections, name = key.split(".")
        at = result
        for section in sections:
            at = at.setdefault(section, {})
            if not isinstance(at, dict):
                raise ConfigError(f"`{section}` is no section", where=f"override {key}")
        at[name] = value
    return result


def with_override_texts(texts: list[str]) -> dict[str, Any]:
    """Read overrides as they are typed, `search.trials=10`: the value is YAML.

    Raises
    ------
    ConfigError
        If one has no `=` or its value is no YAML.
    """
    overrides = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise ConfigError(f"`{text}` is no override", where="--set", expected="KEY=VALUE, as in search.trials=10")
        try:
            overrides[key] = yaml.safe_load(value)
        except yaml.YAMLError:
            raise ConfigError(f"`{value}` is no value", where=f"--set {key}", expected="a YAML value") from None
    return overrides


def _path(fault: ErrorDetails) -> str:
    return ".".join(str(part) for part in fault["loc"])


def _told(fault: ErrorDetails) -> str:
    path, message = _path(fault), fault["msg"].removeprefix("Value error, ")
    if fault["type"] == "extra_forbidden":
        known = list(_section_at(fault["loc"]).model_fields)
        near = difflib.get_close_matches(str(fault["loc"][-1]), known, n=1)
        hint = f"did you mean `{near[0]}`?" if near else f"known here: {', '.join(known)}"
        return f"`{path}` is not a parameter; {hint}"
    found = "" if isinstance(fault["input"], dict) else f", found {fault['input']!r}"
    return f"`{path}`: {message}{found}" if path else message


def _from(path: str, overrides: Mapping[str, Any], source: str) -> str:
    """Name the overrides that a fault may come from: those of its key, or all where the whole does not fit together."""
    mine = [key for key in overrides if not path or f"{path}.".startswith(f"{key}.") or key.startswith(f"{path}.")]
    return f" ({source} gave {', '.join(mine)})" if mine else ""


def _section_at(path: tuple[Any, ...]) -> type[BaseModel]:
    """Give the model class that owns the key at `path`."""
    model: type[BaseModel] = Params
    for part in path[:-1]:
        field = model.model_fields.get(part) if isinstance(part, str) else None
        if field is None or not (isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)):
            break
        model = field.annotation
    return model

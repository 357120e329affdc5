"""The parameters of the flows: sections of `params.yaml`, as Prefect's form of a run shows and posts them.

The form is made when a deployment is: its fields, sentences and bounds are those of `cic.config`, its values those of
`params.yaml` at that moment. It posts every field of every section, touched or not. So what comes back as it was shown
is taken as left out, and is what the file says when the flow runs; the leakage guard is not lost by opening a section.
"""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast
from uuid import UUID

from prefect import get_client, get_run_logger
from prefect.runtime import deployment, flow_run
from pydantic import create_model

from cic.config import Params, ParamsSection, load_params, parse_params
from cic.settings import load_settings

Result = TypeVar("Result")
SOURCE = "the flow run's parameters"
FILE = "params.yaml"


def takes(*names: str) -> Callable[[Callable[..., Result]], Callable[..., Result]]:
    """Make sections of `params.yaml` (and `seed`) the parameters of a flow, whose body gets them merged, as `params`.

    Each of them may be left out, and of a section every field: what is left out stays as the file has it. What else
    the body takes comes before them.
    """

    def decorate(body: Callable[..., Result]) -> Callable[..., Result]:
        @functools.wraps(body)
        def run(*values: Any, **named: Any) -> Result:
            given = signature.bind(*values, **named).arguments
            own = {name: given.pop(name) for name in list(given) if name not in names}
            return body(params=resolve(given, own), **own)

        own = [one for one in inspect.signature(body, eval_str=True).parameters.values() if one.name != "params"]
        signature = inspect.Signature([*own, *_sections(names)])
        run.__signature__ = signature  # type: ignore[attr-defined]
        return run

    return decorate


def _sections(names: tuple[str, ...]) -> list[inspect.Parameter]:
    """Give parameters whose defaults are the values of `params.yaml`; of the code, outside of a project."""
    file = load_settings().project / FILE
    shown = load_params(file) if file.exists() else parse_params({"seed": 0})
    made = []
    for name in names:
        value = getattr(shown, name)
        kind: Any = _with_defaults(value) if isinstance(value, ParamsSection) else type(value)
        default = kind() if isinstance(value, ParamsSection) else value
        made.append(inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default, annotation=kind))
    return made


def _with_defaults(section: ParamsSection) -> type[ParamsSection]:
    """Give the section's class with the present values for defaults, and the places of its fields in the form.

    The database that keeps a schema sorts the names in it by their length.
    """
    fields: dict[str, Any] = {}
    for position, (name, field) in enumerate(type(section).model_fields.items()):
        shown = copy.copy(field)
        shown.default = getattr(section, name)
        shown.json_schema_extra = {"position": position}
        fields[name] = (field.annotation, shown)
    kind = type(section)
    return cast(type[ParamsSection], create_model(kind.__name__, __base__=kind, __doc__=kind.__doc__, **fields))


def resolve(given: Mapping[str, Any], others: Mapping[str, Any]) -> Params:
    """Give `params.yaml` with what the flow run overrides, and let the run's page show the outcome.

    Parameters
    ----------
    given
        Sections by name, and the seed.
    others
        What else the flow was given.
    """
    shown, run_id = shown_here(), flow_run.get_id()
    overrides = overrides_of(plain(given), shown)
    params = merged(overrides)
    if not shown or run_id is None:
        return params
    used = {name: value for name, value in params.model_dump(mode="json").items() if name in shown}
    with get_client(sync_client=True) as client:
        client.update_flow_run(UUID(run_id), parameters={**others, **used})
    for key, (was, now) in changed_since(shown, used, overrides).items():
        get_run_logger().warning(
            "%s is %r, as %s says; the form showed %r until it is deployed again", key, now, FILE, was
        )
    return params


def changed_since(
    shown: Mapping[str, Any], used: Mapping[str, Any], overrides: Mapping[str, Any]
) -> dict[str, tuple[Any, Any]]:
    """Give what `params.yaml` says otherwise than the form of a run shows, under dotted keys: as shown, and now.

    What the run overrides is no such thing, nor is a registered model's name that follows from the data's.
    """
    was, now = _flat(shown), _flat(used)
    changed = {
        key: (was.get(key), value) for key, value in now.items() if key not in overrides and was.get(key) != value
    }
    if all(_follows(values) for values in (was, now)):
        changed.pop("registry.name", None)
    return changed


def _follows(values: Mapping[str, Any]) -> bool:
    """Tell whether the registered model is called by its data, as it is where nobody named it."""
    if not {"data.file", "registry.name"} <= set(values):
        return False
    named = parse_params({"seed": 0, "data": {"file": values["data.file"]}}).registry.name
    return bool(values["registry.name"] == named)


def plain(given: Mapping[str, Any]) -> dict[str, Any]:
    """Give what a flow run was given as JSON has it: of a section, only the fields that were."""
    return {
        name: value.model_dump(mode="json", exclude_unset=True) if isinstance(value, ParamsSection) else value
        for name, value in given.items()
    }


def shown_here() -> dict[str, Any]:
    """Give the values that the form of the present run's deployment shows; none for a run without one."""
    deployed = deployment.get_id()
    if deployed is None:
        return {}
    with get_client(sync_client=True) as client:
        return shown_by(client.read_deployment(UUID(deployed)).parameter_openapi_schema or {})


def shown_by(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Give the values that a deployment's form shows, by section."""
    return {name: about["default"] for name, about in schema.get("properties", {}).items() if "default" in about}


def overrides_of(given: Mapping[str, Any], shown: Mapping[str, Any]) -> dict[str, Any]:
    """Give what a flow run overrides, under dotted keys.

    A section that names only some of its fields was written by somebody who means them. One that names every field is
    the form's, and a field that is as the form showed it was not touched; likewise the seed beside such a section.
    """
    whole = {
        name
        for name, values in given.items()
        if isinstance(values, Mapping) and name in shown and set(values) >= set(shown[name])
    }
    overrides: dict[str, Any] = {}
    for name, value in given.items():
        if isinstance(value, Mapping):
            meant = {key: one for key, one in value.items() if name not in whole or one != shown[name][key]}
            overrides |= {f"{name}.{key}": one for key, one in meant.items()}
        elif not whole or value != shown.get(name):
            overrides[name] = value
    return overrides


def _flat(sections: Mapping[str, Any]) -> dict[str, Any]:
    return {
        f"{name}.{key}" if isinstance(value, Mapping) else name: one
        for name, value in sections.items()
        for key, one in (value.items() if isinstance(value, Mapping) else [("", value)])
    }


def merged(overrides: dict[str, Any]) -> Params:
    """Give `params.yaml` with overrides, under dotted keys."""
    return load_params(load_settings().project / FILE, overrides, SOURCE)

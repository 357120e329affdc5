"""The parameters on the command line: the file, the overrides, and `cic params`, which explains them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cic.cli.project import enter_project, from_here

if TYPE_CHECKING:
    from cic.config import Params

DEFAULT_PARAMS = Path("params.yaml")
ParamsFile = Annotated[Path, typer.Option("--params", help="Parameter file.", callback=from_here)]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        "-S",
        metavar="KEY=VALUE",
        help="Override a parameter, such as search.trials=10. Repeatable. Default: as the file has them.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("params")(show_params)


def show_params(
    params: ParamsFile = DEFAULT_PARAMS,
    overrides: Overrides = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say what each parameter is for, and what it may be.")
    ] = False,
) -> None:
    """Show every parameter with its value, after overrides and defaults."""
    import yaml

    from cic.config import load_params, with_override_texts

    enter_project()
    parsed = load_params(params, with_override_texts(overrides or []))
    if explain:
        _explain(parsed)
    else:
        typer.echo(yaml.safe_dump(parsed.model_dump(mode="json"), sort_keys=False).rstrip())


def _explain(params: Params) -> None:
    """Print each parameter as the file would have it, what it is for, and what it may be; no name is ever cut."""
    from rich.console import Console
    from rich.markup import escape

    console = Console(soft_wrap=True, highlight=False)
    schema, values = type(params).model_json_schema(), params.model_dump(mode="json")
    for section, described in schema["properties"].items():
        if "$ref" not in described:
            fields, given, prefix = {section: described}, values, ""
        else:
            fields = schema["$defs"][described["$ref"].rsplit("/", 1)[1]]["properties"]
            given, prefix = values[section], f"{section}."
        for name, field in fields.items():
            console.print(f"[bold]{prefix}{name}[/]: {escape(_as_yaml(given[name]))}")
            default = f"; default {_as_yaml(field['default'])}" if "default" in field else ""
            console.print(f"    {escape(field['description'])}")
            console.print(f"    [dim]{escape(allowed(field) + default)}[/]")


def _as_yaml(value: Any) -> str:
    import yaml

    return yaml.safe_dump(value, default_flow_style=True, width=10_000).removesuffix("...\n").strip()


WORDS = {
    "integer": "a whole number",
    "number": "a number",
    "string": "text",
    "boolean": "true or false",
    "null": "null",
}
MANY = {"integer": "whole numbers", "number": "numbers", "string": "texts"}
BOUNDS = {
    "minimum": "at least {:g}",
    "exclusiveMinimum": "above {:g}",
    "maximum": "at most {:g}",
    "exclusiveMaximum": "below {:g}",
}


def allowed(field: dict[str, Any]) -> str:
    """Say in words which values a parameter takes, from its JSON schema."""
    if "anyOf" in field:
        return ", or ".join(allowed(one) for one in field["anyOf"])
    if "const" in field:
        return str(field["const"])
    if "enum" in field:
        return "one of " + ", ".join(map(str, field["enum"]))
    if field.get("type") == "array":
        return _allowed_list(field)
    bounds = [words.format(field[key]) for key, words in BOUNDS.items() if key in field]
    if "maxLength" in field:
        bounds.append(f"at most {field['maxLength']} characters")
    return ", ".join([WORDS[field["type"]], *bounds])


def _allowed_list(field: dict[str, Any]) -> str:
    one = field["prefixItems"][0] if "prefixItems" in field else field["items"]
    few, most = field.get("minItems", 0), field.get("maxItems")
    if "$ref" in one:
        return f"a list of at most {most}, each with fields of its own"
    how_many = f"{most} " if most == few else "one or more " if few else ""
    if "enum" in one:
        return f"a list of {how_many}{'of ' if how_many else ''}{', '.join(map(str, one['enum']))}"
    bounds = [words.format(one[key]) for key, words in BOUNDS.items() if key in one]
    return ", ".join(
        [f"a list of {how_many}{MANY[one['type']]}", *([f"each {' and '.join(bounds)}"] if bounds else [])]
    )

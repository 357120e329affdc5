"""Write what the docs have from the code: `make docs` runs it, and tests hold that it was run.

These are the table of questions, the schema of metrics.json, the pages about parameters, command line and Python, and
the figures.
"""

from __future__ import annotations

import importlib
import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import figures
import yaml
from typer.main import get_command

from cic.cli import app
from cic.cli.params import allowed
from cic.config import Params
from cic.data.formats import FORMATS
from cic.declarations import declarations
from cic.errors import CicError
from cic.evaluation.metrics import schema
from cic.settings import Settings, variable_of

DOCS = Path(__file__).parent.parent / "docs"
QUESTIONS = ("<!-- questions: written by `make docs` -->", "<!-- end of questions -->")
READABLE = ("<!-- formats: written by `make docs` -->", "<!-- end of formats -->")
"""Between these a page has a table that is written from code."""
WRITTEN = "<!-- written by `make docs` -->\n"
NAMES = {
    "Using a model": (
        "cic.load",
        "cic.using.Model",
        "cic.using.Model.encode",
        "cic.using.Model.classify",
        "cic.using.Model.decode",
        "cic.using.Model.explain",
        "cic.using.explained.Explained",
        "cic.translate",
        "cic.using.Model.correction",
        "cic.using.correction.Correction",
        "cic.using.correction.read_correction",
        "cic.using.correction.write_correction",
        "cic.model.bundle_files.load_bundle",
        "cic.model.bundle.Bundle",
        "cic.model.bundle.Bundle.align",
        "cic.model.bundle.Bundle.encode",
        "cic.model.bundle.Bundle.decode",
        "cic.model.bundle.Bundle.reconstruct",
        "cic.model.bundle.Bundle.squared_errors",
        "cic.model.bundle.Bundle.classify",
        "cic.model.bundle.Bundle.classify_codes",
        "cic.model.bundle.Bundle.activities",
        "cic.model.features.Features",
        "cic.model.familiarity.judged",
        "cic.model.bundle_files.bundle_digest",
    ),
    "Data": (
        "cic.data.readers.read_table",
        "cic.data.matrix.read_matrix",
        "cic.data.matrix.ExpressionMatrix",
        "cic.data.synthetic.simulate",
    ),
    "Parameters and places": (
        "cic.config.load_params",
        "cic.settings.load_settings",
        "cic.platform.at_rest.readable",
        "cic.pipeline.run_stage",
        "cic.pipeline.workspace",
    ),
}
"""What somebody who writes Python with this would call."""
DEFAULTS = {
    "project": "nearest folder upwards with `dvc.yaml` or `params.yaml`",
    "tracking_uri": "`sqlite:///CIC_HOME/mlflow.db`",
    "artifacts_uri": "`file://CIC_HOME/mlartifacts`",
    "optuna_url": "`sqlite:///CIC_HOME/optuna.db`",
}
"""Of the variables whose default is worked out."""


def table() -> str:
    """Give the table of questions, in Markdown."""
    lines = [
        "| `evaluate.measures` | question | held against | headline | needs | costs |",
        "|---|---|---|---|---|---|",
    ]
    for one in declarations():
        name = "(always)" if one.always else f"`{one.name}`"
        figure = f"{one.headline.words}: {one.headline.better} than {one.headline.reference:g} is better"
        lines.append(f"| {name} | {one.question} | {one.against} | {figure} | {one.needs} | {one.cost} |")
    return "\n".join(lines)


def formats() -> str:
    """Give the table of files that can be read, in Markdown."""
    lines = ["| kind | files | its samples are in | what is read |", "|---|---|---|---|"]
    for one in FORMATS:
        lines.append(_row(one.name, one.files, one.samples_in or "as declared by `--samples-in`", one.holds))
    return "\n".join(lines)


def with_table(page: str, marks: tuple[str, str], table: str) -> str:
    """Give the page with a present table between its marks."""
    begin, end = marks
    before, rest = page.split(begin)
    return f"{before}{begin}\n{table}\n{end}{rest.split(end)[1]}"


def _row(*cells: str) -> str:
    return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"


def _plain(value: Any) -> str:
    """Give a value as `params.yaml` would have it."""
    text = yaml.safe_dump(value, default_flow_style=True, width=10_000)
    return f"`{text.removesuffix('...' + chr(10)).strip()}`"


def configuration() -> str:
    """Give the page about every parameter and every variable of the environment."""
    described = Params.model_json_schema()
    lines = [
        "# Parameters\n",
        WRITTEN,
        "`params.yaml` has a section a stage. What it leaves out has the default given here; an unknown name is an",
        "error that suggests the right one. `-S section.name=value` overrides one for a command, and the sections are",
        "the parameters of the flows. `cic params` shows the values in force, with `--explain` this list too.\n",
        "```sh\ncic params -S search.trials=30\ncic params --explain\n```\n",
    ]
    top = {name: field for name, field in described["properties"].items() if "$ref" not in field}
    lines += _fields("The whole", "", top)
    for name, field in described["properties"].items():
        if "$ref" in field:
            section = described["$defs"][field["$ref"].rsplit("/", 1)[1]]
            lines += _fields(f"`{name}`", section["description"].split("\n\n")[0], section["properties"])
    return "\n".join([*lines, *_variables()])


def _fields(title: str, about: str, fields: dict[str, Any]) -> list[str]:
    lines = [f"## {title}\n", *([f"{about}\n"] if about else [])]
    lines += ["| parameter | meaning | default | allowed |", "|---|---|---|---|"]
    for name, field in fields.items():
        default = _plain(field["default"]) if "default" in field else "must be given"
        lines.append(_row(f"`{name}`", field["description"], default, allowed(field)))
    return [*lines, ""]


def _variables() -> Iterator[str]:
    yield "## Environment\n"
    yield "Where things are is no parameter but a variable of the environment, since it has no part in what comes out."
    yield "An address that is left out is that of the local platform while it runs, else files below `CIC_HOME`.\n"
    yield "| variable | meaning | default |"
    yield "|---|---|---|"
    for name, field in Settings.model_fields.items():
        if name == "from_platform":
            continue  # not for people
        default = DEFAULTS.get(name) or ("none" if field.default is None else f"`{field.default}`")
        yield _row(f"`{variable_of(name)}`", re.sub(r"^CIC_\w+( or \w+)?: ", "", str(field.description)), default)
    yield ""


def _verbs(command: Any, path: tuple[str, ...] = ("cic",)) -> Iterator[tuple[str, Any]]:
    for name, inner in getattr(command, "commands", {}).items():
        yield from _verbs(inner, (*path, name))
    if not hasattr(command, "commands"):
        yield " ".join(path), command


def command_line() -> str:
    """Give the page about every verb, its options, and the exit codes."""
    lines = ["# Command line\n", WRITTEN, "`cic --help`, and `cic VERB --help`, say the same.\n"]
    lines += ["## Exit codes\n", "| code | when |", "|---|---|"]
    lines.append(_row("0", "Done; for `cic run` also where the gate refused."))
    kinds = [kind for kind in [CicError, *CicError.__subclasses__()] if kind.__module__ == CicError.__module__]
    for kind in sorted(kinds, key=lambda one: one.exit_code):
        about = "Anything else went wrong." if kind is CicError else str(kind.__doc__).splitlines()[0]
        lines.append(_row(str(kind.exit_code), about))
    lines += [_row("130", "Stopped by Ctrl-C."), ""]
    for name, command in _verbs(get_command(app)):
        lines += [f"## {name}\n", *_help(command.help)]
        own = [one for one in command.params if one.name != "help"]
        if own:
            lines += ["| argument or option | | if left out |", "|---|---|---|"]
            lines += [_row(*_option(one)) for one in own] + [""]
    return "\n".join(lines)


def _help(text: str) -> list[str]:
    """Give a help text; what is set in by four spaces is an example, and shown as one."""
    parts = inspect.cleandoc(text).split("\n\n")
    return [f"```text\n{inspect.cleandoc(part)}\n```\n" if part.startswith("    ") else f"{part}\n" for part in parts]


def _option(one: Any) -> tuple[str, str, str]:
    is_argument = one.param_type_name == "argument"
    names = one.name.upper() if is_argument else ", ".join((*one.opts, *one.secondary_opts))
    about, _, default = str(one.help).partition(" Default: ")
    if one.required:
        default = "must be given"
    elif isinstance(one.show_default, str):
        default = one.show_default
    elif not default:
        default = {None: "none", False: "no", True: "yes"}.get(one.default, f"`{one.default}`")
    return f"`{names}`", about.rstrip("."), default.rstrip(".")


def python() -> str:
    """Give the page about the names that one calls from Python: its beginning as it is, the rest from docstrings."""
    lines = [(DOCS / "python.md").read_text().partition(WRITTEN)[0] + WRITTEN]
    for title, names in NAMES.items():
        lines.append(f"## {title}\n")
        for name in names:
            lines += [f"### `{_heading(name)}`\n", *_described(name)]
    return "\n".join(lines)


def _heading(name: str) -> str:
    """Give the name of a function, and the class of a method with it."""
    *_, before, last = name.split(".")
    return f"{before}.{last}" if before[0].isupper() else last


def _described(name: str) -> Iterator[str]:
    module, _, inner = re.sub(r"\.(?=[A-Z]\w+\.|\w+$)", ":", name, count=1).partition(":")
    found: Any = importlib.import_module(module)
    for part in inner.split("."):
        found = getattr(found, part)
    if inspect.isclass(found):
        yield f"```text\n{name}\n```\n"
    else:
        owner, _, method = inner.rpartition(".")
        called = f"{owner.lower()}.{method}" if owner else name
        signature = str(inspect.signature(found)).replace("'", "").replace("(self, ", "(").replace("(self)", "()")
        yield f"```text\n{called}{signature}\n```\n"
    first, *sections = re.split(r"\n(\w+)\n-{3,}\n", inspect.cleandoc(found.__doc__))
    yield first.strip() + "\n"
    for heading, body in zip(sections[::2], sections[1::2], strict=True):
        yield f"*{heading}*\n"
        yield from (f"- {line}" for line in _entries(body))
        yield ""


def _entries(body: str) -> Iterator[str]:
    """Give the entries of a section of a numpy-style docstring, a line each."""
    entry: list[str] = []
    for line in [*body.strip().splitlines(), "end"]:
        if line and not line.startswith(" "):
            if entry:
                yield f"`{entry[0]}`: {' '.join(entry[1:])}" if len(entry) > 1 else f"`{entry[0]}`"
            entry = []
        if line.strip():
            entry.append(line.strip())


TABLES = (("evaluation.md", QUESTIONS, table), ("data.md", READABLE, formats))
PAGES = {"configuration.md": configuration, "cli.md": command_line, "python.md": python}


def main() -> None:
    """Write all of it."""
    for name, marks, written in TABLES:
        (DOCS / name).write_text(with_table((DOCS / name).read_text(), marks, written()))
    (DOCS / "metrics.schema.json").write_text(json.dumps(schema(), indent=1) + "\n")
    for name, written in PAGES.items():
        (DOCS / name).write_text(written())
    figures.main()


if __name__ == "__main__":
    main()

"""`cic data list`, `diff` and `tag`: which data sets and versions there are, and what is another between them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cic.cli.data_place import RAW, target_of
from cic.cli.project import enter_project

if TYPE_CHECKING:
    from cic.data.differences import Differences

SHOWN = 5
"""Names of each kind that are shown."""


def list_sets(
    as_json: Annotated[bool, typer.Option("--json", help="print JSON in place of lines")] = False,
) -> None:
    """List the data sets of the project, their state and the versions that have a name."""
    import json

    from rich.console import Console
    from rich.markup import escape

    enter_project()
    sets = [_described(path) for path in _sets()]
    if as_json:
        typer.echo(json.dumps(sets, indent=1))
        return
    console = Console(soft_wrap=True)
    if not sets:
        console.print("no data sets yet: `cic data import`, or `cic data simulate` for the default ones")
    for one in sets:
        size = f"{one['samples']:,} samples x {one['genes']:,} genes" + (f", {one['unit']}" if one["unit"] else "")
        used = " [green](in params.yaml)[/]" if one["in_params"] else ""
        console.print(f"[bold]{escape(one['name'])}[/]  {size}{used}", highlight=False)
        console.print(f"  {one['state']}, md5 {one['md5']}", highlight=False)
        for version in one["versions"]:
            now = ", as it is here" if version["md5"] == one["md5"] else ""
            told = f"  version {version['name']}: {version['day']}, commit {version['commit'][:8]}{now}"
            console.print(escape(told), highlight=False)


def tag_set(
    name: Annotated[str, typer.Argument(help="of the data set", show_default=False)],
    version: Annotated[str, typer.Argument(help="what to call its present version", show_default=False)],
) -> None:
    """Name the version of a data set that is committed, by a git tag, so that `diff` and people can speak of it."""
    from cic.versioning.versions import tag

    enter_project()
    full = tag(target_of(name), version)
    typer.echo(f"{name}@{version} is the git tag {full}; `git push origin {full}` shares it")


def diff_sets(
    before: Annotated[
        str, typer.Argument(help="a data set as NAME, or a version of it as NAME@VERSION", show_default=False)
    ],
    after: Annotated[str | None, typer.Argument(help="likewise. Default: the data set as it lies here")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON in place of lines")] = False,
) -> None:
    """Say which samples, genes and values differ between two versions, or two data sets.

    VERSION is a name that `cic data tag` gave, or a commit, branch or tag of git; `cic data diff lab` compares the last
    commit with what lies here.
    """
    import json
    from dataclasses import asdict

    from cic.data.differences import differences
    from cic.data.guarded import guarded
    from cic.data.matrix import read_matrix

    enter_project()
    name = before.partition("@")[0]
    pair = (before if "@" in before or after else f"{before}@HEAD", after or name)
    found = differences(*(guarded(read_matrix, _bytes(one)) for one in pair))
    if as_json:
        typer.echo(json.dumps(asdict(found), indent=1))
    else:
        _show(found, *pair)


def _sets() -> list[Path]:
    suffixes = (".dvc", ".simulated.json")
    return sorted({file.with_name(file.name.removesuffix(end)) for end in suffixes for file in RAW.glob(f"*{end}")})


def _described(path: Path) -> dict[str, Any]:
    from cic.config import load_params
    from cic.errors import DataError
    from cic.versioning.pointers import check_pointer, read_record
    from cic.versioning.versions import versions_of

    known = read_record(path)
    meta = known["meta"]
    try:
        state: str = check_pointer(path).state
    except DataError as fault:
        state = fault.found if path.exists() else "not here: `dvc pull`"
    in_params = Path("params.yaml").is_file() and Path(load_params().data.file) == path
    return {
        "name": path.name, "samples": meta["samples"], "genes": meta["genes"], "unit": meta.get("unit"),
        "state": state, "md5": known["md5"], "in_params": in_params,
        "versions": [vars(version) for version in versions_of(path)],
    }  # fmt: skip


def _bytes(named: str) -> Path:
    """Give the file or folder of profiles that `NAME` or `NAME@VERSION` means."""
    from cic.errors import DataError
    from cic.versioning.versions import bytes_of, pointer_at

    name, _, version = named.partition("@")
    path = target_of(name)
    if version:
        return bytes_of(path, pointer_at(path, version)["md5"])
    if not path.exists():
        known = ", ".join(one.name for one in _sets()) or "none yet"
        raise DataError("there is no such data set here", where=str(path), expected=known, fix="`dvc pull`, or import")
    return path


def _show(found: Differences, before: str, after: str) -> None:
    from rich.console import Console
    from rich.markup import escape

    console = Console(soft_wrap=True)
    console.print(f"[bold]{escape(before)}[/] and [bold]{escape(after)}[/]:", highlight=False)
    if found.none:
        console.print("nothing differs")
        return
    lines = []
    if found.units:
        lines.append(f"unit: {found.units[0]} before, {found.units[1]} after")
    for what, names in (
        ("samples gone", found.samples_gone), ("samples new", found.samples_new),
        ("genes gone", found.genes_gone), ("genes new", found.genes_new),
    ):  # fmt: skip
        if names:
            lines.append(f"{len(names):,} {what}: {_some(names)}")
    if found.renamed:
        pairs = [f"{old} is {new}" for old, new in found.renamed.items()]
        lines.append(f"{len(pairs):,} of these only have another id: {_some(pairs)}")
    for column, how in found.columns.items():
        lines.append(f"column {column}: {how if isinstance(how, str) else f'differs in {how:,} samples'}")
    if found.n_values:
        lines.append(f"{found.n_values:,} values differ, by {found.largest:g} at most")
        for what, counts in (("samples", found.changed_samples), ("genes", found.changed_genes)):
            most = [f"{name} ({count:,})" for name, count in list(counts.items())[:SHOWN]]
            lines.append(f"  in {len(counts):,} {what}: {_some(most, len(counts))}")
    if found.reordered:
        lines.append("what both have stands in another order")
    for line in lines:
        console.print(escape(f"  {line}"), highlight=False)


def _some(names: list[str], n: int | None = None) -> str:
    n = len(names) if n is None else n
    return ", ".join(names[:SHOWN]) + (f" and {n - SHOWN:,} more" if n > SHOWN else "")

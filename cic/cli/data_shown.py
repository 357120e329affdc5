"""What `cic data` prints of a data set."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cic.checking.check import Checked
from cic.checking.finding import Level
from cic.cli.roles_found import MEANING, checked, with_these
from cic.data.matrix import ExpressionMatrix

SIGNS: dict[Level, str] = {"must": "[red]stops a run:[/]", "warn": "[yellow]warning:[/]", "note": "[dim]note:[/]"}
SINGLE_CELLS_ABOVE = 0.8
"""Share of zeros among counts; bulk profiles have half of that."""


def show_imported(
    matrix: ExpressionMatrix, target: Path, changed: bool, data: dict[str, str | None], used: bool
) -> None:
    """Say what was imported, which columns were found, and what comes next.

    Parameters
    ----------
    data
        The section `data` of the parameters that fits.
    used
        Whether `params.yaml` has it already.
    """
    console = Console(soft_wrap=True)
    what = "imported" if changed else "unchanged"
    path = escape(str(target))
    console.print(f"[bold]{what}[/]: {matrix.n_samples} samples x {matrix.n_genes} genes in `{matrix.unit}`, {path}")
    console.print(f"keep its pointer: git add {path}.dvc && git commit")
    console.print("\nparams.yaml now has:" if used else "\nthen, in params.yaml (`--use` writes this there):")
    console.print("\n  data:")
    for key, value in data.items():
        comment = f"   # {MEANING[key]}" if key in MEANING else ""
        console.print(f"    {key}: {'null' if value is None else escape(value)}{comment}", highlight=False)
    found = checked(matrix, with_these(data))
    _show_findings(console, found)
    if matrix.samples.columns.empty:
        console.print("\nno columns about the samples: add them with --labels TABLE")
        return
    console.print()
    console.print(_columns(found.facts["columns"], matrix.n_samples, data, "columns found"))
    if not used and not any(data[role] for role in MEANING):
        console.print("none is named as a label, group or replicate usually is: put those that are in by hand")


def _columns(columns: dict[str, dict[str, int]], n_samples: int, data: Mapping[str, str | None], title: str) -> Table:
    taken_as = {data.get(role): role for role in MEANING}
    table = Table("column", "distinct values", "missing", "taken as", title=title, title_justify="left")
    for name, facts in columns.items():
        note = "one a sample" if facts["distinct"] == n_samples else "one for all" if facts["distinct"] == 1 else ""
        table.add_row(escape(name), str(facts["distinct"]), str(facts["missing"]), taken_as.get(name, note))
    return table


def show_checks(found: Checked, source: str, data: Mapping[str, str | None]) -> None:
    """Print what a data set is, what deserves attention, and whether it can be trained on.

    Parameters
    ----------
    data
        The column of each role.
    """
    console = Console(soft_wrap=True)
    facts = found.facts
    table = Table(show_header=False, title=escape(source), title_justify="left")
    values = facts["values"]
    rows = {
        "samples x genes": f"{facts['n_samples']} x {facts['n_genes']}",
        "unit": f"{facts['unit']}, from {values['min']:g} to {values['max']:g}, {values['share_of_zeros']:.1%} zeros",
        "genes are named by": facts["gene_ids"],
        "genes that never vary": str(facts["constant_genes"]),
    }
    if missing := facts["missing"]["values"]:
        rows["missing values"] = f"{missing}, of {facts['missing']['genes']} genes"
    for role in ("labels", "groups"):
        if facts[role]:
            sizes = sorted(facts[role].values())
            rows[role] = f"{len(sizes)}, of {sizes[0]} to {sizes[-1]} samples"
    if facts["replicates"]["sets"]:
        rows["replicates"] = f"{facts['replicates']['sets']} sets, {facts['replicates']['profiles']} samples"
    if facts["confounding"]:
        rows["label by group"] = f"Cramér's V {facts['confounding']['cramers_v']:.2f} (1: the group tells the label)"
    for name, text in rows.items():
        table.add_row(name, escape(text))
    console.print(table)
    if facts["columns"]:
        console.print(_columns(facts["columns"], facts["n_samples"], data, "columns"))
    _show_findings(console, found)
    console.print(f"\n[bold]{escape(found.verdict)}[/]")


def _show_findings(console: Console, found: Checked) -> None:
    facts = found.facts
    for one in found.findings:
        console.print(f"{SIGNS[one.level]} {escape(one.text)}", highlight=False)
    if facts["unit"] == "counts" and facts["values"]["share_of_zeros"] > SINGLE_CELLS_ABOVE:
        console.print("these look like single cells, whom `preprocess.transform: auto` in params.yaml suits")

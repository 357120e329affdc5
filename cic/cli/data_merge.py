"""`cic data merge`: several imported data sets made one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from cic.cli.data_place import put, target_of
from cic.cli.project import enter_project, from_here
from cic.errors import ConfigError, DataError

if TYPE_CHECKING:
    from cic.data.merged_samples import Part

CORRECTIONS = ("none", "centre", "combat")


def merge(
    names: Annotated[
        list[str], typer.Argument(metavar="A B …", help="imported data sets, by their names", show_default=False)
    ],
    name: Annotated[str, typer.Option(help="what to call the data set that they become", show_default=False)],
    labels_by: Annotated[
        list[str] | None,
        typer.Option(
            "--labels-by",
            metavar="SET=COLUMN",
            help="column of a set with its labels; may be repeated. Default: one that is named as labels usually are",
        ),
    ] = None,
    study_by: Annotated[
        list[str] | None,
        typer.Option(
            "--study-by",
            metavar="SET=COLUMN",
            help="column of a set that is of several studies; may be repeated. Default: a set is a study",
        ),
    ] = None,
    label_map: Annotated[
        Path | None,
        typer.Option(
            help="table with columns from, to, and perhaps set: labels to replace, so that one type has one word. "
            "Default: none",
            callback=from_here,
        ),
    ] = None,
    least_genes: Annotated[
        float, typer.Option(min=0, max=1, help="share of the genes of the smallest set that all sets must have")
    ] = 0.5,
    correct: Annotated[
        str,
        typer.Option(help=f"how studies are brought to the reference, by their own profiles: {', '.join(CORRECTIONS)}"),
    ] = "none",
    reference: Annotated[
        str | None, typer.Option(help="with --correct: the study that stays as it is. Default: that of most profiles")
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="replace a data set of that name that differs")] = False,
    push: Annotated[bool, typer.Option("--push", help="send the bytes to the DVC remote too")] = False,
    use: Annotated[
        bool, typer.Option("--use", help="write the file and the columns found into params.yaml, section data")
    ] = False,
) -> None:
    """Join imported data sets on their common genes: one unit, ids that are unique, and the study of each profile.

    Says what each set loses, and what study and type explain before and after. Example:

        cic data merge mine theirs --name both --labels-by theirs=tissue --label-map words.csv --correct centre
    """
    from cic.cli.data_merge_shown import figures_of, show_merged, write_page
    from cic.cli.roles_found import USUAL, roles_found, use_in_params
    from cic.config import load_params
    from cic.data.correction import Correct, corrected
    from cic.data.explained import explained
    from cic.data.guarded import guarded
    from cic.data.label_words import read_label_map
    from cic.data.merging import merged
    from cic.data.provenance import plain, sources
    from cic.versioning.pointers import md5_of, record_of
    from cic.versioning.repository import dvc_root

    enter_project()
    target = target_of(name)
    dvc_root(target)
    if use:
        load_params()
    if record_of(target).exists():
        raise DataError("a simulated data set has that name", where=str(target), fix="choose another --name")
    if correct not in CORRECTIONS:
        raise ConfigError(f"`{correct}` is not known", where="--correct", expected=" or ".join(CORRECTIONS))
    if name in names:
        raise ConfigError(f"`{name}` is one of the sets to merge", where="--name", fix="choose another")
    if reference is not None and correct == "none":
        raise ConfigError("a reference, and nothing to correct", where="--reference", fix="add --correct")
    parts = _parts(names, _columns(labels_by, "--labels-by", names), _columns(study_by, "--study-by", names))
    matrix, kept = merged(
        parts,
        least_genes=least_genes,
        linking={*USUAL["group"], *USUAL["replicate"]},
        label_map=guarded(read_label_map, label_map) if label_map else (),
        label_map_name=str(label_map),
        log2=correct != "none",
    )
    states = {"as they are": (matrix, explained(matrix))}
    if correct != "none":
        sizes = matrix.samples["study"].value_counts().sort_index()
        reference = reference or str(sizes.idxmax())
        matrix = corrected(matrix, cast(Correct, correct), reference)
        states[f"{correct}, to {reference}"] = (matrix, explained(matrix))
    declared = {
        "labels_by": labels_by, "study_by": study_by, "label_map": label_map, "least_genes": least_genes,
        "correct": correct, "reference": reference,
    }  # fmt: skip
    provenance = {
        "sources": [{"file": one.name, "md5": md5_of(target_of(one.name))} for one in kept]
        + (sources([label_map]) if label_map else []),
        "declared": plain(declared),
        "found": figures_of(kept, states),
    }
    changed = put(matrix, target, provenance, replace=replace, push=push)
    # the sets' own columns may be called as labels and groups usually are, too
    ours = {"label": "label" if "label" in matrix.samples else None, "group": "study"}
    data = {"file": str(target), **roles_found(matrix.samples), **ours}
    if use:
        use_in_params(Path("params.yaml"), data)
    page = write_page(target.with_name(f"{name}.merge.html"), name, kept, states)
    show_merged(matrix, target, changed, data, kept, states, page, reference, used=use)


def _columns(given: list[str] | None, option: str, names: list[str]) -> dict[str, str]:
    """Read `SET=COLUMN`, once a set."""
    found: dict[str, str] = {}
    for one in given or []:
        name, _, column = one.partition("=")
        if not column or name not in names or name in found:
            raise ConfigError(f"`{one}`", where=option, expected=f"SET=COLUMN, once for a set of {', '.join(names)}")
        found[name] = column
    return found


def _parts(names: list[str], labels: dict[str, str], studies: dict[str, str]) -> list[Part]:
    from cic.cli.roles_found import USUAL
    from cic.data.guarded import guarded
    from cic.data.matrix import read_matrix
    from cic.data.merged_samples import Part
    from cic.data.missing import missing_of

    parts = []
    for name in names:
        matrix = guarded(read_matrix, target_of(name))
        if missing_of(matrix).any():
            raise DataError(
                "it has missing values", where=str(target_of(name)), expected="sets without any",
                fix="import it with --missing drop-genes or drop-samples",
            )  # fmt: skip
        # a set of one type has a column of labels that never varies
        called = {str(column).lower(): str(column) for column in matrix.samples}
        usual = next((called[word] for word in USUAL["label"] if word in called), None)
        parts.append(Part(name, matrix, labels.get(name, usual), studies.get(name)))
    return parts

"""Verbs that use a model: encode, decode, classify, correct."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cic.cli.params import DEFAULT_PARAMS
from cic.cli.project import from_here
from cic.data import terms
from cic.data.formats import READABLE
from cic.errors import DataError, UnfamiliarError

if TYPE_CHECKING:
    import pandas as pd

    from cic.using import Model

# pandas and MLflow take seconds to import: only a verb that runs does so

Profiles = Annotated[Path, typer.Argument(help=f"Profiles: {READABLE}.")]
ModelName = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        help="A registered model, such as models:/NAME@champion or models:/NAME/3, or the folder of a bundle. "
        "Default: the champion of `registry.name`.",
    ),
]
ParamsFile = Annotated[Path, typer.Option("--params", help="Parameter file that names the model.", callback=from_here)]
Output = Annotated[Path, typer.Option("--output", "-o", help="Where to write: .parquet, .csv or .tsv, perhaps .gz.")]
Unit = Annotated[
    str | None, typer.Option(help=f"Unit of the file: {', '.join(terms.DECLARED_UNITS)}. Default: that of the model.")
]
AllowForeign = Annotated[
    bool,
    typer.Option(
        "--allow-foreign", help="Exit code 0 also where most profiles are unlike those that the model was tried on."
    ),
]
SamplesIn = Annotated[
    str | None, typer.Option(help="Where the samples are in a table: rows or columns. Default: rows, where it is open.")
]
Correct = Annotated[
    Path | None,
    typer.Option(
        "--correct",
        help="What `cic correct` wrote for this model: a shift a gene, taken off first. Default: none.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    for verb in (_of_profiles(encode), decode, _of_profiles(classify), correct):
        app.command()(verb)


def _of_profiles(told: Callable[[Model, Path, dict[str, Any]], pd.DataFrame]) -> Callable[..., None]:
    """Make a verb of what a model tells of profiles: all such verbs read, warn and write alike, by the same options."""

    def run(
        profiles: Profiles,
        output: Output,
        model: ModelName = None,
        params: ParamsFile = DEFAULT_PARAMS,
        unit: Unit = None,
        samples_in: SamplesIn = None,
        correct: Correct = None,
        allow_foreign: AllowForeign = False,
    ) -> None:
        how = _reading(unit, samples_in)
        if correct is not None:
            from cic.using import read_correction

            how["correction"] = read_correction(correct)
        table = told(load(model, params), profiles, how)
        _write(table, output)
        _tell(table, profiles, output, allow_foreign)

    run.__name__, run.__doc__ = told.__name__, told.__doc__
    return run


def _reading(unit: str | None, samples_in: str | None) -> dict[str, Any]:
    """Get ready to read a file, and say how."""
    from cic.data.guarded import get_ready

    get_ready()  # reads the file, and takes as long to start as the model to load
    if samples_in not in (None, "rows", "columns"):
        raise typer.BadParameter("expected rows or columns", param_hint="--samples-in")
    return {"unit": unit, "samples_in": samples_in}


def encode(model: Model, profiles: Path, how: dict[str, Any]) -> pd.DataFrame:
    """Turn profiles into cell identity codes, and say how like they are to those that the model was tried on."""
    return model.encode(profiles, **how)


def classify(model: Model, profiles: Path, how: dict[str, Any]) -> pd.DataFrame:
    """Tell the cell type of each profile, with the probability of each type; `unfamiliar` where the model knows none.

    The column `likeliest` has a type for every profile.
    """
    return model.classify(profiles, **how)


def correct(
    profiles: Profiles,
    output: Annotated[Path, typer.Option("--output", "-o", help="Where to write the correction: .safetensors.")],
    model: ModelName = None,
    params: ParamsFile = DEFAULT_PARAMS,
    unit: Unit = None,
    samples_in: SamplesIn = None,
) -> None:
    """Find by how much another study's genes are shifted, without labels, for `cic encode --correct`."""
    if output.suffix != ".safetensors":
        raise typer.BadParameter(f"{output.name} does not end in .safetensors", param_hint="-o")
    how = _reading(unit, samples_in)
    from cic.using import write_correction

    found = load(model, params).correction(profiles, **how)
    write_correction(output, found)
    typer.echo(f"{output}: correction {found.digest[:12]}")


def decode(
    codes: Annotated[Path, typer.Argument(help="Codes, as `cic encode` writes them.")],
    output: Output,
    model: ModelName = None,
    params: ParamsFile = DEFAULT_PARAMS,
    scale: Annotated[str, typer.Option(help="log2, or unit: the unit of the training data.")] = "log2",
) -> None:
    """Turn codes back into profiles."""
    if scale not in ("log2", "unit"):
        raise typer.BadParameter("expected log2 or unit", param_hint="--scale")
    _write(load(model, params).decode(_read_frame(codes), scale=scale, where=str(codes)), output)


def load(model: str | None, params: Path) -> Model:
    """Load the model that is named, or else the champion of the data that the parameters name."""
    from cic.using import load as load_model

    return load_model(model, params)


def _tell(beside: pd.DataFrame, profiles: Path, output: Path, allow_foreign: bool) -> None:
    """Say how like the profiles are to those that the model was tried on."""
    from cic.model.familiarity import verdict

    found = verdict(beside)
    if found.foreign and not allow_foreign:
        raise UnfamiliarError(
            found.text,
            where=str(profiles),
            expected="profiles of the unit, the platform and the cell types of the training data",
            fix=f"{output} is written, see its columns `familiar` and `note`; --allow-foreign if it is meant",
        )
    typer.echo(f"{profiles}: {found.text}", err=True)


def _read_frame(path: Path) -> pd.DataFrame:
    import pandas as pd

    from cic.data.spreadsheet import read_csv

    if not path.exists():
        raise DataError("there is no such file", where=str(path))
    table = pd.read_parquet(path) if path.suffix == ".parquet" else read_csv(path, sep=_separator(path))
    return table.set_index("sample_id") if "sample_id" in table else table


def _separator(path: Path) -> str:
    return "\t" if ".tsv" in path.suffixes else ","


def _write(table: pd.DataFrame, path: Path) -> None:
    from cic.data.spreadsheet import write_csv

    table = table.rename_axis("sample_id")
    partial = path.with_name(f".partial-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".parquet":
            table.to_parquet(partial)
        elif {".csv", ".tsv"} & set(path.suffixes):
            write_csv(table, partial, sep=_separator(path), index=True)
        else:
            raise typer.BadParameter(
                f"{path.name} ends in none of .parquet, .csv, .tsv, .csv.gz, .tsv.gz", param_hint="-o"
            )
        partial.replace(path)
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
    typer.echo(f"{path}: {len(table)} samples")

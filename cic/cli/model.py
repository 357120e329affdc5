"""Verbs that use a model: encode, decode, classify, correct."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cic.cli.declared import declared
from cic.cli.params import DEFAULT_PARAMS
from cic.cli.project import from_here
from cic.data import terms
from cic.data.formats import READABLE
from cic.errors import DataError, UnfamiliarError

if TYPE_CHECKING:
    import pandas as pd

    from cic.using import Model

H5AD = ".h5ad"

# pandas and MLflow take seconds to import: only a verb that runs does so

Profiles = Annotated[Path, typer.Argument(help=f"Profiles: {READABLE}.")]
ModelName = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        help="A registered model, such as models:/NAME@champion or models:/NAME/3, a run, runs:/ID, or the folder of a "
        "bundle. Default: the champion of `registry.name`.",
    ),
]
ParamsFile = Annotated[Path, typer.Option("--params", help="Parameter file that names the model.", callback=from_here)]
Output = Annotated[
    Path,
    typer.Option(
        "--output",
        "-o",
        help="Where to write: .parquet, .csv or .tsv, perhaps .gz; from .h5ad also .h5ad, a copy with more in it.",
    ),
]
Unit = Annotated[
    str | None,
    typer.Option(
        help=f"Unit of the file: {', '.join(terms.DECLARED_UNITS)}. Brought to the model's. Default: what the file "
        "says, or else that of the model."
    ),
]
AllowForeign = Annotated[
    bool,
    typer.Option(
        "--allow-foreign", help="Exit code 0 also where most profiles are unlike those that the model was tried on."
    ),
]
LeastCoverage = Annotated[
    float | None,
    typer.Option(
        min=0, max=1,
        help="Share of what codes carry that the genes have to tell; missing ones are inferred from the others. "
        "Default: 0.5.",
    ),
]  # fmt: skip
HeldOut = Annotated[
    Path | None,
    typer.Option(
        "--held-out",
        help="Profiles with all genes on which to measure what the missing ones cost: a file, or the folder of a "
        "project's stages, such as build, for its test part. Those that the model has seen do not count. Default: it "
        "is only foretold.",
    ),
]
WithFeatures = Annotated[
    bool,
    typer.Option("--features", help="Give the activity of each feature beside the code; see `cic explain`."),
]
NOT_TO_USE = ("labels", "genes_to", "species_to", "least_mapped", "drop_empty")
"""Options of reading that are of an import alone: a model's genes are called as it calls them."""
Correct = Annotated[
    Path | None,
    typer.Option(
        "--correct",
        help="What `cic correct` wrote for this model: a shift a gene, taken off first. Default: none.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    classifying = _of_profiles(classify, but=("features",))
    for verb in (_of_profiles(encode), decode, classifying, declared(correct, NOT_TO_USE)):
        app.command()(verb)


def _of_profiles(
    told: Callable[[Model, Path, dict[str, Any]], pd.DataFrame], but: Collection[str] = ()
) -> Callable[..., None]:
    """Make a verb of what a model tells of profiles: all such verbs read, warn and write alike, by the same options.

    Parameters
    ----------
    but
        Those that it does not take.
    """

    def run(
        profiles: Profiles,
        output: Output,
        model: ModelName = None,
        params: ParamsFile = DEFAULT_PARAMS,
        unit: Unit = None,
        least_coverage: LeastCoverage = None,
        held_out: HeldOut = None,
        correct: Correct = None,
        features: WithFeatures = False,
        allow_foreign: AllowForeign = False,
        *,
        reading: dict[str, Any],
    ) -> None:
        how = _said(unit, least_coverage, reading)
        if held_out is not None:
            how["held_out"] = held_out
        if features:
            how["features"] = True
        if correct is not None:
            from cic.using import read_correction

            how["correction"] = read_correction(correct)
        into_h5ad = output.suffix == H5AD
        if into_h5ad:
            from cic.using.h5ad import annotate_file, check_annotatable

            check_annotatable(profiles, output)
        used = load(model, params)
        table = told(used, profiles, how)
        if into_h5ad:
            annotate_file(used, table, profiles, output)
            typer.echo(f"{output}: {len(table)} samples")
        else:
            write(table, output)
        _tell(table, profiles, output, allow_foreign)

    taken = [one for name, one in inspect.signature(run, eval_str=True).parameters.items() if name not in but]
    run.__name__, run.__doc__ = told.__name__, told.__doc__
    run.__signature__ = inspect.Signature(taken)  # type: ignore[attr-defined]
    return declared(run, NOT_TO_USE)


def _said(unit: str | None, least_coverage: float | None, reading: dict[str, Any]) -> dict[str, Any]:
    """Get ready to read a file, and give what was said of it."""
    from cic.data.guarded import get_ready

    get_ready()  # reads the file, and takes as long to start as the model to load
    if reading["samples_in"] not in (None, "rows", "columns"):
        raise typer.BadParameter("expected rows or columns", param_hint="--samples-in")
    how = {"unit": unit, "least_coverage": least_coverage, **reading}
    return {name: value for name, value in how.items() if value not in (None, "error")}


def encode(model: Model, profiles: Path, how: dict[str, Any]) -> pd.DataFrame:
    """Turn profiles into cell identity codes, and say how much each is to be trusted."""
    return model.encode(profiles, **how)


def classify(model: Model, profiles: Path, how: dict[str, Any]) -> pd.DataFrame:
    """Tell the cell type of each profile, with the probability of each type; `unknown` where the model knows none.

    The column `likeliest` has a type for every profile.
    """
    return model.classify(profiles, **how)


def correct(
    profiles: Profiles,
    output: Annotated[Path, typer.Option("--output", "-o", help="Where to write the correction: .safetensors.")],
    model: ModelName = None,
    params: ParamsFile = DEFAULT_PARAMS,
    unit: Unit = None,
    least_coverage: LeastCoverage = None,
    *,
    reading: dict[str, Any],
) -> None:
    """Find by how much another study's genes are shifted, without labels, for `cic encode --correct`."""
    if output.suffix != ".safetensors":
        raise typer.BadParameter(f"{output.name} does not end in .safetensors", param_hint="-o")
    how = _said(unit, least_coverage, reading)
    from cic.using import write_correction

    found = load(model, params).correction(profiles, **how)
    write_correction(output, found)
    typer.echo(f"{output}: correction {found.digest[:12]}")


def decode(
    codes: Annotated[Path, typer.Argument(help="Codes, as `cic encode` writes them: a table, or an .h5ad.")],
    output: Output,
    model: ModelName = None,
    params: ParamsFile = DEFAULT_PARAMS,
    scale: Annotated[str, typer.Option(help="log2, or unit: the unit of the training data.")] = "log2",
) -> None:
    """Turn codes back into profiles; in an .h5ad they are the layer `cic`, NaN for genes unknown to the model."""
    if scale not in ("log2", "unit"):
        raise typer.BadParameter("expected log2 or unit", param_hint="--scale")
    if H5AD not in (codes.suffix, output.suffix):
        from cic.using.stamps import read_codes

        write(load(model, params).decode(read_codes(codes), scale=scale, where=str(codes)), output)
        return
    from cic.using.h5ad import check_annotatable, codes_of_file, decode_file

    if not codes.exists():
        raise DataError("there is no such file", where=str(codes))
    check_annotatable(codes, output)
    used = load(model, params)
    if output.suffix != H5AD:
        write(used.decode(codes_of_file(used, codes), scale=scale, where=str(codes)), output)
        return
    typer.echo(f"{output}: {decode_file(used, codes, output, scale)} samples")


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


def write(table: pd.DataFrame, path: Path) -> None:
    """Write a table by the kind that its name says, whole or not at all."""
    from cic.using.stamps import separator, write_parquet, write_text
    from cic.written import whole

    table = table.rename_axis("sample_id")
    with whole(path) as partial:
        if path.suffix == ".parquet":
            write_parquet(table, partial)
        elif {".csv", ".tsv"} & set(path.suffixes):
            write_text(table, partial, separator(path))
        else:
            raise typer.BadParameter(
                f"{path.name} ends in none of .parquet, .csv, .tsv, .csv.gz, .tsv.gz, .h5ad", param_hint="-o"
            )
    typer.echo(f"{path}: {len(table)} samples")

"""Verbs that use a model: encode, decode, classify."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from cic.cli.params import DEFAULT_PARAMS
from cic.cli.project import from_here
from cic.data import terms
from cic.errors import DataError, ModelError, UnfamiliarError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from cic.model.bundle import Bundle

log = logging.getLogger(__name__)
# pandas and MLflow take seconds to import: only a verb that runs does so

Profiles = Annotated[Path, typer.Argument(help="Profiles: .csv, .tsv, .parquet or .h5ad.")]
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
    str | None, typer.Option(help=f"Unit of the file: {', '.join(terms.UNITS)}. Default: that of the model.")
]
AllowForeign = Annotated[
    bool,
    typer.Option(
        "--allow-foreign", help="Exit code 0 also where most profiles are unlike those that the model was tried on."
    ),
]
SamplesIn = Annotated[str, typer.Option(help="Where the samples are in the file: rows or columns.")]


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    for verb in (_of_profiles(encode), decode, _of_profiles(classify)):
        app.command()(verb)


def _of_profiles(told: Callable[[Bundle, np.ndarray, pd.DataFrame], pd.DataFrame]) -> Callable[..., None]:
    """Make a verb of what a model tells of profiles: all such verbs read, warn and write alike, by the same options."""

    def run(
        profiles: Profiles,
        output: Output,
        model: ModelName = None,
        params: ParamsFile = DEFAULT_PARAMS,
        unit: Unit = None,
        samples_in: SamplesIn = "rows",
        allow_foreign: AllowForeign = False,
    ) -> None:
        from cic.data.guarded import get_ready

        get_ready()
        import pandas as pd

        from cic.model.familiarity import judged

        bundle, version = load(model, params)
        tables, beside = [], []
        for values_SG, samples in _read(profiles, bundle, unit, samples_in):
            beside.append(judged(bundle, values_SG, samples))
            tables.append(told(bundle, values_SG, beside[-1]))
        _write(pd.concat(tables).assign(model=version), output)
        _tell(pd.concat(beside), profiles, output, allow_foreign)

    run.__name__, run.__doc__ = told.__name__, told.__doc__
    return run


def encode(bundle: Bundle, values_SG: np.ndarray, beside: pd.DataFrame) -> pd.DataFrame:
    """Turn profiles into cell identity codes, and say how like they are to those that the model was tried on."""
    import pandas as pd

    return pd.DataFrame(bundle.encode(values_SG), index=beside.index, columns=bundle.code_columns).join(beside)


def classify(bundle: Bundle, values_SG: np.ndarray, beside: pd.DataFrame) -> pd.DataFrame:
    """Tell the cell type of each profile, with the probability of each type; `unfamiliar` where the model knows none.

    The column `likeliest` has a type for every profile.
    """
    import pandas as pd

    from cic.model.familiarity import named_types

    probability_SL = bundle.classify_codes(bundle.encode(values_SG))
    chances = pd.DataFrame(probability_SL, index=beside.index, columns=[f"p({label})" for label in bundle.labels])
    return named_types(probability_SL, bundle.labels, beside).drop(columns="probability").join(beside).join(chances)


def decode(
    codes: Annotated[Path, typer.Argument(help="Codes, as `cic encode` writes them.")],
    output: Output,
    model: ModelName = None,
    params: ParamsFile = DEFAULT_PARAMS,
    scale: Annotated[str, typer.Option(help="log2, or unit: the unit of the training data.")] = "log2",
) -> None:
    """Turn codes back into profiles."""
    import numpy as np
    import pandas as pd

    if scale not in ("log2", "unit"):
        raise typer.BadParameter("expected log2 or unit", param_hint="--scale")
    bundle, version = load(model, params)
    table = _read_frame(codes)
    missing = [name for name in bundle.code_columns if name not in table]
    if missing:
        raise DataError(
            f"there is no column {missing[0]}",
            where=str(codes),
            expected=f"the columns {bundle.code_columns[0]} to {bundle.code_columns[-1]}",
            fix="give a file that `cic encode` wrote with the same model",
        )
    stamped = set(table["model"].astype(str)) if "model" in table else {version}
    if stamped != {version}:
        raise ModelError(
            f"the codes were made by {', '.join(sorted(stamped))}, and not by {version}",
            where=str(codes),
            fix="give that model with --model: codes of one model mean nothing to another",
        )
    log2_SG = bundle.decode(table[bundle.code_columns].to_numpy(dtype=np.float32))
    values_SG = log2_SG if scale == "log2" else bundle.preprocessor.to_unit(log2_SG)
    _write(pd.DataFrame(values_SG, index=table.index, columns=list(bundle.genes)), output)


def load(model: str | None, params: Path) -> tuple[Bundle, str]:
    """Load the model that is named, or else the champion of the data that the parameters name, with its stamp."""
    from cic.registry.fetched import fetch_bundle

    if model is not None and not model.startswith("models:/"):
        return fetch_bundle("", model)

    from cic.config import load_params
    from cic.platform.at_rest import readable
    from cic.settings import load_settings

    settings = load_settings()
    if model is None:
        # not from within the project's folder: the other paths are meant from where the user stands
        model = f"models:/{load_params(settings.project / params).registry.name}@champion"
    with readable(settings) as readable_settings:
        return fetch_bundle(readable_settings.tracking_uri, model, readable_settings.artifacts_uri)


def _read(path: Path, bundle: Bundle, unit: str | None, samples_in: str) -> Iterator[tuple[np.ndarray, pd.Index]]:
    """Yield profiles as the model takes them, and their ids: all at once where they are few."""
    from cic.data.readers import read_table
    from cic.model.inputs import aligned

    if samples_in not in ("rows", "columns"):
        raise typer.BadParameter("expected rows or columns", param_hint="--samples-in")
    matrix = read_table(
        path,
        samples_in=cast(terms.SamplesIn, samples_in),
        unit=cast(terms.Unit, unit or bundle.unit),  # read_table refuses what is none
    )
    if matrix.unit != bundle.unit:
        raise ModelError(
            f"the profiles are in `{matrix.unit}`",
            where=str(path),
            expected=f"`{bundle.unit}`, the unit of the training data",
            fix="convert the profiles: on log2 scale a model takes log2(x + 1) of linear values"
            if bundle.unit == "log2"
            else "convert the profiles",
        )
    for part in matrix.parts():
        yield aligned(part, bundle.genes_in, bundle.unit, str(path)), part.samples.index


def _tell(beside: pd.DataFrame, profiles: Path, output: Path, allow_foreign: bool) -> None:
    """Say how like the profiles are to those that the model was tried on."""
    from cic.model.familiarity import verdict

    for note in sorted({*beside["note"]} - {""}):
        log.warning("%s: %s", profiles, note)
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

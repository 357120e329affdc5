"""What a verb imports before it is asked to do something, and what it imports then. Held by names, not by a clock."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
from store_parts import log_bundle, new_store, tiny_bundle
from test_cli import commands
from typer.main import get_command

from cic.cli import app
from cic.data.matrix import ExpressionMatrix
from cic.registry.gate import Decision
from cic.registry.registry import promote

HEAVY = {
    "anndata", "dask", "distributed", "dvc", "gseapy", "h5py", "matplotlib", "mlflow", "numpy", "optuna", "pandas",
    "prefect", "psutil", "psycopg", "pyarrow", "pydantic", "pydantic_settings", "safetensors", "scipy", "sklearn",
    "sqlalchemy", "torch", "yaml",
}  # fmt: skip
"""Whatever takes more than a few hundredths of a second to import."""
PLAIN = {"numpy", "pandas", "psutil", "pyarrow", "pydantic", "pydantic_settings", "yaml"}
OF_MLFLOW = {"mlflow", "scipy", "sqlalchemy"}
"""MLflow itself imports pandas and scipy."""
HELPS = """
import json, sys
from typer.testing import CliRunner
from cic.cli import app
told = {}
for verb in json.loads(sys.argv[1]):
    result = CliRunner().invoke(app, [*verb, "--help"])
    assert result.exit_code == 0 and "Usage" in result.output, (verb, result.output)
    told[" ".join(verb)] = sorted({name.split(".")[0] for name in sys.modules})
print(json.dumps(told))
"""
ONE = """
import sys
from cic.cli import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
print("\\n" + " ".join(sorted({name.split(".")[0] for name in sys.modules})))
"""


def modules_after(folder: Path, uri: str, *arguments: str | Path) -> set[str]:
    """Give the heavy packages that a process has imported once the verb is done."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CIC_")}
    environment |= {"CIC_PROJECT": str(folder), "CIC_MLFLOW_URI": uri}
    done = subprocess.run(
        [sys.executable, "-c", ONE, *map(str, arguments)],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split()) & HEAVY


def test_no_help_imports_anything_that_takes_time() -> None:
    verbs = [[], *(path.split()[1:] for path, _ in commands(get_command(app)))]
    done = subprocess.run([sys.executable, "-c", HELPS, json.dumps(verbs)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    imported = json.loads(done.stdout)
    assert len(imported) == len(verbs) > 20
    too_much = HEAVY - {"pydantic"}  # Typer itself reads arguments by it
    assert {verb: set(names) & too_much for verb, names in imported.items() if set(names) & too_much} == {}


def test_a_bundle_is_loaded_by_little(tiny: ExpressionMatrix, tmp_path: Path) -> None:
    program = "import cic, sys; cic.load(sys.argv[1]); print(' '.join(name.split('.')[0] for name in sys.modules))"
    bundle = tiny_bundle(tmp_path / "bundle", tiny, 2)
    done = subprocess.run([sys.executable, "-c", program, bundle], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert HEAVY & {*done.stdout.split()} <= {"numpy", "pandas", "psutil", "pyarrow", "pydantic", "safetensors"}


def test_what_lists_reads_and_encodes_imports_no_more_than_it_needs(
    tiny: ExpressionMatrix, tmp_path: Path, template: Path
) -> None:
    uri = new_store(tmp_path, template)
    bundle = tiny_bundle(tmp_path / "bundle", tiny, 2)
    log_bundle(uri, bundle, tiny)
    promote(uri, "cic", "1", Decision(True, "promoted", ("it is better",), {"champion": None, "ratio": 0.5}))
    (tmp_path / "params.yaml").write_text("seed: 1\nregistry: {name: cic}\n")
    profiles = tmp_path / "profiles.csv"
    pd.DataFrame(tiny.values, tiny.samples.index, list(tiny.genes)).to_csv(profiles)

    assert modules_after(tmp_path, uri, "params", "--explain") <= {"psutil", "pydantic", "pydantic_settings", "yaml"}
    for verb in ("list", "log"):
        assert modules_after(tmp_path, uri, "registry", verb) <= PLAIN | OF_MLFLOW
    encode = ("encode", profiles, "-o", tmp_path / "codes.csv", "-m")
    assert modules_after(tmp_path, uri, *encode, bundle) <= PLAIN | {"safetensors", "scipy"}
    registered = modules_after(tmp_path, uri, *encode, "models:/cic@champion")
    assert registered <= PLAIN | OF_MLFLOW | {"safetensors"}
    assert {"mlflow", "safetensors"} <= registered, "else this looks at nothing"

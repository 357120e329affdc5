"""The bench runs, and keeps its figures only where they mean something. Nothing here asks how long anything took."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from noting import note
from versioned import PROJECT

from bench.__main__ import PARTS, main
from bench.importing import counts, ours, theirs
from bench.kinds import KINDS
from bench.load import watched
from bench.split_seeds import one
from bench.turns import in_turns, summary
from cic.config import parse_params
from cic.data.matrix import ExpressionMatrix, write_matrix
from cic.workers.workers import InThisProcess


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bench", *arguments], cwd=PROJECT, capture_output=True, text=True, timeout=600
    )


def test_the_short_form_measures_every_part(tmp_path: Path) -> None:
    output = tmp_path / "results.json"
    ran = bench("--quick", "--busy", "--output", str(output))
    assert ran.returncode == 0, ran.stderr[-4000:]
    results = json.loads(output.read_text())
    assert set(PARTS) <= set(results)
    assert results["trials"]["rank 256"]["seconds"]["median"] > 0
    assert results["errors"]["rank 256"]["error"]["median"] > 0
    assert 0 < results["errors"]["PCA, scikit-learn"]["error"]["median"] < 1
    assert "cores busy" in ran.stdout


def test_split_seeds_take_whatever_scale_the_parameters_say(tmp_path: Path, tiny: ExpressionMatrix) -> None:
    counts_SG = np.rint(np.exp2(tiny.values)).astype(np.float32)
    write_matrix(tmp_path / "counts.parquet", replace(tiny, values=counts_SG, unit="counts"))
    space = {"trials": 2, "bottleneck_width": [2], "depth": [0], "finalists": 1, "repeats": 2, "workers": 1}
    params = parse_params(
        {
            "seed": 1,
            "data": {"file": str(tmp_path / "counts.parquet"), "label": "label", "group": "group"},
            "preprocess": {"transform": "auto"},
            "search": space,
            "fit": {"seeds": 1},
        }
    )
    found = one(params, 2, InThisProcess())
    assert found["depth"] == 0 and found["unexplained"] == pytest.approx(found["unexplained_pca"], rel=1e-4)


def test_rivals_take_turns(tmp_path: Path) -> None:
    log = tmp_path / "order"
    jobs = {name: (note, (str(log), name)) for name in ("a", "b")}
    found = in_turns(jobs, rounds=3)
    assert log.read_text().split() == ["a", "b"] * 4, "a warm-up, then three rounds"
    assert len(found["a"]) == 3 and summary(found["a"])["one"] == {"minimum": 1.0, "median": 1.0, "spread": 0.0}


def test_the_time_of_children_counts() -> None:
    with watched() as watch:
        subprocess.run([sys.executable, "-c", "sum(range(20_000_000))"], check=True)
    assert watch.cpu_seconds > 0.1


@pytest.mark.parametrize("kind", KINDS)
def test_both_sides_read_the_same_of_each_kind_of_file(tmp_path: Path, kind: str) -> None:
    name, write, _, _, _, declared = KINDS[kind]
    path = tmp_path / name
    table = counts(6, 20)
    write(table, path)
    total = {"total": float(table.to_numpy().sum())}
    assert ours(str(path), str(path), declared).items() >= total.items() <= theirs(str(path), str(path), kind).items()


@pytest.mark.parametrize("value", ["nothing", ""])
def test_an_unknown_part_is_refused(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["bench", "--only", value])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2

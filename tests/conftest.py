"""Data that many tests start from: small, simulated, made once."""

from __future__ import annotations

import os

# three workers on two cores, each with as many threads of numpy and torch, would wait for each other: ten times as long
os.environ.setdefault("OMP_NUM_THREADS", "1")
# where Python is told not to keep what it compiles, hundreds of processes would compile all of the sources again
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

import gc
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from cic.data.matrix import ExpressionMatrix

if TYPE_CHECKING:
    from geo_server import Geo

    from cic.fetching.service import Service

sys.dont_write_bytecode = False  # as above, of the tests themselves
gc.set_threshold(20_000)  # Python's own 700 would look for garbage through all that is imported again and again
pytest_plugins = ["faults"]  # attacks, counted
LONGEST = ("test_readme", "test_doors", "test_pages", "test_bench", "test_platform", "test_notebook")
"""Files of minutes, which begin first: the last of them would else run alone at the end, beside idle workers."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: LONGEST.index(item.path.stem) if item.path.stem in LONGEST else len(LONGEST))


@pytest.fixture
def tiny() -> ExpressionMatrix:
    """60 profiles of 3 types from 6 studies over 200 genes, on a curved surface, with replicate pairs."""
    return tiny_profiles()


@pytest.fixture(scope="module")
def profiles() -> ExpressionMatrix:
    """The same, for what a module shares."""
    return tiny_profiles()


def tiny_profiles() -> ExpressionMatrix:
    draw = np.random.default_rng(7)
    types = np.repeat(np.arange(3), 20)
    position_S2 = np.array([[2.0, 0.0], [-1.5, 2.0], [-1.5, -2.0]])[types] + draw.normal(size=(60, 2))
    position_S2[1::2] = position_S2[::2]
    hidden_SH = np.tanh(position_S2 @ draw.normal(size=(2, 24)))
    values_SG = 6 + hidden_SH @ draw.normal(size=(24, 200)) + 0.1 * draw.normal(size=(60, 200))
    samples = pd.DataFrame(
        {
            "label": np.array(["liver", "brain", "blood"])[types],
            "group": [f"study{number // 2 % 6}" for number in range(60)],
            "replicate": [f"sample{number // 2}" for number in range(60)],
        },
        index=pd.Index([f"profile{number}" for number in range(60)], name="sample_id"),
    )
    genes = tuple(f"GENE{number}" for number in range(200))
    return ExpressionMatrix(values_SG.astype(np.float32), genes, samples, "log2")


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A store of runs that is set up, to be copied: once for all workers, as it takes seconds."""
    from store_parts import set_up_template

    own = tmp_path_factory.getbasetemp()
    return set_up_template((own if worker_id == "master" else own.parent) / "template")


@pytest.fixture
def geo(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Geo]:
    """A server of GEO's layout, which the settings name, with an empty folder to work in."""
    from geo_server import geo_server

    with geo_server() as server:
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setenv("CIC_GEO_URL", server.base)
        monkeypatch.setenv("CIC_PROJECT", str(tmp_path))
        monkeypatch.chdir(tmp_path)
        yield server


@pytest.fixture
def service() -> Iterator[Service]:
    """What asks such a server, without waiting."""
    from geo_server import QUICK

    from cic.fetching.service import open_service

    with open_service(QUICK) as opened:
        yield opened


@pytest.fixture
def real_data() -> Path:
    """The folder of real profiles; tests that need it are skipped where it is not given."""
    folder = os.environ.get("CIC_REAL_DATA")
    if not folder:
        pytest.skip("CIC_REAL_DATA is not set: no real data here")
    return Path(folder)

"""Data that many tests start from: small, simulated, made once."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cic.data.matrix import ExpressionMatrix

pytest_plugins = ["faults"]  # attacks, counted


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


@pytest.fixture
def real_data() -> Path:
    """The folder of real profiles; tests that need it are skipped where it is not given."""
    folder = os.environ.get("CIC_REAL_DATA")
    if not folder:
        pytest.skip("CIC_REAL_DATA is not set: no real data here")
    return Path(folder)

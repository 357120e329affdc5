"""Whose codes a table holds: written with every kind of file, read again, and held against the model that uses them."""

from __future__ import annotations

import json
from pathlib import Path

import anndata
import pandas as pd
import pyarrow.parquet as pq
import pytest
from store_parts import tiny_bundle
from test_cli import refusal, use

import cic
from cic.data.matrix import ExpressionMatrix
from cic.errors import DataError, ModelError
from cic.using import Model
from cic.using.stamps import Stamp, check_made_by, only_stamp, read_codes, stamped, stamps_of

DIGEST = "0123456789abcdef" * 4
OTHER = "fedcba9876543210" * 4


@pytest.fixture
def model(tiny: ExpressionMatrix, tmp_path: Path) -> Model:
    return cic.load(tiny_bundle(tmp_path / "bundle", tiny, 2))


@pytest.fixture
def frame(tiny: ExpressionMatrix) -> pd.DataFrame:
    return pd.DataFrame(tiny.values, tiny.samples.index, list(tiny.genes))


@pytest.mark.parametrize("kind", ["parquet", "csv", "tsv", "csv.gz"])
def test_every_kind_of_file_carries_the_stamp(model: Model, frame: pd.DataFrame, tmp_path: Path, kind: str) -> None:
    frame.to_csv(tmp_path / "mine.csv")
    file = tmp_path / f"codes.{kind}"
    assert use("encode", tmp_path / "mine.csv", "-o", file, "-m", tmp_path / "bundle").exit_code == 0
    stamp = only_stamp(read_codes(file), "codes")
    assert stamp == only_stamp(model.encode(frame), "codes") == Stamp(model.stamp, model.bundle.digest)
    assert len(stamp.digest) == 64
    if kind == "parquet":
        told = json.loads(pq.read_schema(file).metadata[b"cic"])
        assert told == {"model": model.stamp, "digest": model.bundle.digest, "translated_from": ""}
    # the same model under a name in the registry
    registered = Model(model.bundle, "cic/3")
    pd.testing.assert_frame_equal(registered.decode(read_codes(file)), model.decode(read_codes(file)))


def test_an_anndata_is_stamped_by_uns() -> None:
    cells = anndata.AnnData(obs=pd.DataFrame(index=["a"]))
    assert stamps_of(cells) == []
    cells.uns["cic"] = {"model": "cic/3", "digest": DIGEST}
    assert stamps_of(cells) == [Stamp("cic/3", DIGEST)]
    check_made_by(cells, Stamp("cic/4", DIGEST), "cells")
    with pytest.raises(ModelError, match="made by cic/3, and not by cic/4"):
        check_made_by(cells, Stamp("cic/4", OTHER), "cells")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (Stamp("cic/3", DIGEST), Stamp("cic/4", DIGEST), True),
        (Stamp("cic/3", DIGEST), Stamp("cic/3", OTHER), False),
        (Stamp("cic/3"), Stamp("cic/3", DIGEST), True),
        (Stamp("cic/3"), Stamp("cic/4", DIGEST), False),
        (Stamp("cic/3"), Stamp("cic/3"), True),
        (Stamp(f"bundle:{DIGEST[:12]}"), Stamp("cic/3", DIGEST), True),
        (Stamp(f"bundle:{DIGEST[:12]}"), Stamp("cic/3", OTHER), False),
    ],
)
def test_digests_decide_and_names_where_there_is_none(one: Stamp, other: Stamp, same: bool) -> None:
    assert one.is_same(other) is other.is_same(one) is same


def test_codes_of_two_models_are_refused(model: Model, frame: pd.DataFrame) -> None:
    codes = model.encode(frame)
    check_made_by(codes.drop(columns="model"), Stamp("cic/1", model.bundle.digest), "codes")
    model.decode(pd.DataFrame(codes[["code_1", "code_2"]].to_numpy(), columns=["code_1", "code_2"]))  # says nothing
    mixed = pd.concat([codes.iloc[:3], stamped(codes.iloc[3:], Stamp("cic/9", OTHER))])
    with pytest.raises(ModelError, match=f"made by {model.stamp}, cic/9, and not by {model.stamp}"):
        model.decode(mixed.assign(uns=1))
    with pytest.raises(ModelError, match="by several models"):
        only_stamp(mixed, "codes")
    with pytest.raises(ModelError, match=rf"made by cic/3 \(bundle {OTHER[:12]}\), and not by cic/3 \(bundle"):
        Model(model.bundle, "cic/3").decode(stamped(codes, Stamp("cic/3", OTHER)))
    with pytest.raises(ModelError, match="do not say which model"):
        only_stamp(pd.DataFrame({"code_1": [0.5]}), "codes")


@pytest.mark.parametrize(
    ("name", "content"), [("a.parquet", b"PAR1 and no more"), ("b.csv.gz", b"no gzip"), ("c.csv", b"")]
)
def test_what_is_no_table_of_codes_is_told(model: Model, tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    error = refusal("decode", tmp_path / name, "-o", tmp_path / "back.csv", "-m", tmp_path / "bundle")
    assert isinstance(error, DataError) and "no table of codes" in str(error) and name in str(error)
    assert not (tmp_path / "back.csv").exists()

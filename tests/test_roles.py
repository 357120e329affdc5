"""Sample columns get their roles, and wrong ones are named."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from cic.cli.roles_found import checked, roles_found, with_these
from cic.config import Params
from cic.data.matrix import ExpressionMatrix
from cic.data.roles import with_roles, without_roles
from cic.errors import ConfigError


def raw(tiny: ExpressionMatrix) -> ExpressionMatrix:
    shares = [1.0, 0.5, None] * (tiny.n_samples // 3)
    renamed = tiny.samples.rename(columns={"label": "tissue", "group": "study", "replicate": "specimen"})
    return replace(tiny, samples=renamed.assign(liver_share=shares, note="x"))


def params(**data: object) -> Params:
    return Params.model_validate({"seed": 1, "data": {"file": "f", **data}})


def test_roles_are_taken_and_the_rest_is_left(tiny):
    named = params(label="tissue", group="study", proportions=["liver_share"])
    found = with_roles(raw(tiny), named)
    assert list(found.samples) == ["label", "group", "proportion liver_share"]
    assert found.samples["proportion liver_share"].tolist()[:2] == [1.0, 0.5]
    assert pd.isna(found.samples["proportion liver_share"].iloc[2])
    assert list(without_roles(raw(tiny), named)) == ["specimen", "note"]


def test_an_unknown_column_is_named(tiny):
    with pytest.raises(ConfigError, match="no column `brain_share`"):
        with_roles(raw(tiny), params(proportions=["brain_share"]))


@pytest.mark.parametrize("value", ["much", 1.5, -0.1])
def test_shares_are_from_0_to_1(tiny, value):
    matrix = raw(tiny)
    wrong = matrix.samples.astype({"liver_share": object})
    wrong.loc["profile1", "liver_share"] = value
    with pytest.raises(ConfigError, match="profile1") as caught:
        with_roles(replace(matrix, samples=wrong), params(proportions=["liver_share"]))
    assert "0 to 1" in str(caught.value)


def test_ids_are_not_empty_and_a_name_is_one_value(tiny):
    nameless = tiny.samples.rename({"profile3": " "}).rename_axis("sample_id")
    with pytest.raises(ConfigError, match="an id for each sample"):
        with_roles(replace(tiny, samples=nameless), params())
    several = tiny.samples.assign(label=[[1, 2], *tiny.samples["label"].iloc[1:]])
    with pytest.raises(ConfigError, match=r"\[1, 2\]` at sample profile0(?s:.)*data.label"):
        with_roles(replace(tiny, samples=several), params(label="label"))


def test_shares_may_have_come_as_text(tiny):
    told = raw(tiny).samples.assign(liver_share=["0.5", "1", None] * 20)
    found = with_roles(replace(tiny, samples=told), params(proportions=["liver_share"]))
    assert found.samples["proportion liver_share"].tolist()[:2] == [0.5, 1.0]


@pytest.mark.parametrize("name", ["Cell line", "cell_type", "Cell.Type", "cell-type ", "TISSUE"])
def test_usual_columns_are_found_however_their_words_are_parted(name):
    samples = pd.DataFrame({"id": ["a", "b"], name: ["x", "y"]})
    assert roles_found(samples) == {"label": name, "group": None, "replicate": None}
    assert roles_found(samples.rename(columns={name: "replicate_group"}))["replicate"] == "replicate_group"


def test_an_import_warns_of_what_the_columns_that_it_proposes_come_to(tiny):
    batch = pd.Series([f"b{label}" for label in tiny.samples["label"]], tiny.samples.index)
    samples = pd.DataFrame({"tissue": tiny.samples["label"], "batch": batch})
    known = replace(tiny, samples=samples)
    found = checked(known, with_these({"file": "data/raw/lab.parquet", **roles_found(samples)}))
    told = " ".join(one.message for one in found.findings)
    assert "confounded" in told and "`data.group: null`" in told
    assert set(found.facts["columns"]) == {"tissue", "batch"}, "as the data have them"

"""Plain facts about a data set, and what labels, groups and values say against it."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cic.checking.check import Checked, check
from cic.config import Params
from cic.data.checks import facts_of
from cic.data.matrix import ExpressionMatrix

PARAMS = Params(seed=1)


def said(checked: Checked, level: str) -> str:
    return " | ".join(one.message for one in checked.findings if one.level == level)


def test_checks_state_facts(tiny: ExpressionMatrix) -> None:
    facts = json.loads(json.dumps(facts_of(tiny)))
    assert (facts["n_samples"], facts["n_genes"], facts["unit"]) == (60, 200, "log2")
    assert facts["labels"] == {"blood": 20, "brain": 20, "liver": 20}
    assert len(facts["groups"]) == 6
    assert facts["replicates"] == {"sets": 30, "profiles": 60}
    assert facts["values"]["max"] == pytest.approx(float(tiny.values.max()))


def test_checks_warn_of_values_that_were_standardised_over_all_samples(tiny: ExpressionMatrix) -> None:
    z_SG = (tiny.values - tiny.values.mean(axis=0)) / tiny.values.std(axis=0)
    for unit in ("log2", "log_ratio"):
        made = replace(tiny, values=z_SG.astype(np.float32), unit=unit)
        assert facts_of(made)["standardised_genes"] == tiny.n_genes
        assert "z-scores" in said(check(made, PARAMS), "warn")
        clipped = replace(made, values=np.clip(made.values, None, 2.5))
        assert "z-scores" in said(check(clipped.select(np.arange(60) > 1), PARAMS), "warn")
    centred = replace(tiny, values=tiny.values - tiny.values.mean(axis=0), unit="log_ratio")
    assert "z-scores" not in said(check(centred, PARAMS), "warn"), "log ratios may well be centred"


def test_checks_warn_of_confounding_few_profiles_copies_and_orientation(tiny: ExpressionMatrix) -> None:
    confounded = replace(tiny, samples=tiny.samples.assign(group=tiny.samples["label"] + " project"))
    facts = facts_of(confounded)
    assert facts["confounding"]["cramers_v"] == pytest.approx(1)
    assert facts["confounding"]["labels_in_one_group"] == ["blood", "brain", "liver"]
    assert "confounded" in said(check(confounded, PARAMS), "warn")
    values_SG = tiny.values[:, :40].copy()
    values_SG[1], values_SG[:, 3] = values_SG[0], 1.0
    label = ["rare", *tiny.samples["label"].iloc[1:-1], None]
    odd = replace(tiny, values=values_SG, genes=tiny.genes[:40], samples=tiny.samples.assign(label=label))
    text = said(check(odd, PARAMS), "warn")
    for expected in ("orientation", "fewer than 3 profiles: rare", "1 sample without a label: profile59"):
        assert expected in text
    assert "never vary, and are dropped: 1 of 40" in said(check(odd, PARAMS), "note")


def test_checks_find_a_batch_that_nobody_named(tiny: ExpressionMatrix) -> None:
    label_S = tiny.samples["label"]
    others = pd.DataFrame(
        {
            "platform": label_S.map({"blood": "array", "brain": "array", "liver": "sequencing"}),
            "stage": label_S + [f" {number % 2}" for number in range(len(label_S))],
            "sex": ["f", "m"] * (len(label_S) // 2),
            "barcode": [f"b{number}" for number in range(len(label_S))],
            "site": "here",
        },
        index=tiny.samples.index,
    )
    facts = facts_of(tiny, others)
    assert facts["confounded_columns"] == [{"column": "platform", "values": 2, "labels_with_one_value": 3}]
    assert "3 of 3 labels occur with a single value of the column `platform`" in said(
        check(tiny, PARAMS, others), "warn"
    )
    assert facts_of(tiny, others.drop(columns="platform"))["confounded_columns"] == []
    shares = label_S.map({"blood": 0.68, "brain": 0.16, "liver": 0.16}).to_frame("share")
    for measured in (shares, shares.astype(str)):
        assert facts_of(tiny, measured)["confounded_columns"] == [], "what was measured is no batch"


def test_donors_of_one_profile_each_are_not_confounded_with_the_label(tiny: ExpressionMatrix) -> None:
    donors = tiny.samples.assign(group=[f"donor {number}" for number in range(tiny.n_samples)])
    facts = facts_of(replace(tiny, samples=donors))
    assert facts["confounding"] == {"cramers_v": 0.0, "labels_in_one_group": []}


def test_a_column_that_hardly_varies_is_no_batch_of_labels_that_happen_to_lack_it(tiny: ExpressionMatrix) -> None:
    n = tiny.n_samples
    twelve = replace(tiny, samples=tiny.samples.assign(label=[f"type {number % 12}" for number in range(n)]))
    rare = pd.DataFrame({"treated": ["yes"] * 3 + ["no"] * (n - 3)}, index=tiny.samples.index)
    assert facts_of(twelve, rare)["confounded_columns"] == []
    single = replace(tiny, samples=tiny.samples.assign(label=[f"type {number}" for number in range(n)]))
    sex = pd.DataFrame({"sex": ["f", "m"] * (n // 2)}, index=tiny.samples.index)
    assert facts_of(single, sex)["confounded_columns"] == []


@pytest.mark.parametrize(
    ("genes", "expected"),
    [(("ENSG00000141510.16", "ENSG00000111640"), "Ensembl"), (("1007_s_at", "1053_at"), "Affymetrix probe"),
     (("7157", "2597"), "Entrez"), (("TP53", "GAPDH"), "symbols or other names")],
)  # fmt: skip
def test_checks_recognise_gene_ids(genes: tuple[str, str], expected: str) -> None:
    samples = pd.DataFrame(index=pd.Index(["a", "b"], name="sample_id"))
    assert facts_of(ExpressionMatrix(np.eye(2, dtype=np.float32), genes, samples, "log2"))["gene_ids"] == expected

"""Where little can be learnt, the report says so and the gate refuses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from evaluated import curved_profiles, evaluated, typed

from cic.config import Registry
from cic.data.matrix import ExpressionMatrix
from cic.evaluation.catalogue import questions
from cic.evaluation.objections import objections
from cic.evaluation.report.contents import findings, headline, verdict
from cic.registry.gate import Case, Decision, judge

MEASURES = ("unseen_types", "noise", "identity")


def measured(matrix: ExpressionMatrix, out: Path) -> tuple[dict[str, Any], str, Decision]:
    """Evaluate as the stage does, and let the gate decide on what it found."""
    metrics = evaluated(matrix, out, evaluate={"measures": MEASURES, "folds": 3, "label_weights": [0.1]})
    profiles = pd.read_csv(out / "profiles.csv").set_index("sample_id")
    evidence = Case(
        samples=matrix.samples.loc[profiles.index],
        model_S=profiles["squared_error"].to_numpy(),
        pca_S=profiles["squared_error_pca"].to_numpy(),
        unseen_S=np.ones(len(profiles), dtype=bool),
        audit_passed=True,
        objections=objections(typed(metrics)),
    )
    text = " ".join(f"{one.standing}: {one.text}" for one in verdict(typed(metrics)))
    return metrics, text, judge(evidence, Registry(bootstrap=500), 1)


def good(text: str) -> list[str]:
    """Give the sentences that speak for the model, but for that on the audit."""
    return [part for part in text.split("good: ")[1:] if not part.startswith("The audit")]


def test_where_much_can_be_learnt_it_passes(tmp_path):
    metrics, text, decision = measured(curved_profiles(n_samples=240, n_groups=40), tmp_path)
    assert objections(typed(metrics)) == ()
    assert decision.outcome == "promoted", decision.reasons
    assert good(text)


def test_where_the_held_out_profiles_come_from_few_groups_nothing_is_claimed_of_new_ones(tmp_path):
    metrics, text, decision = measured(curved_profiles(n_samples=240), tmp_path)
    assert metrics["ratio_to_pca"]["high"] < 1, "far better on these groups"
    assert decision.outcome == "refused" and any("too few groups" in reason for reason in decision.reasons)
    assert "cannot be told" in headline(typed({**metrics, "audit": {**metrics["audit"], "passed": 1}}))
    assert "Whether the model does better than PCA on profiles from another group cannot be told" in text
    bases = {topic.title: set(topic.few_groups) for question in questions() for topic in question.topics}
    few = [one for topic, _, one in findings(typed(metrics)) if bases.get(topic, set()) & set(metrics["cautions"])]
    assert len(few) >= 5 and not any(sentence.standing == "good" for sentence in few)
    for sentence in few:
        assert sentence.claim.startswith("On these few groups") or "cannot be told" in sentence.claim, sentence


def test_random_labels_are_told_no_better_than_chance(tmp_path):
    matrix = curved_profiles(n_samples=240)
    specimens = matrix.samples["replicate"].unique()
    drawn = dict(zip(specimens, np.random.default_rng(1).choice(["a", "b", "c"], len(specimens)), strict=True))
    shuffled = replace(matrix, samples=matrix.samples.assign(label=matrix.samples["replicate"].map(drawn)))
    _, text, decision = measured(shuffled, tmp_path)
    assert "no better than chance" in text
    assert decision.outcome == "refused"
    assert any("better than chance" in reason for reason in decision.reasons)


def test_noise_alone_is_no_better_than_pca(tmp_path):
    matrix = curved_profiles(n_samples=240)
    draw = np.random.default_rng(2)
    noise = replace(matrix, values=draw.normal(6, 1, matrix.values.shape).astype(np.float32))
    _, text, decision = measured(noise, tmp_path)
    assert "drawn blindly" in text and "no better than PCA" in text and "no better than chance" in text
    assert good(text) == []
    assert decision.outcome == "refused"
    assert any("next to nothing was learnt" in reason for reason in decision.reasons)


def test_forty_profiles_are_too_few(tmp_path):
    metrics, text, decision = measured(curved_profiles(n_samples=40, n_groups=8), tmp_path)
    assert decision.outcome == "refused"
    assert any("too few held-out profiles" in reason for reason in decision.reasons)
    assert "only" in text or "too few" in text
    assert objections(typed(metrics))[0].startswith("there are too few independent held-out profiles")

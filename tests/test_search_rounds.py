"""The whole search: the same outcome for every number of workers, and after any interruption."""

import json
import logging
import re
import shutil
import sqlite3
from functools import partial
from pathlib import Path

import analytic_trial
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cic.config import Search
from cic.errors import CicError, DataError, ServiceError
from cic.model.trial import run_trial  # with it come the imports of the trials here
from cic.search.records import records_frame
from cic.search.selection import finalists_frame
from cic.search.storage import IN_MEMORY, open_storage
from cic.search.study import search
from cic.workers.executor import make_executor
from cic.workers.workers import InThisProcess

N_TRIALS, N_REPEATS = 24, 8
CONFIG = Search(trials=N_TRIALS, round_size=5, finalists=1, repeats=2, **analytic_trial.SPACE)
FEW = CONFIG.model_copy(update={"trials": 3})
HERE = InThisProcess()


def searched(config=CONFIG, *, run=analytic_trial.run, workers=HERE, url=IN_MEMORY, seed=3, data="d1", **more):
    return search(
        config,
        seed=seed,
        identity={"data": data, "training": "t1"},
        storage_url=url,
        make_spec=analytic_trial.make_spec,
        run=run,
        workers=workers,
        **more,
    )


def table(outcome):
    return (
        records_frame(outcome.records).to_csv(index=False),
        finalists_frame(outcome.finalists).to_csv(index=False),
        outcome.choice.reason,
    )


@pytest.fixture(scope="module")
def expected():
    return table(searched())


@pytest.fixture(scope="module")
def empty_database(tmp_path_factory):
    """Optuna takes seconds to make its tables: once is enough."""
    file = tmp_path_factory.mktemp("empty") / "new" / "optuna.db"
    open_storage(f"sqlite:///{file}")
    return file


@pytest.fixture
def url(empty_database, tmp_path):
    shutil.copy(empty_database, tmp_path / "optuna.db")
    return f"sqlite:///{tmp_path / 'optuna.db'}"


class Interrupted(Exception):
    """Stands for whatever ends a coordinator."""


class Stops:
    """A run that gives up after so many trials."""

    def __init__(self, after):
        self.left = after

    def __call__(self, spec):
        if self.left == 0:
            raise Interrupted
        self.left -= 1
        return analytic_trial.run(spec)


@pytest.mark.parametrize("count", [2, 4])
def test_the_number_of_workers_leaves_no_trace(expected, count):
    with make_executor(count, running=[run_trial]) as workers:
        assert table(searched(run=analytic_trial.run_at_random_pace, workers=workers)) == expected


def test_a_database_leaves_no_trace(expected, url):
    assert table(searched(url=url)) == expected


@pytest.mark.parametrize("after", [0, 8, 20, 24, 26, 31])
def test_an_interrupted_search_goes_on_exactly(expected, url, after, caplog):
    caplog.set_level(logging.INFO)
    with pytest.raises(Interrupted):
        searched(url=url, run=Stops(after))
    assert "kept from before" not in caplog.text
    stops = Stops(1000)
    assert table(searched(url=url, run=stops)) == expected
    kept = re.search(r"(\d+) trials of this search are kept", caplog.text)
    assert (int(kept[1]) if kept else 0) <= min(after, N_TRIALS) and (kept is not None) == (after > 0), caplog.text
    # in this process no trial beyond the one that raised is done twice, but for those that waited for an earlier one
    assert 1000 - stops.left <= N_TRIALS + N_REPEATS - after + CONFIG.round_size


def test_a_second_run_trains_nothing(url):
    first = searched(url=url)
    again = searched(url=url, run=Stops(0))
    assert table(again) == table(first)
    assert again.seconds == first.seconds
    assert (again.timing.trials, again.timing.not_training) == (0, 0.0)


def test_every_depth_and_width_is_trained_from_new_seeds():
    frame = finalists_frame(searched().finalists)
    shapes = [(row.depth, row.bottleneck_width) for row in frame.itertuples()]
    assert sorted(shapes) == [(depth, width) for depth in (0, 1, 2) for width in (4, 8)]
    assert (frame["trainings"] == frame["depth"].map({0: 1, 1: 2, 2: 2})).all()
    assert sum(frame["trainings"][frame["depth"] > 0]) == N_REPEATS


def test_more_finalists_train_only_what_is_new(url):
    searched(url=url)
    before = len(finalists_frame(searched().finalists))
    stops = Stops(1000)
    more = searched(CONFIG.model_copy(update={"finalists": 3}), url=url, run=stops)
    assert 1000 - stops.left == CONFIG.repeats * (len(more.finalists) - before) > 0


def test_a_larger_budget_goes_on_with_the_same_study(expected, url):
    small = searched(CONFIG.model_copy(update={"trials": 18}), url=url)
    stops = Stops(1000)
    large = searched(url=url, run=stops)
    assert small.study == large.study
    assert table(large) == expected
    assert 1000 - stops.left <= N_TRIALS - 18 + 2 * N_REPEATS


def test_another_rule_goes_on_with_the_same_study(url):
    first = searched(url=url)
    fixed = searched(CONFIG.model_copy(update={"select": "fixed_width", "width": 4}), url=url, run=Stops(0))
    assert fixed.study == first.study
    assert fixed.choice.finalist.hyper.bottleneck_width == 4
    assert "width 4 was asked for" in fixed.choice.reason


def test_a_changed_space_starts_a_new_study_and_says_so(url, caplog):
    first = searched(FEW, url=url)
    assert "new study" not in caplog.text
    second = searched(FEW.model_copy(update={"input_noise": (0.2, 0.5)}), url=url)
    assert first.study != second.study
    assert "the space changed (input_noise [0.1, 0.8] -> [0.2, 0.5])" in caplog.text


def test_other_data_and_settings_start_a_new_study_of_their_own(url, caplog):
    first = searched(FEW, url=url)
    assert len({first.study, searched(FEW, url=url, data="d2").study}) == 2
    assert "new study" not in caplog.text
    assert searched(FEW.model_copy(update={"round_size": 4}), url=url).study != first.study
    assert "round_size changed" in caplog.text
    assert searched(FEW, url=url, seed=4).study != first.study


def test_two_coordinators_at_once_do_no_harm(expected, url):
    """The second runs the whole search inside the first one's second round."""

    def meanwhile(of_round):
        if of_round.number == 1:
            assert table(searched(url=url)) == expected

    assert table(searched(url=url, on_round=meanwhile)) == expected
    assert table(searched(url=url, run=Stops(0))) == expected


def test_rounds_are_reported_in_order_restored_ones_too(url):
    for run in (analytic_trial.run, Stops(0)):
        seen = []
        searched(url=url, run=run, on_round=seen.append)
        assert [each.number for each in seen] == list(range(5))
        assert [f.record.number for each in seen for f in each.finished] == list(range(N_TRIALS))


def test_pruning_uses_earlier_rounds_and_can_be_off():
    pruned = {record.number for record in searched().records if record.state == "pruned"}
    assert pruned and min(pruned) >= 10
    off = searched(CONFIG.model_copy(update={"prune": False}))
    assert {record.state for record in off.records} == {"complete"}


def test_trials_that_fail_keep_their_reason_and_the_search_goes_on():
    outcome = searched(run=analytic_trial.run_some_fail)
    failed = [record for record in outcome.records if record.state == "failed"]
    assert failed and all(record.reason == "the loss is not finite in epoch 3" for record in failed)
    assert all(record.error is None for record in failed)
    assert outcome.choice.finalist.hyper.learning_rate <= analytic_trial.FAILING_RATE


def test_a_round_of_which_most_fails_is_an_error_and_runs_again_when_it_is_mended(url):
    only_deep = CONFIG.model_copy(update={"depth": (1,), "learning_rate": (0.005, 0.01)})
    with pytest.raises(CicError, match=r"not finite in epoch 3 \(\d+ times\)"):
        searched(only_deep, url=url, run=analytic_trial.run_some_fail)
    assert table(searched(only_deep, url=url)) == table(searched(only_deep))


def test_a_trial_that_does_not_end_fails_alone_and_its_process_is_ended(tmp_path):
    limited = CONFIG.model_copy(update={"trials": 8, "trial_seconds": 3.0})
    with make_executor(2, running=[run_trial]) as workers:
        outcome = searched(limited, run=partial(analytic_trial.run_that_hangs, tmp_path / "pid"), workers=workers)
    (failed,) = (record for record in outcome.records if record.state == "failed")
    assert failed.number == 5 and "4.5 s" in failed.reason
    assert not Path(f"/proc/{(tmp_path / 'pid').read_text()}").exists()
    assert table(outcome) != [] and outcome.choice.finalist.number != 5


def test_depth_0_alone_is_a_search():
    outcome = searched(CONFIG.model_copy(update={"depth": (0,)}))
    assert [record.hyper.depth for record in outcome.records] == [0, 0]
    assert outcome.choice.finalist.hyper.bottleneck_width == 8


def test_a_killed_worker_costs_one_trial_run_again(expected, tmp_path):
    mark = tmp_path / "killed"
    with make_executor(2, running=[run_trial]) as workers:
        outcome = searched(run=partial(analytic_trial.run_killed_once, mark), workers=workers)
    assert mark.exists()
    assert table(outcome) == expected


def test_a_trial_that_always_kills_its_worker_fails_with_a_reason_and_alone():
    with make_executor(2, running=[run_trial]) as workers:
        outcome = searched(run=analytic_trial.run_always_killed, workers=workers)
    (failed,) = (record for record in outcome.records if record.state == "failed")
    assert failed.number == 5
    assert failed.reason == "its worker died, 3 times"


def test_an_error_in_a_trial_is_raised_and_ends_the_workers():
    with pytest.raises(ZeroDivisionError), make_executor(2, running=[run_trial]) as workers:
        searched(run=analytic_trial.divide_by_zero, workers=workers)


@pytest.mark.parametrize("url", ["sqlite:////proc/none/optuna.db", "nonsense", "postgresql://127.0.0.1:9/none"])
def test_a_database_that_does_not_open_is_named(url):
    with pytest.raises(ServiceError, match="cannot be opened"):
        searched(url=url)


def altered(url, how):
    """Change one thing that a study keeps of a trial, behind Optuna's back."""
    with sqlite3.connect(url.removeprefix("sqlite:///")) as database:
        changes = {
            "error": (
                "update trial_user_attributes set value_json = replace(value_json, '\"error\": 0.', '\"error\": 0.0') "
                "where trial_id = 3"
            ),
            "ratio at a rung": (
                "update trial_user_attributes set value_json = replace(value_json, '[[10, ', '[[10, 0.00') "
                "where value_json like '%[[10, %'"
            ),
            "seal taken away": (
                "update trial_user_attributes set value_json = replace(value_json, 'sha256', 'sha255') "
                "where trial_id = 4"
            ),
            "record not readable": "update trial_user_attributes set value_json = '{' where trial_id = 2",
            "record taken away": "delete from trial_user_attributes where trial_id = 2",
            "value": "update trial_values set value = value / 2 where trial_id = 3",
            "value taken away": "delete from trial_values where trial_id = 3",
            "intermediate value": "update trial_intermediate_values set intermediate_value = 0.001",
            "parameter": "update trial_params set param_value = param_value + 0.1 where param_name = 'input_noise'",
            "state": "update trials set state = 'FAIL' where trial_id = 5",
            "moved to another study": "update trials set study_id = 1 where study_id = 2",
        }
        assert database.execute(changes[how]).rowcount > 0


ALTERATIONS = [
    "error", "ratio at a rung", "seal taken away", "record not readable", "record taken away", "value",
    "value taken away", "intermediate value", "parameter", "state", "moved to another study",
]  # fmt: skip


@pytest.mark.attack("an altered trial in Optuna's store", "3", ended="refused")
@pytest.mark.parametrize("how", ALTERATIONS)
def test_a_stored_trial_that_was_altered_is_not_believed(url, how):
    searched(url=url)
    altered(url, how)
    with pytest.raises(DataError, match=r"trial(.|\n)*study cic-(.|\n)*delete-study"):
        searched(url=url, run=Stops(0))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_altered_character_of_a_stored_record_is_believed(url, data):
    with sqlite3.connect(url.removeprefix("sqlite:///")) as database:
        if not database.execute("select count(*) from trials").fetchone()[0]:
            searched(FEW, url=url)
        rows = database.execute("select trial_id, value_json from trial_user_attributes order by trial_id").fetchall()
        row, text = data.draw(st.sampled_from(rows))
        at = data.draw(st.integers(0, len(text) - 1))
        other = data.draw(st.sampled_from([c for c in '0123456789.-"{}[],: ex' if c != text[at]]))
        changed = text[:at] + other + text[at + 1 :]
        change = "update trial_user_attributes set value_json = ? where trial_id = ?"
        database.execute(change, (changed, row))
        database.commit()
    try:
        same = json.loads(changed) == json.loads(text)
    except ValueError:
        same = False
    try:
        if same:
            searched(FEW, url=url, run=Stops(0))
        else:
            with pytest.raises(DataError, match="altered"):
                searched(FEW, url=url, run=Stops(0))
    finally:
        with sqlite3.connect(url.removeprefix("sqlite:///")) as database:
            database.execute(change, (text, row))


def test_a_stored_trial_that_was_deleted_is_run_again(expected, url):
    searched(url=url)
    with sqlite3.connect(url.removeprefix("sqlite:///")) as database:
        database.execute("delete from trial_user_attributes where trial_id = 7")
        database.execute("delete from trials where trial_id = 7")
    stops = Stops(1000)
    assert table(searched(url=url, run=stops)) == expected
    assert stops.left < 1000

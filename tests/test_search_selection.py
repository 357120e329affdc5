"""Selection, pruning, and pictures of a search."""

import dataclasses
import math

import pytest
from analytic_trial import SPACE
from hypothesis import given
from hypothesis import strategies as st

from cic.config import Search
from cic.errors import CicError
from cic.model.training import Hyperparameters
from cic.search.figures import importance_figure, importances, surface_figure, svg
from cic.search.pruning import MIN_TRIALS, thresholds
from cic.search.records import Record, record_of, records_frame
from cic.search.selection import Finalist, choose, contenders, finalist, finalists_frame
from cic.search.space import Space

RULE = Search(finalists=2, repeats=3, bottleneck_width=(8, 16, 30))


def entrant(width, depth, *errors, number=0, pca=0.5):
    return Finalist(number, Hyperparameters(depth=depth, bottleneck_width=width), errors, pca)


def trial(number, width, depth, error, *, state="complete", rungs=(), rate=0.01):
    hyper = Hyperparameters(depth=depth, bottleneck_width=width, learning_rate=rate)
    ratio = None if error is None else error / 0.5
    return Record(number, hyper, number, state, "", error, ratio, rungs, 80)


def shape(record):
    return record.hyper.depth, record.hyper.bottleneck_width


def test_the_smallest_width_within_one_standard_error():
    best = entrant(30, 1, 0.20, 0.21, 0.22)  # 0.21, standard error 0.0058
    near, far = entrant(16, 2, 0.214, 0.215, 0.216), entrant(8, 1, 0.23, 0.24, 0.25)
    choice = choose([best, near, far], RULE)
    assert choice.finalist is near
    told = ("width 16, depth 2: 0.2150, standard error 0.0006", "width 30, depth 1: 0.2100, standard error 0.006")
    assert all(figures in choice.reason for figures in (*told, "0.430"))


def test_of_one_width_the_least_depth():
    best, shallow = entrant(8, 2, 0.20, 0.21, 0.22), entrant(8, 1, 0.21, 0.214, 0.218)
    assert choose([best, shallow], RULE).finalist is shallow


def test_nothing_smaller_is_near():
    best, far = entrant(30, 1, 0.20, 0.21, 0.22), entrant(8, 1, 0.23, 0.24, 0.25)
    choice = choose([best, far], RULE)
    assert choice.finalist is best
    assert str(best) in choice.reason and str(far) not in choice.reason


def test_a_width_that_was_asked_for():
    rule = RULE.model_copy(update={"select": "fixed_width", "width": 8})
    records = [trial(0, 8, 0, 0.4), trial(1, 8, 1, 0.3), trial(2, 30, 1, 0.1)]
    assert [record.number for record in contenders(records, rule)] == [1, 0]
    assert choose([entrant(8, 1, 0.29, 0.30, 0.31)], rule).reason.startswith("width 8 was asked for")


finalist_lists = st.lists(
    st.builds(
        lambda width, depth, errors: entrant(width, depth, *(errors if depth else errors[:1])),
        st.sampled_from([8, 16, 30]),
        st.integers(0, 2),
        st.lists(st.floats(0.05, 1.0), min_size=2, max_size=4),
    ),
    min_size=1,
    max_size=10,
)


@given(finalist_lists)
def test_the_choice_is_within_one_standard_error_and_no_smaller_one_is(finalists):
    chosen = choose(finalists, RULE).finalist
    best = min(finalists, key=lambda each: each.mean)
    limit = best.mean + best.standard_error
    assert chosen.mean <= limit
    smaller = [each for each in finalists if each.hyper.bottleneck_width < chosen.hyper.bottleneck_width]
    assert all(each.mean > limit for each in smaller)


@given(finalist_lists)
def test_the_choice_is_never_worse_than_pca_of_its_width(finalists):
    chosen = choose(finalists, RULE).finalist
    same_width = [f for f in finalists if f.hyper.bottleneck_width == chosen.hyper.bottleneck_width]
    assert all(chosen.mean <= pca.mean for pca in same_width if pca.hyper.depth == 0)


def test_nothing_to_choose_from_is_an_error():
    with pytest.raises(CicError, match="nothing to choose from"):
        choose([], RULE)


def test_contenders_are_the_best_few_of_every_width_and_pca():
    records = [trial(n, width, 1, 0.2 + n / 100) for n, width in enumerate((8, 8, 8, 16, 30, 30))]
    records += [trial(6, 8, 0, 0.5), trial(7, 16, 2, 0.1, state="pruned"), trial(8, 30, 1, None, state="failed")]
    assert [record.number for record in contenders(records, RULE)] == [0, 1, 6, 3, 4, 5]


def test_contenders_are_the_best_of_every_depth_too():
    records = [trial(0, 8, 1, 0.20), trial(1, 8, 1, 0.21), trial(2, 8, 1, 0.22), trial(3, 8, 2, 0.30)]
    records += [trial(4, 8, 2, 0.29), trial(5, 8, 3, 0.1, state="pruned"), trial(6, 8, 0, 0.5)]
    assert [record.number for record in contenders(records, RULE)] == [0, 1, 4, 6]
    assert [r.number for r in contenders(records, RULE.model_copy(update={"finalists": 1}))] == [0, 4, 6]


trial_lists = st.lists(
    st.tuples(
        st.sampled_from([8, 16, 30]), st.integers(0, 3), st.sampled_from([0.1, 0.2, 0.3, 0.4]),
        st.sampled_from(["complete", "complete", "pruned"]),
    ),
    max_size=24,
)  # fmt: skip


@given(trial_lists, st.integers(1, 4), st.sampled_from([None, 16]))
def test_every_shape_with_a_complete_trial_is_trained_again_once(rows, finalists, width):
    records = [trial(n, width, depth, error, state=state) for n, (width, depth, error, state) in enumerate(rows)]
    rule = RULE.model_copy(update={"finalists": finalists, "width": width})
    numbers = [record.number for record in contenders(records, rule)]
    assert len(set(numbers)) == len(numbers)
    allowed = [r for r in records if r.state == "complete" and width in (None, r.hyper.bottleneck_width)]
    assert {shape(records[n]) for n in numbers} == {shape(record) for record in allowed}
    for at in {r.hyper.bottleneck_width for r in allowed}:
        peers = sorted((r for r in allowed if r.hyper.bottleneck_width == at and r.hyper.depth), key=lambda r: r.score)
        assert sum(records[n] in peers for n in numbers) <= finalists + len({r.hyper.depth for r in peers})
        assert min((records[n].score for n in numbers if records[n] in peers), default=0) == (
            peers[0].score if peers else 0
        )


def test_a_finalist_needs_two_trainings_and_its_first_score_does_not_count():
    first = trial(3, 8, 1, 0.1)
    again = [trial(3, 8, 1, 0.2), trial(3, 8, 1, None, state="failed"), trial(3, 8, 1, 0.3)]
    assert finalist(first, again).errors == (0.2, 0.3)
    assert finalist(first, again[:2]) is None
    pca = finalist(trial(0, 8, 0, 0.5), [])
    assert (pca.mean, pca.standard_error) == (0.5, 0.0)


@pytest.mark.parametrize("error", [math.nan, math.inf, None])
def test_a_complete_trial_without_a_finite_error_has_failed(error):
    from analytic_trial import make_spec, run

    hyper = Hyperparameters(depth=1, bottleneck_width=8)
    result = dataclasses.replace(run(make_spec(1, hyper, 1)), error=error)
    record = record_of(result, 1, hyper, 1)
    assert (record.state, record.error) == ("failed", None)
    assert str(error) in record.reason


@given(st.lists(st.floats(0.1, 1.0), max_size=12))
def test_thresholds_stop_a_third_at_most_once_enough_is_known(ratios):
    records = [trial(n, 8, 1, ratio / 2, rungs=((20, ratio),)) for n, ratio in enumerate(ratios)]
    limits = dict(thresholds(records, 8))
    assert bool(limits) == (len(ratios) >= MIN_TRIALS)
    for limit in limits.values():
        assert sum(ratio > limit for ratio in ratios) <= len(ratios) / 3 + 1
    assert thresholds(records, 16) == ()


def test_pruned_trials_count_at_the_rungs_they_reached():
    full = [trial(n, 8, 1, 0.2, rungs=((20, 0.5), (40, 0.4))) for n in range(4)]
    stopped = [trial(n, 8, 1, 0.4, state="pruned", rungs=((20, 0.9),)) for n in range(4, 12)]
    limits = dict(thresholds(full + stopped, 8))
    assert limits == {20: 0.9, 40: 0.4}


def some_records():
    space = Space.of(Search(**SPACE))
    rates = (0.001, 0.002, 0.004, 0.0005, 0.003)
    records = [trial(0, 4, 0, 0.5), trial(1, 8, 0, 0.4)]
    for number in range(2, 22):
        rate = rates[number % 5]
        hyper_error = 0.3 + 40 * abs(rate - 0.002) / (1 + number % 2)
        records.append(trial(number, (4, 8)[number % 2], 1 + number // 2 % 2, hyper_error, rate=rate))
    inside = {"hidden_width": 64, "weight_decay": 0.5, "input_noise": 0.2}
    return space, [dataclasses.replace(r, hyper=r.hyper.model_copy(update=inside)) for r in records]


def test_the_learning_rate_is_what_mattered():
    space, records = some_records()
    shares = importances(space, records)
    assert max(shares, key=shares.get) == "learning_rate"
    assert importances(space, records[:5]) == {}


def test_pictures_are_the_same_bytes_every_time_and_name_what_they_show():
    space, records = some_records()
    chosen = Finalist(5, records[5].hyper, (0.31, 0.32), 0.4)
    surface = svg(surface_figure(records, chosen))
    assert surface == svg(surface_figure(records, chosen))
    for text in (b"depth 0 (PCA)", b"depth 1", b"depth 2", b"chosen: width 8", b"bottleneck width"):
        assert text in surface
    bars = svg(importance_figure(space, records))
    assert bars == svg(importance_figure(space, records))
    assert b"learning rate" in bars
    assert b"too few" in svg(importance_figure(space, records[:3]))
    assert b"validation" in svg(surface_figure([]))


def test_tables_hold_no_times():
    _, records = some_records()
    assert list(records_frame(records[::-1])["number"]) == list(range(22))
    assert "seconds" not in records_frame(records)
    assert list(finalists_frame([entrant(8, 1, 0.2, 0.3)])["ratio_to_pca"]) == [0.5]

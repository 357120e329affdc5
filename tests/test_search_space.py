"""The space: what each trial number fixes, and what is sampled."""

from dataclasses import replace
from pathlib import Path

import pytest
from analytic_trial import SPACE as SPACE_VALUES
from analytic_trial import formula, make_spec, run
from hypothesis import given
from hypothesis import strategies as st

from cic.config import Search, load_params
from cic.errors import ConfigError
from cic.search.proposals import propose, ranked_study
from cic.search.records import record_of
from cic.search.space import Space

ROOT = Path(__file__).parent.parent

SEARCH = Search(**{**SPACE_VALUES, "bottleneck_width": (30, 8, 16)})
SPACE = Space.of(SEARCH)


def searched(n_trials: int, seed: int = 1, round_size: int = 6) -> list:
    records = []
    for start in range(0, n_trials, round_size):
        numbers = range(start, min(start + round_size, n_trials))
        for number, hyper in zip(numbers, propose(SPACE, seed, numbers, records), strict=True):
            records.append(record_of(run(make_spec(number, hyper, number)), number, hyper, number))
        records = list(records)
    return records


def test_pca_goes_first_at_every_width():
    assert [(p.depth, p.width) for p in map(SPACE.place, range(3))] == [(0, 8), (0, 16), (0, 30)]
    assert all(SPACE.place(number).depth != 0 for number in range(3, 60))


def test_then_every_width_and_depth_once_at_equal_settings():
    numbers = range(3, 9)
    hypers = propose(SPACE, 1, numbers, [])
    assert {(h.bottleneck_width, h.depth) for h in hypers} == {(w, d) for w in (8, 16, 30) for d in (1, 2)}
    assert len({(h.learning_rate, h.weight_decay, h.input_noise, h.hidden_width) for h in hypers}) == 1


@pytest.mark.parametrize("search", [Search(), load_params(ROOT / "params.yaml").search], ids=["code", "params.yaml"])
def test_defaults_leave_half_of_the_budget_to_the_sampler(search):
    space = Space.of(search)
    kinds = [space.place(number).kind for number in range(search.trials)]
    assert kinds.count("suggested") >= search.trials / 2


@given(st.integers(3, 400))
def test_widths_take_turns_to_the_end(number):
    assert {SPACE.place(number + i).width for i in range(3)} == {8, 16, 30}


def test_order_of_values_is_no_part_of_the_space():
    assert Space.of(Search(**{**SPACE_VALUES, "bottleneck_width": (8, 16, 30), "depth": (2, 0, 1)})) == SPACE


@given(st.integers(0, 2**32), st.sampled_from([20, 35]))
def test_every_value_is_inside_its_bounds(seed, number):
    records = searched(18, seed % 7)
    (hyper,) = propose(SPACE, seed, [number], records)
    assert hyper.depth in (1, 2) and hyper.hidden_width in SEARCH.hidden_width
    for name in ("learning_rate", "weight_decay", "input_noise", "feature_scale"):
        low, high = getattr(SEARCH, name)
        assert low <= getattr(hyper, name) <= high


def test_a_proposal_depends_on_number_seed_and_earlier_rounds_only():
    records = searched(30)
    asked_together = propose(SPACE, 1, range(30, 36), records)
    assert propose(SPACE, 1, range(30, 36), list(reversed(records))[::-1]) == asked_together
    assert propose(SPACE, 1, range(30, 33), records) == asked_together[:3]
    assert propose(SPACE, 2, range(30, 36), records) != asked_together
    assert propose(SPACE, 1, range(30, 36), records[:24]) != asked_together


def test_suggestions_learn_across_widths():
    """At every width what Optuna suggests at the end is better than the even spread."""
    records = searched(90)
    for width in SPACE.widths:
        at_width = [record for record in records if record.hyper.bottleneck_width == width]
        spread = [formula(r.hyper) for r in at_width if SPACE.place(r.number).kind == "spread"]
        late = [formula(r.hyper) for r in at_width if r.number >= 60]
        assert sorted(late)[len(late) // 2] < sorted(spread)[len(spread) // 2]


def test_equals_share_their_rank():
    records = [replace(record, error=0.5) for record in searched(18)]
    values = [trial.value for trial in ranked_study(SPACE, records).trials]
    assert len(values) == 15 and set(values) == {0.5}


def test_a_range_of_one_value_fixes_the_parameter():
    space = Space.of(Search(weight_decay=(0.0, 0.0), learning_rate=(0.001, 0.001), hidden_width=(64,)))
    records = []
    for hyper in propose(space, 1, range(40), records):
        assert (hyper.weight_decay, hyper.learning_rate, hyper.hidden_width) == (0.0, 0.001, 64)


def test_depth_0_alone_is_as_many_trials_as_widths():
    space = Space.of(Search(depth=(0,)))
    assert space.size(40) == 3
    assert [h.depth for h in propose(space, 1, range(3), [])] == [0, 0, 0]


@pytest.mark.parametrize(
    ("section", "named"),
    [
        ({"learning_rate": [0.01, 0.001]}, "above the upper bound"),
        ({"weight_decay": [0.0, 1.0]}, "orders of magnitude"),
        ({"bottleneck_width": [8, 8]}, "twice"),
        ({"hiden_width": [8]}, "hidden_width"),
    ],
)
def test_a_wrong_space_is_named(section, named):
    from cic.config import parse_params

    with pytest.raises(ConfigError, match=named):
        parse_params({"seed": 1, "data": {"file": "x"}, "search": section})

"""Parameters: what is valid, and what a mistake is told."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from cic.config import Params, Search, Split, digest, load_params, parse_params, with_override_texts, with_overrides
from cic.errors import CicError, ConfigError, DataError
from cic.seeds import derive_seed


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        ({"seed": 1, "data": {"lable": "x"}}, "`data.lable` is not a parameter; did you mean `label`?"),
        ({"seed": 1, "serch": {}}, "`serch` is not a parameter; did you mean `search`?"),
        ({"seed": 1, "search": {"trials": 0}}, "`search.trials`: Input should be greater than or equal to 1, found 0"),
        ({"seed": 1, "search": {"select": "fixed_width"}}, "search.width is needed"),
        ({"seed": 1, "search": {"select": "fixed_width", "width": 7}}, "7 is not among search.bottleneck_width"),
        ({"seed": 1, "search": {"depth": [6]}}, "`search.depth.0`"),
        ({"seed": 1, "evaluate": {"label_weights": [0.1, 0.1]}}, "the same value twice in [0.1, 0.1]"),
        ({"seed": 1, "fit": {"classifier": True}}, "data.label names no column with the cell types"),
        ({}, "`seed`: Field required"),
        ([1], "found list at the top"),
    ],
)
def test_mistakes_are_named_with_the_place_and_the_way_out(raw: object, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_params(raw, where="here.yaml")
    assert told in str(caught.value)
    assert "here.yaml" in str(caught.value)


def test_every_fault_is_told_at_once() -> None:
    with pytest.raises(ConfigError, match=r"data\.lable.*search\.trials"):
        parse_params({"seed": 1, "data": {"lable": "x"}, "search": {"trials": 0}})


def test_parameters_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Params(seed=1).seed = 2  # type: ignore[misc]


def test_overrides_are_read_as_yaml_and_validated(tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    file.write_text("seed: 1\nsearch: {trials: 5, depth: [0, 1]}\n")
    overrides = with_override_texts(["search.trials=7", "data.label=null", "search.bottleneck_width=[4, 8]"])
    params = load_params(file, overrides)
    assert (params.search.trials, params.data.label, params.search.bottleneck_width) == (7, None, (4, 8))
    assert params.search.depth == (0, 1)
    with pytest.raises(ConfigError, match="KEY=VALUE"):
        with_override_texts(["search.trials"])
    with pytest.raises(ConfigError, match="is no section"):
        with_overrides({"seed": 1}, {"seed.x": 1})


def test_what_fits_together_only_with_the_file_is_a_valid_override(tmp_path: Path) -> None:
    """As the deployment gets them: a section with some fields, validated by itself before it is merged."""
    file = tmp_path / "params.yaml"
    file.write_text(
        "seed: 1\nsearch: {select: fixed_width, width: 8, bottleneck_width: [8, 30]}\nsplit: {validation: 0.05}\n"
    )
    search, split = Search.model_validate({"width": 30}), Split.model_validate({"test": 0.85})
    given = {
        f"{name}.{key}": value
        for name, section in (("search", search), ("split", split))
        for key, value in section.model_dump(exclude_unset=True).items()
    }
    params = load_params(file, given)
    assert (params.search.width, params.split.test) == (30, 0.85)


@pytest.mark.parametrize(
    ("overrides", "told", "not_told"),
    [
        ({"search.width": 16}, "SOURCE gave search.width", "fit.seeds"),
        ({"fit.seeds": 0}, "`fit.seeds`: Input should be greater than or equal to 1, found 0 (SOURCE gave", "search"),
        ({"search.depth": [9]}, "`search.depth.0`", "fit"),
        ({"search.trails": 9}, "did you mean `trials`? (SOURCE gave search.trails)", "fit"),
    ],
)
def test_a_bad_value_is_told_with_its_source(
    tmp_path: Path, overrides: dict[str, object], told: str, not_told: str
) -> None:
    file = tmp_path / "params.yaml"
    file.write_text("seed: 1\nsearch: {select: fixed_width, width: 8, bottleneck_width: [8, 30]}\n")
    with pytest.raises(ConfigError) as caught:
        load_params(file, overrides, "SOURCE")
    assert told in str(caught.value) and "SOURCE gave" in str(caught.value) and not_told not in str(caught.value)
    file.write_text("seed: 1\nfit: {seeds: 0}\n")
    with pytest.raises(ConfigError) as caught:
        load_params(file, {"search.trials": 3}, "SOURCE")
    assert "SOURCE" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"seed: [", "not readable as YAML"),
        (None, "there is no parameter file"),
        (b"seed: 1 # \xe9\n", "is not UTF-8"),
        (b"seed: 1\nsplit: {test: 0.1}\nsplit: {test: 0.2}\n", "`split` stands twice"),
        (b"seed: 1\nsplit:\n  test: 0.1\n  test: 0.2\n", "`test` stands twice"),
        (b"seed: 2024-01-01\n", "`seed`: Input should be a valid integer"),
        (b"seed: &whole [*whole]\n", "`seed`: Input should be a valid integer"),
    ],
)
def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path, content: bytes | None, told: str) -> None:
    file = tmp_path / "params.yaml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError, match=r"params\.yaml") as caught:
        load_params(file)
    assert told in str(caught.value)


def test_a_section_may_still_take_another_ones_values(tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    file.write_text("seed: 1\nsplit: {<<: &shares {test: 0.1, validation: 0.1}, test: 0.2}\n")
    assert load_params(file).split.test == 0.2
    file.write_text("split: &own {<<: {test: 0.1}, test: 0.2}\nseed: 1\nevaluate: {}\n")
    assert load_params(file).split.test == 0.2


def test_digest_depends_on_values_alone() -> None:
    params = Params(seed=1)
    assert digest(params.search, 1) == digest(Params(seed=2).search, 1)
    assert digest(params.search, 1) != digest(params.search, 2)
    assert digest(params.search) != digest(params.search.model_copy(update={"trials": 3}))


def test_every_parameter_says_what_it_is_for() -> None:
    for section in Params.model_fields.values():
        fields = getattr(section.annotation, "model_fields", {"": section})
        for name, field in fields.items():
            assert field.description or section.annotation in (int,), f"{section.annotation}.{name}"


def test_errors_come_back_whole_from_a_worker_process() -> None:
    error = DataError("found this", where="there", expected="that", fix="so")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 (what the process pool does, with bytes of our own)
    assert isinstance(again, DataError)
    assert str(again) == str(error) == "found this\n  where: there\n  expected: that\n  what to do: so"


def test_exit_codes_differ_by_kind() -> None:
    codes = [kind.exit_code for kind in CicError.__subclasses__()]
    assert len(set(codes)) == len(codes)
    assert all(code > 1 for code in codes)


def test_seeds_are_fixed_by_root_and_role() -> None:
    assert derive_seed(1, "search", "trial", 7) == derive_seed(1, "search", "trial", 7)
    seen = {derive_seed(root, *role) for root in (0, 1) for role in (("a",), ("a", 1), ("a", "b"), ("ab",), ("a1",))}
    assert len(seen) == 10
    assert derive_seed(1806, "split") == 3363195025


@pytest.mark.parametrize("name", ["", "a/b", "a'b", "a:b", " a", "a" * 201])
def test_a_name_that_the_registry_cannot_have_is_refused_before_anything_runs(name: str) -> None:
    with pytest.raises(ConfigError, match=r"registry\.name"):
        parse_params({"seed": 1, "registry": {"name": name}})


@pytest.mark.parametrize(
    ("file", "given", "name"),
    [
        ("data/raw/mine.parquet", None, "cic-mine"),
        ("data/raw/liver (2).v1.parquet", None, "cic-liver-2-.v1"),
        ("data/raw/mine.parquet", "ours", "ours"),
    ],
)
def test_each_data_set_has_a_model_of_its_own_unless_one_is_named(file: str, given: str | None, name: str) -> None:
    section = {} if given is None else {"registry": {"name": given}}
    params = parse_params({"seed": 1, "data": {"file": file}, **section})
    assert params.registry.name == name
    assert parse_params(params.model_dump(mode="json")) == params
    assert parse_params({"seed": 1, "registry": {"min_profiles": 9}}).registry.name == "cic-synthetic"

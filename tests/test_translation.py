"""Codes of an older model: what promotions leave to turn them into those of a newer, and what comes of it."""

from __future__ import annotations

import itertools
import logging
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import tiny_profiles
from hypothesis import given, settings
from hypothesis import strategies as st
from store_parts import errors_of, log_bundle, new_store, tiny_bundle
from test_cli import refusal, use
from typer.testing import CliRunner

import cic
from cic.cli.registry import app as registry_verbs
from cic.config import load_params
from cic.data.matrix import ExpressionMatrix, write_matrix
from cic.errors import ConfigError, DataError, ModelError
from cic.model.bundle import Bundle
from cic.model.bundle_files import load_bundle
from cic.model.translation import FILES, Translation, load_translation, save_translation, translation_digest
from cic.publishing import settle
from cic.registry.gate import Decision
from cic.registry.translating import fit_affine, fit_translation, with_kernel
from cic.registry.translations import TAG, chain_of, expected_errors, fetch_translation, translate_promoted
from cic.registry.versions import Version, find
from cic.settings import load_settings
from cic.tracking.store import connect
from cic.using.stamps import read_codes

WIDTHS = (2, 4, 8)
PARTS = np.where(np.arange(60) % 2 == 0, "train", "test")


@dataclass(frozen=True)
class Promoted:
    """A store with three models; `promoted` by the gate, the last by the door of the flows."""

    folder: Path
    uri: str
    matrix: ExpressionMatrix

    def bundle(self, number: int) -> Bundle:
        return load_bundle(self.folder / f"model{number}")

    def held_out(self) -> pd.DataFrame:
        test = self.matrix.select(PARTS == "test")
        return pd.DataFrame(test.values, test.samples.index, list(test.genes))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, template: Path) -> Promoted:
    folder = tmp_path_factory.mktemp("promoted")
    uri, matrix = new_store(folder, template), tiny_profiles()
    train, test = (matrix.select(name == PARTS) for name in ("train", "test"))
    for name in ("ingest", "split"):
        (folder / name).mkdir()
    places = {"matrix": str(folder / "ingest" / "matrix.parquet"), "part": str(folder / "split" / "split.csv")}
    write_matrix(Path(places["matrix"]), matrix)
    pd.Series(PARTS, matrix.samples.index, name="part").to_csv(places["part"])
    for number, width in enumerate(WIDTHS, 1):
        bundle = tiny_bundle(folder / f"model{number}", train, width)
        errors = pd.DataFrame({"squared_error_pca": errors_of(bundle, test) * 1.5}, test.samples.index)
        errors.to_csv(folder / "profiles.csv")
        log_bundle(uri, bundle, test, (folder / "profiles.csv",), **places)
    (folder / "params.yaml").write_text("seed: 1\nregistry: {name: cic, min_profiles: 10, bootstrap: 200}\n")
    return Promoted(folder, uri, matrix)


@pytest.fixture(scope="module")
def promoted(made: Promoted) -> Promoted:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CIC_PROJECT", str(made.folder))
        patch.setenv("CIC_MLFLOW_URI", made.uri)
        for number in ("1", "2"):
            done = CliRunner().invoke(registry_verbs, ["promote", number])
            assert done.exit_code == 0, done.exception
        better = Decision(True, "promoted", ("it is better",), {"champion": "2"})
        folders = {name: made.folder / name for name in ("ingest", "split")}
        settle(load_params(made.folder / "params.yaml"), folders, "3", better, load_settings())
    return made


@pytest.fixture
def here(promoted: Promoted, monkeypatch: pytest.MonkeyPatch) -> Promoted:
    """The same, as the project that verbs run in."""
    monkeypatch.setenv("CIC_PROJECT", str(promoted.folder))
    monkeypatch.setenv("CIC_MLFLOW_URI", promoted.uri)
    return promoted


@pytest.fixture(scope="module")
def bent(promoted: Promoted) -> Translation:
    """From two numbers to eight."""
    return fit_translation(promoted.bundle(1), promoted.bundle(3), promoted.matrix, PARTS, 1)


def mean_squares(found: np.ndarray, truth: np.ndarray) -> float:
    return float(np.square(found - truth, dtype=np.float64).sum())


@pytest.mark.parametrize(("older", "newer"), [("1", "2"), ("2", "3")])
def test_a_promotion_leaves_a_map_and_its_error_is_what_it_says(promoted: Promoted, older: str, newer: str) -> None:
    before, after = (find(promoted.uri, "cic", number) for number in (older, newer))
    left = fetch_translation(promoted.uri, before, after)
    assert (left.source, left.target) == (before.bundle_digest, after.bundle_digest)
    old, new = promoted.bundle(int(older)), promoted.bundle(int(newer))
    test_SG, train_SG = (promoted.matrix.values[name == PARTS] for name in ("test", "train"))
    total = mean_squares(train_SG.mean(axis=0), test_SG)
    translated = mean_squares(new.decode(left.map.apply(old.encode(test_SG))), test_SG) / total
    again = mean_squares(new.reconstruct(test_SG), test_SG) / total
    told = left.expected
    assert (told.translated, told.reencoded) == pytest.approx((translated, again), rel=1e-4)
    assert again < translated < 0.9, "no better than encoding anew, and better than the mean profile"
    assert told.low is not None and told.high is not None and told.low <= told.ratio <= told.high
    assert told.ratio == pytest.approx(translated / again, rel=1e-4) and 0 < told.code < 1
    assert (told.n_fitted, told.n_held_out) == (30, 30)


def test_a_kernel_is_taken_only_where_it_is_surely_better(promoted: Promoted, bent: Translation) -> None:
    assert bent.map.kind == "kernel ridge", "two numbers of a curved surface say more than a plane"
    assert bent.expected.kernel == bent.expected.translated < bent.expected.affine
    flat = fit_translation(promoted.bundle(3), promoted.bundle(2), promoted.matrix, PARTS, 1)
    assert flat.map.kind == "affine", "the first numbers of PCA are those of a narrower one"
    assert flat.expected.translated == pytest.approx(flat.expected.reencoded, rel=1e-3)


def test_profiles_that_a_model_was_trained_on_measure_nothing(promoted: Promoted) -> None:
    old, new = promoted.bundle(1), promoted.bundle(2)
    for parts, told in (
        (np.full(60, "test"), "0 profiles that both"),
        (PARTS[::-1], "0 profiles that both"),
    ):
        with pytest.raises(ModelError, match=told):
            fit_translation(old, new, promoted.matrix, parts, 1)


def test_chains_are_followed_and_the_shortest_is_taken(
    here: Promoted, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    profiles = here.held_out()
    codes = cic.load("models:/cic/1").encode(profiles)
    translated = cic.translate(codes)
    assert set(translated["model"]) == {"cic/3"} and set(translated["translated_from"]) == {"cic/1 > cic/2"}
    steps = [find(here.uri, "cic", number) for number in "123"]
    maps = [fetch_translation(here.uri, older, newer) for older, newer in itertools.pairwise(steps)]
    code_SW = maps[1].map.apply(maps[0].map.apply(codes[["code_1", "code_2"]].to_numpy()))
    np.testing.assert_array_equal(translated.filter(regex=r"^code_\d"), code_SW)
    pd.testing.assert_series_equal(translated["error_ratio"], codes["error_ratio"])
    expected, again = expected_errors([one.expected for one in maps])
    assert f"{expected / again:.2f} times the error of encoding the profiles anew" in caplog.text
    assert "encode the profiles anew if they are there" in caplog.text
    assert "beside what" not in caplog.text

    champion = cic.load()
    test_SG = profiles.to_numpy()
    errors = [mean_squares(champion.decode(one).to_numpy(), test_SG) for one in (champion.encode(profiles), translated)]
    assert errors[0] < errors[1] < mean_squares(test_SG.mean(axis=0), test_SG)
    with pytest.raises(ModelError, match=r"made by cic/3, and not by cic/2(.|\n)*cic codes translate"):
        cic.load("models:/cic/2").decode(translated)

    profiles.to_csv(tmp_path / "profiles.csv")
    for kind in ("parquet", "csv"):
        first, second, last = (tmp_path / f"{name}.{kind}" for name in ("first", "second", "last"))
        assert use("encode", tmp_path / "profiles.csv", "-o", first, "-m", "models:/cic/1").exit_code == 0
        assert use("codes", "translate", first, "--to", "models:/cic/2", "-o", second).exit_code == 0
        assert use("codes", "translate", second, "--to", "models:/cic@champion", "-o", last).exit_code == 0
        read = read_codes(last)
        np.testing.assert_allclose(read.filter(regex=r"^code_\d"), code_SW, rtol=1e-3, atol=1e-4)
        assert set(read["translated_from"]) == {"cic/1 > cic/2"} and set(read["model"]) == {"cic/3"}
        assert list(read.index) == list(codes.index)
        assert "beside what their translation from cic/1 cost" in caplog.text

    skipped = Decision(True, "promoted", ("it is better",), {"champion": "1"})
    translate_promoted(here.uri, "cic", "3", skipped, here.matrix, PARTS, 1)
    assert set(cic.translate(codes)["translated_from"]) == {"cic/1"}
    again_table = cic.translate(champion.encode(profiles))
    assert "translated_from" not in again_table and set(again_table["model"]) == {"cic/3"}


def test_what_cannot_be_translated_is_told(here: Promoted, tmp_path: Path) -> None:
    codes = cic.load("models:/cic/2").encode(here.held_out())
    with pytest.raises(
        ModelError, match=r"no chain of maps leads from the codes of cic/2 to those of cic/1(.|\n)*anew"
    ):
        cic.translate(codes, "models:/cic/1")
    with pytest.raises(ModelError, match="other/2, which is no version of `cic`"):
        cic.translate(codes.drop(columns="model").assign(model="other/2"))
    with pytest.raises(ModelError, match="by several models: cic/1, cic/2"):
        cic.translate(pd.concat([codes, codes.assign(model="cic/1")]))
    with pytest.raises(ModelError, match="do not say which model"):
        cic.translate(pd.DataFrame(codes.filter(regex=r"^code_\d+$").to_numpy(), columns=list("abcd")))
    with pytest.raises(DataError, match=r"3 columns of codes(.|\n)*code_1 to code_4"):
        cic.translate(codes.drop(columns="code_2"), "models:/cic/3")
    with pytest.raises(DataError, match="is not finite"):
        cic.translate(codes.assign(code_2=np.nan), "models:/cic/3")
    with pytest.raises(ConfigError, match="no version"):
        cic.translate(codes, "models:/cic/9")
    codes.to_csv(tmp_path / "codes.csv", index_label="sample_id")
    told = refusal("codes", "translate", tmp_path / "codes.csv", "--to", "models:/cic/1", "-o", tmp_path / "out.csv")
    assert isinstance(told, ModelError) and not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize("name", FILES)
def test_a_map_that_was_altered_is_refused(promoted: Promoted, name: str) -> None:
    before, after = (find(promoted.uri, "cic", number) for number in "23")
    root = Path(connect(promoted.uri).get_run(after.run_id).info.artifact_uri.removeprefix("file://"))
    file = root / "translations" / after.tags[f"{TAG}2"] / name
    content = file.read_bytes()
    try:
        file.write_bytes(content[:-2] + bytes([content[-2] ^ 1]) + content[-1:])
        with pytest.raises(ModelError, match=r"not what was kept(.|\n)*anew"):
            fetch_translation(promoted.uri, before, after)
        file.unlink()
        with pytest.raises(ModelError, match="cannot be fetched"):
            fetch_translation(promoted.uri, before, after)
    finally:
        file.write_bytes(content)
    swapped = replace(after, tags={f"{TAG}1": after.tags[f"{TAG}2"]})
    with pytest.raises(ModelError, match="between other models"):
        fetch_translation(promoted.uri, find(promoted.uri, "cic", "1"), swapped)


def test_a_promotion_goes_on_without_a_map(promoted: Promoted, caplog: pytest.LogCaptureFixture) -> None:
    few = ExpressionMatrix(promoted.matrix.values[:, :50], promoted.matrix.genes[:50], promoted.matrix.samples, "log2")
    back = Decision(True, "promoted", ("it is better",), {"champion": "3"})
    translate_promoted(promoted.uri, "cic", "2", back, few, PARTS, 1)
    assert "codes of version 3 cannot be translated to version 2" in caplog.text and "missing" in caplog.text
    assert f"{TAG}3" not in find(promoted.uri, "cic", "2").tags


def test_files_hold_the_map_and_nothing_that_differs(promoted: Promoted, bent: Translation, tmp_path: Path) -> None:
    again = fit_translation(promoted.bundle(1), promoted.bundle(3), promoted.matrix, PARTS, 1)
    for folder, one in (("a", bent), ("b", again)):
        save_translation(tmp_path / folder, one)
    assert translation_digest(tmp_path / "a") == translation_digest(tmp_path / "b")
    read = load_translation(tmp_path / "a")
    code_SW = promoted.bundle(1).encode(promoted.matrix.values)
    np.testing.assert_array_equal(read.map.apply(code_SW), bent.map.apply(code_SW))
    assert (read.source, read.target, read.expected) == (bent.source, bent.target, bent.expected)
    described = (tmp_path / "a" / FILES[1]).read_text()
    for damage, told in ((described.replace('"format": 1', '"format": 2'), "format 2"), ("{", "damaged")):
        (tmp_path / "a" / FILES[1]).write_text(damage)
        with pytest.raises(ModelError, match=told):
            load_translation(tmp_path / "a")


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), width=st.integers(1, 8), scale=st.sampled_from([1e-2, 1.0, 1e3]))
def test_a_known_invertible_map_is_found(seed: int, width: int, scale: float) -> None:
    draw = np.random.default_rng(seed)
    left, _, right = np.linalg.svd(draw.normal(size=(width, width)))
    weights_WV = left @ np.diag(draw.uniform(0.5, 2, width)) @ right
    old_NW, offset_V = scale * draw.normal(size=(50, width)), scale * draw.normal(size=width)
    found = fit_affine(old_NW, old_NW @ weights_WV + offset_V)
    np.testing.assert_allclose(found.weights_WV, weights_WV, atol=1e-6)
    other_SW = scale * draw.normal(size=(10, width))
    np.testing.assert_allclose(found.apply(other_SW), other_SW @ weights_WV + offset_V, rtol=1e-5, atol=1e-5 * scale)


def test_a_bent_map_is_found_by_kernel_ridge_and_is_affine_far_away() -> None:
    draw = np.random.default_rng(3)
    old_NW, other_SW = draw.normal(size=(200, 2)), draw.normal(size=(50, 2))

    def bend(code_SW: np.ndarray) -> np.ndarray:
        return np.column_stack([code_SW[:, 0] + code_SW[:, 1] ** 2, code_SW[:, 1], np.sin(code_SW[:, 0])])

    affine = fit_affine(old_NW, bend(old_NW))
    bent = with_kernel(affine, old_NW, bend(old_NW), 1)
    errors = [mean_squares(one.apply(other_SW), bend(other_SW)) for one in (affine, bent)]
    assert errors[1] < 0.05 * errors[0]
    np.testing.assert_array_equal(bent.apply(1e3 * other_SW[:5]), affine.apply(1e3 * other_SW[:5]))


def versions_with(edges: set[tuple[int, int]], n: int) -> list[Version]:
    tags = {number: {f"{TAG}{a}": "digest" for a, b in edges if b == number} for number in range(1, n + 1)}
    made = datetime(2026, 1, 1, tzinfo=UTC)
    return [Version("cic", str(number), "", "", (), tags[number], made) for number in range(1, n + 1)]


@settings(max_examples=50, deadline=None)
@given(st.sets(st.tuples(st.integers(1, 7), st.integers(1, 7))), st.integers(1, 7), st.integers(1, 7))
def test_the_chain_is_the_shortest_there_is(edges: set[tuple[int, int]], source: int, target: int) -> None:
    step = np.zeros((7, 7), dtype=int)
    for a, b in edges:
        step[a - 1, b - 1] = 1
    reach = np.eye(7, dtype=int)
    shortest = None
    for length in range(7):
        if shortest is None and reach[source - 1, target - 1]:
            shortest = length
        reach = reach @ step
    chain = chain_of(versions_with(edges, 7), str(source), str(target))
    if shortest is None:
        assert chain is None
        return
    assert chain is not None and len(chain) == shortest + 1
    numbers = [int(one.version) for one in chain]
    assert numbers[0] == source and numbers[-1] == target and set(itertools.pairwise(numbers)) <= edges

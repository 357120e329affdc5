"""Drift is found where there is some, and where there is none no more often than is stated."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from evaluated import curved_profiles, trained
from hypothesis import given as for_any
from hypothesis import strategies as st
from scipy.stats import binom, ks_2samp
from store_parts import log_bundle, new_store
from typer.testing import CliRunner

from cic.cli import app
from cic.cli.watching import monitor as verb
from cic.data.matrix import ExpressionMatrix
from cic.errors import ConfigError, DataError, UnfamiliarError
from cic.model.bundle_files import bundle_digest, save_bundle
from cic.model.reference import Reference
from cic.tracking.store import connect
from cic.watching.comparisons import RATE, adjusted, more_unknown, places_differ, types_differ
from cic.watching.monitoring import Checked, check
from cic.watching.page import render
from cic.watching.window import Window, window


def scored(
    reference: Reference, error_S: np.ndarray, types: Any = "a", group: Any = None, distance: bool = False
) -> pd.DataFrame:
    """Give scores as they come out of a folder, for profiles with these errors."""
    table = pd.DataFrame(
        {
            "error_ratio": error_S / reference.median_error,
            "percentile": reference.percentile(error_S),
            "likeliest": types,
            "input": "week.csv",
            "at": pd.Timestamp("2026-11-01", tz="UTC"),
        }
    )
    if distance:
        table["distance_percentile"] = table["percentile"]
    return table if group is None else table.assign(group=group)


def known(error_P: np.ndarray) -> Reference:
    return Reference(np.sort(error_P), np.zeros(len(error_P)))


def checked(reference: Reference, now: pd.DataFrame, earlier: pd.DataFrame | None = None) -> Checked:
    return check("cic/1", reference, Window(now, now.iloc[:0] if earlier is None else earlier, "all profiles"))


# the tests


@for_any(
    held_out=st.lists(st.integers(0, 999), min_size=5, max_size=40, unique=True),
    asked=st.lists(st.integers(0, 999), min_size=1, max_size=40, unique=True),
)
def test_percentiles_say_as_much_as_the_errors_themselves(held_out: list[int], asked: list[int]) -> None:
    error_P, error_S = np.array(held_out, float), np.array(asked, float) + 0.5
    found = places_differ(known(error_P).percentile(error_S), len(error_P))
    assert found == pytest.approx(ks_2samp(error_S, error_P).pvalue)


@for_any(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_adjusted_p_values_keep_their_order_between_the_raw_and_those_of_bonferroni(p: list[float]) -> None:
    raw = {str(place): one for place, one in enumerate(p)}
    found = adjusted(raw)
    assert all(raw[name] <= found[name] <= min(1.0, len(p) * raw[name]) for name in raw)
    assert min(found.values()) == min(1.0, len(p) * min(p))
    assert [found[name] for name in sorted(raw, key=raw.__getitem__)] == sorted(found.values())


def test_no_unknown_profile_held_out_is_no_proof_that_none_comes() -> None:
    assert more_unknown(1, 70, 0, 70) == pytest.approx(0.5)
    assert more_unknown(12, 70, 0, 70) < 0.001
    assert more_unknown(0, 70, 12, 70) == 1, "fewer are no alarm"


def test_rare_types_are_counted_together() -> None:
    now = pd.Series(["a"] * 30 + ["b"] * 30 + [f"rare {n}" for n in range(8)])
    assert types_differ(now, now) == 1
    assert types_differ(now, pd.Series(["a"] * 60 + ["c"] * 8)) < 1e-6
    assert types_differ(pd.Series(["a"] * 9), pd.Series(["a"] * 9)) == 1


# the rate of false alarms


def rate_bound(n: int) -> int:
    """Give how many alarms of n checks would be too many, at the stated rate, but for one in a thousand times."""
    return int(binom.ppf(0.999, n, RATE))


MIX = (0.4, 0.3, 0.2, 0.07, 0.03)


@pytest.mark.parametrize(("held_out", "n"), [(12, 40), (150, 60)])
def test_unchanged_profiles_raise_no_more_alarms_than_stated_and_changed_ones_do(held_out: int, n: int) -> None:
    draw, checks = np.random.default_rng(held_out), 200

    def alarm(times: float = 1.0, mix: tuple[float, ...] = MIX) -> bool:
        reference = known(draw.lognormal(size=held_out))
        now = scored(reference, times * draw.lognormal(size=n), draw.choice(list("abcde"), n, p=mix), distance=True)
        earlier = scored(reference, draw.lognormal(size=200), draw.choice(list("abcde"), 200, p=MIX))
        return bool(checked(reference, now, earlier).drifted)

    assert signature(verb).parameters["rate"].default == RATE
    assert sum(alarm() for _ in range(checks)) <= rate_bound(checks)
    assert np.mean([alarm(times=8.0) for _ in range(20)]) > 0.9
    assert np.mean([alarm(mix=MIX[::-1]) for _ in range(20)]) > 0.9


def test_errors_that_are_too_small_raise_the_question_whether_they_were_trained_on() -> None:
    draw = np.random.default_rng(2)
    reference, error_S = known(draw.lognormal(size=60)), draw.lognormal(size=80)
    asked = [checked(reference, scored(reference, times * error_S)).tests[0].found for times in (0.05, 1.0, 20.0)]
    assert ["was trained on" in one for one in asked] == [True, False, False]
    one = scored(reference, reference.error_P[2:3])  # which may well be so by chance
    assert "was trained on" not in checked(reference, one).tests[0].found


def test_profiles_of_one_study_are_one_witness_where_their_column_is_named() -> None:
    draw, checks = np.random.default_rng(1), 25
    alarms = {True: 0, False: 0}
    for _ in range(checks):
        reference = known(draw.lognormal(size=60))
        group = np.repeat(np.arange(8), 12)
        error_S = draw.lognormal(size=8)[group] * draw.lognormal(0, 0.1, size=96)
        for named in alarms:
            found = checked(reference, scored(reference, error_S, group=group if named else None))
            assert found.unit == ("group" if named else "profile")
            alarms[named] += bool(found.drifted)
    assert alarms[True] <= rate_bound(checks) and alarms[False] > checks / 4
    far = scored(reference, 20 * error_S, group=group)
    assert checked(reference, far).drifted, "eight studies that all are far are enough"


# a model in use


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ExpressionMatrix]:
    """The bundle of a model with its reference, and the test profiles."""
    matrix = curved_profiles(n_samples=400, n_groups=200)
    bundle, part, _ = trained(matrix, label_weight=0.1)
    reference = Reference.of(bundle, matrix.values[(part == "validation").to_numpy()])
    folder = tmp_path_factory.mktemp("used")
    save_bundle(folder / "bundle", replace(bundle, reference=reference))
    return folder / "bundle", matrix.select((part == "test").to_numpy())


@pytest.fixture(scope="module")
def scores(used: tuple[Path, ExpressionMatrix]) -> Path:
    """Two files with the test profiles, and one in which their scale has changed, scored in this order."""
    bundle, test = used
    incoming, half = bundle.parent / "incoming", test.n_samples // 2
    incoming.mkdir()
    frame = pd.DataFrame(test.values, test.samples.index, list(test.genes))
    frame.iloc[:half].to_csv(incoming / "1.csv")
    frame.iloc[half:].to_csv(incoming / "2.csv")
    (frame * 0.7 + 1).to_csv(incoming / "3 <b>.csv")
    done = CliRunner().invoke(
        app, ["score", str(incoming), "-m", str(bundle), "-o", str(bundle.parent / "scores"), "--allow-foreign"]
    )
    assert done.exit_code == 0, done.output
    return bundle.parent / "scores"


def monitor(used: tuple[Path, ExpressionMatrix], scores: Path, *more: str) -> Any:
    return CliRunner().invoke(app, ["monitor", "-m", str(used[0]), "--scores", str(scores), *more])


class Texts(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_drift_is_found_and_shown_and_none_where_there_is_none(
    used: tuple[Path, ExpressionMatrix], scores: Path, tmp_path: Path
) -> None:
    for name in ("1.csv", "2.csv"):
        fine = monitor(used, scores, "--batch", name)
        assert fine.exit_code == 0 and "No drift is found" in fine.output, fine.output
    page = tmp_path / "new" / "page.html"
    drift = monitor(used, scores, "--batch", "3 <b>.csv", "--page", str(page))
    assert isinstance(drift.exception, UnfamiliarError) and "Drift in" in str(drift.exception)
    assert drift.exception.exit_code == 7 and f"{page}: Drift in" in drift.output
    shown = Texts()
    shown.feed(page.read_text())
    text = " ".join(" ".join(shown.texts).split())
    assert "! drift" in text and "unchanged profiles at most 1.00% find drift" in text and "3 <b>.csv" in text
    assert shown.tags.count("figure") == 3 and "script" not in shown.tags and "b" not in shown.tags
    assert "http" not in page.read_text().replace("http://www.w3.org", "")


def test_a_window_is_chosen_by_time_number_or_name(used: tuple[Path, ExpressionMatrix], scores: Path) -> None:
    digest, n = bundle_digest(used[0]), used[1].n_samples
    every = window(scores, digest)
    assert len(every.now) == 2 * n and every.earlier.empty
    assert len(window(scores, digest, since="2020-01-01").now) == 2 * n
    last = window(scores, digest, last=n)
    assert set(last.now["input"]) == {"3 <b>.csv"} and len(last.earlier) == n
    assert set(window(scores, digest, batch="2.csv").earlier["input"]) == {"1.csv"}
    with pytest.raises(DataError, match=r"nothing was scored: 4.csv(.|\n)*1.csv, 2.csv"):
        window(scores, digest, batch="4.csv")
    with pytest.raises(DataError, match="nothing was scored: since 2999"):
        window(scores, digest, since="2999-01-01")
    with pytest.raises(DataError, match="0 profiles by this model"):
        window(scores, "e" * 64)
    with pytest.raises(ConfigError, match="`soon` is no date"):
        window(scores, digest, since="soon")
    with pytest.raises(ConfigError, match="--since and --last"):
        window(scores, digest, since="2020-01-01", last=3)
    assert isinstance(monitor(used, scores, "--rate", "1").exception, ConfigError)
    assert isinstance(monitor(used, scores, "--log").exception, ConfigError)


def test_what_a_model_does_not_know_is_not_tested_and_said() -> None:
    now = scored(known(np.arange(1.0, 9)), np.arange(1.0, 9)).drop(columns=["likeliest", "error_ratio", "percentile"])
    now["input"] = "`a` (b).csv"
    found = check("cic/1", None, Window(now, now, "all profiles"))
    assert not found.drifted and {one.p for one in found.tests} == {None}
    assert found.text.startswith("Nothing can be said of 8 profiles")
    page = render(found, None)
    assert page.count("– not tested") == 4 and "keeps no reference" in page
    assert '<th scope="row">`a` (b).csv</th>' in page, "names of files as they are"


def test_a_check_of_a_registered_model_is_a_run_with_its_page(
    used: tuple[Path, ExpressionMatrix], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, template: Path
) -> None:
    bundle, test = used
    uri = new_store(tmp_path, template)
    log_bundle(uri, bundle, test)
    (tmp_path / "params.yaml").write_text("seed: 1\nregistry: {name: cic}\n")
    monkeypatch.setenv("CIC_PROJECT", str(tmp_path))
    monkeypatch.setenv("CIC_MLFLOW_URI", uri)
    incoming = bundle.parent / "incoming"
    model = ["-m", "models:/cic/1"]
    assert CliRunner().invoke(app, ["score", str(incoming), *model, "--only", "1.csv"]).exit_code == 0
    done = CliRunner().invoke(app, ["monitor", *model, "--log"])
    assert done.exit_code == 0, done.output
    run_id = done.output.split()[-1]
    client = connect(uri)
    run = client.get_run(run_id)
    assert client.get_experiment(run.info.experiment_id).name == "cic-monitor/cic"
    assert run.data.metrics["drift"] == 0 and 0 < run.data.metrics["p_error"] <= 1
    assert run.data.params["asked"] == "all profiles" and run.info.status == "FINISHED"
    assert [one.path for one in client.list_artifacts(run_id)] == ["monitor.html"]
    assert (tmp_path / ".cic" / "scores" / "monitor.html").exists()

"""A run on the screen: the drawing in a terminal, the lines elsewhere, and what a failure is told as."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from cic.cli import run_shown
from cic.cli.run import STEPS, exit_code_of, parameters_of, reason_of
from cic.cli.run_shown import PlainDisplay, drawn
from cic.errors import ConfigError, ServiceError
from cic.platform import flow_runs
from cic.platform.environment import service_environment
from cic.platform.flow_runs import Look, Step, _step
from cic.platform.ports import any_free
from cic.settings import Settings, load_settings

NAME = "tcga · width 8-30 · 18 trials"
SEARCH = Step("search", "RUNNING", 60.0, 25.0, "search", "6/24, best 0.81 of PCA", 50.0)
RUNNING = Look(NAME, "RUNNING", "", (Step("pull", "COMPLETED", 1.0), Step("split", "COMPLETED", 2.0), SEARCH))


def on(display: str, *looks: Look) -> list[str]:
    out = io.StringIO()
    console = Console(file=out, width=100, force_terminal=display == "terminal", color_system=None)
    if display == "terminal":
        for look in looks:
            console.print(drawn(look, STEPS["cic-train"]))
    else:
        plain = PlainDisplay(console)
        for look in looks:
            plain.show(look)
    return out.getvalue().splitlines()


def test_a_terminal_sees_every_step_the_bar_the_best_so_far_and_the_time_left() -> None:
    title, *lines = on("terminal", RUNNING)
    assert title.strip() == NAME
    assert [line.split()[1] for line in lines] == list(STEPS["cic-train"])
    assert [line.split()[0] for line in lines] == ["✓", "·", "✓", "▸", *["·"] * (len(lines) - 4)]
    at_work = next(line for line in lines if " search " in line)
    assert "━" in at_work and "6/24, best 0.81 of PCA, 2 min 30 s left" in at_work


def test_plain_output_has_a_line_a_step_and_one_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(run_shown.time, "monotonic", lambda: now[0])
    out = io.StringIO()
    plain = PlainDisplay(Console(file=out, width=100))
    for _ in range(125):
        now[0] += 1
        plain.show(RUNNING)
    done = Look(NAME, "RUNNING", "", (*RUNNING.steps[:2], Step("search", "COMPLETED", 130.0)))
    plain.show(done)
    assert out.getvalue().splitlines() == [
        NAME,
        "pull: completed, 1 s",
        "split: completed, 2 s",
        *["search: search 6/24, best 0.81 of PCA, 2 min 30 s left, 1 min 00 s so far"] * 2,
        "search: completed, 2 min 10 s",
    ]


def bar(description: str, data: float, created: int, updated: int) -> dict[str, object]:
    at = "2026-01-01T00:00:{:02d}+00:00"
    return {
        "description": description, "data": data, "created": at.format(created), "updated": at.format(updated),
    }  # fmt: skip


def test_a_step_shows_its_outermost_bar_at_work_and_the_one_within() -> None:
    task = {"name": "evaluate", "state_type": "RUNNING", "start_time": "2026-01-01T00:00:00+00:00",
            "end_time": "2026-01-01T00:00:30+00:00"}  # fmt: skip
    measures, inner = bar("measures: 2/8", 25.0, 0, 20), bar("classifiers: 1/4", 25.0, 22, 25)
    step = _step(task, [bar("unseen: 5/5", 100.0, 1, 10), inner, measures])
    assert (step.label, step.note, step.percent) == ("measures", "2/8 · classifiers 1/4", 25.0)
    assert step.seconds_left == pytest.approx(60)
    ended = _step(task, [bar("unseen: 5/5", 100.0, 1, 10), bar("measures: 8/8", 100.0, 0, 29)])
    assert (ended.label, ended.note, ended.seconds_left) == ("measures", "8/8", None)
    assert _step(task, []).percent is None


def test_a_failure_is_told_by_its_reason_and_ends_with_its_exit_code() -> None:
    message = "Flow run encountered an exception: DataError: there is no such file\n  where: data/raw/x.parquet"
    assert reason_of(message) == "there is no such file\n  where: data/raw/x.parquet"
    assert exit_code_of(message) == 3
    assert exit_code_of("Flow run encountered an exception: RefusedError: no") == 6
    assert exit_code_of("Flow run infrastructure exited with non-zero status code 1.") == 1


def test_overrides_go_to_the_flow_by_section_and_only_what_is_given(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text("seed: 1\nsearch: {trials: 9}\n")
    given = parameters_of(["search.depth=[0, 2]", "seed=7", "fit.seeds=2"])
    assert given == {"search": {"depth": [0, 2]}, "seed": 7, "fit": {"seeds": 2}}
    with pytest.raises(ConfigError, match="did you mean `trials`"):
        parameters_of(["search.trails=3"])


def test_where_a_run_ended_is_told_as_far_as_it_is_known() -> None:
    pull, fit = Step("pull", "COMPLETED", 1.0), Step("fit", "COMPLETED", 9.0)

    def ended(state: str, *steps: Step) -> str:
        return Look(NAME, state, "", steps).where_ended

    assert ended("FAILED", pull, Step("split", "FAILED", 2.0)) == "split"
    assert ended("CRASHED", pull, fit, Step("evaluate", "RUNNING", 2.0)) == "evaluate", "its process was killed"
    assert ended("CRASHED", pull, fit) == "unknown; `fit` had ended", "the next step may not have been told of"
    assert ended("CRASHED") == "unknown"
    assert ended("FAILED") == "before the first", "the parameters were wrong"


def test_a_shell_of_a_platform_that_is_down_is_told_to_start_it(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"http://127.0.0.1:{any_free('127.0.0.1')}/api"
    addresses = {"tracking_uri": "http://127.0.0.1:5000", "prefect_api_url": url}
    platform = Settings(project=tmp_path).with_addresses(addresses)
    store = platform.postgres_folder / "data" / "PG_VERSION"  # of a platform that has been up
    store.parent.mkdir(parents=True)
    store.touch()
    for name, value in service_environment(platform).items():
        monkeypatch.setenv(name, value)
    for ask in (
        lambda: flow_runs.start(load_settings(), "cic-train", {}),
        lambda: flow_runs.look(load_settings(), "x"),
    ):
        with pytest.raises(ServiceError, match="does not answer") as caught:
            ask()
        assert "cic up" in (caught.value.fix or "") and url in (caught.value.where or "")
    monkeypatch.delenv("CIC_FROM_PLATFORM")
    with pytest.raises(ServiceError) as caught:
        flow_runs.look(load_settings(), "x")
    assert "cic up" not in (caught.value.fix or "") and "PREFECT_API_URL" in (caught.value.fix or "")

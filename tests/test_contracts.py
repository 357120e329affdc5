"""The four lists of stages say the same: the library's, DVC's, the command line's, the flows'."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect.utilities.callables import parameter_schema
from prefect.utilities.names import generate_slug
from typer.main import get_command

from cic.cli import app
from cic.cli.run import STEPS
from cic.config import Params, Search, load_params
from cic.pipeline import declared
from cic.platform.doctor_services import DEPLOYMENTS
from cic.settings import Settings
from cic.stage_list import STAGES
from flows.form import changed_since, overrides_of, shown_by
from flows.monitor import EVENT, cic_monitor
from flows.names import is_drawn
from flows.promote import cic_promote, gate_task, promote_task, publish_task
from flows.runs import STAGE_TASKS, pull_data
from flows.score import cic_score
from flows.search import cic_search
from flows.train import cic_train
from flows.validate import cic_validate

ROOT = Path(__file__).parent.parent
SECTIONS = tuple(name for name in Params.model_fields if name != "seed")
FLOWS = {flow.name: flow for flow in (cic_train, cic_search, cic_promote, cic_validate, cic_score, cic_monitor)}
PREFECT_KEYS = {"name", "prefect-version", "pull", "definitions", "deployments"}
DEPLOYMENT_KEYS = {"name", "entrypoint", "description", "tags", "work_pool", "schedules", "triggers"}


@pytest.fixture(scope="module")
def dvc() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "dvc.yaml").read_text())


@pytest.fixture(scope="module")
def prefect() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "prefect.yaml").read_text())


def outputs(stage: dict[str, Any]) -> list[str]:
    entries = stage.get("outs", []) + stage.get("metrics", [])
    return [entry if isinstance(entry, str) else next(iter(entry)) for entry in entries]


def test_stages_are_the_same_behind_every_door(dvc: dict[str, Any]) -> None:
    verbs = set(get_command(app).commands)  # type: ignore[attr-defined]
    assert list(dvc["stages"]) == ["inventory", *STAGES, "publish"] and list(STAGES) == list(STAGE_TASKS)
    assert set(dvc["stages"]) <= verbs
    assert [task.name for task in STAGE_TASKS.values()] == list(STAGES)


def test_the_steps_that_a_run_shows_are_those_of_the_flows() -> None:
    after = [task.name for task in (publish_task, gate_task, promote_task)]
    assert list(STEPS["cic-train"]) == ["pull", *STAGES, *after]
    assert list(STEPS["cic-search"]) == ["pull", *list(STAGES)[: list(STAGES).index("search") + 1]]
    for task in (pull_data, *STAGE_TASKS.values(), publish_task, gate_task, promote_task):
        assert task.task_run_name == task.name, "its log lines and the display name it so"


def test_dvc_yaml_is_what_the_list_of_stages_says(tmp_path: Path) -> None:
    copy = tmp_path / "dvc.yaml"
    shutil.copy(ROOT / "dvc.yaml", copy)
    subprocess.run([sys.executable, ROOT / "infra" / "dvc_deps.py", copy], check=True)
    assert copy.read_text() == (ROOT / "dvc.yaml").read_text(), "run `make dvc`"


def test_what_a_stage_reads_is_what_the_stages_before_it_leave() -> None:
    earlier: list[str] = []
    for name, stage in STAGES.items():
        for before, files in stage.reads.items():
            assert before in earlier and set(files) <= set(STAGES[before].files)
        earlier.append(name)


def test_a_stage_is_handed_only_the_sections_that_it_declares() -> None:
    params = load_params(ROOT / "params.yaml", {"search.workers": 3, "search.trials": 7})
    for stage in STAGES.values():
        given = declared(stage, params)
        assert given.search.workers == 3
        for section in set(Params.model_fields) - {"seed", "search"}:
            if section in stage.sections:
                assert getattr(given, section) == getattr(params, section)
            else:
                with pytest.raises(AttributeError, match=section):
                    getattr(given, section)
    assert declared(STAGES["search"], params).search.trials == 7
    assert declared(STAGES["fit"], params).search == Search(workers=3)


def test_params_yaml_is_valid_and_names_only_known_sections() -> None:
    assert load_params(ROOT / "params.yaml").registry.name == "cic-synthetic"


def test_plots_name_what_the_stages_write(dvc: dict[str, Any]) -> None:
    every = {output for stage in dvc["stages"].values() for output in outputs(stage)}
    for plot in dvc["plots"]:
        assert plot in every or str(Path(plot).parent) in every
        assert plot.endswith(".svg"), "DVC draws all else by a script that it loads from the net"


def test_dvc_compares_the_headline_figures_and_nothing_else(dvc: dict[str, Any]) -> None:
    metrics = [one for stage in dvc["stages"].values() for one in stage.get("metrics", [])]
    assert metrics == [{"build/evaluate/headline.json": {"cache": False}}]
    assert "build/evaluate/metrics.json" in dvc["stages"]["evaluate"]["outs"]
    assert "!/build/evaluate/headline.json" in (ROOT / ".gitignore").read_text().splitlines(), (
        "kept in git by cache: false"
    )


def test_prefect_deploys_every_flow_and_nothing_is_misspelt(prefect: dict[str, Any]) -> None:
    assert set(prefect) == PREFECT_KEYS
    deployed = set()
    for deployment in prefect["deployments"]:
        assert set(deployment) <= DEPLOYMENT_KEYS
        file, function = deployment["entrypoint"].split(":")
        module = file.removesuffix(".py").replace("/", ".")
        flow = next(flow for flow in FLOWS.values() if (flow.fn.__module__, flow.fn.__name__) == (module, function))
        deployed.add((flow.name, deployment["name"]))
        assert deployment["work_pool"]["name"] == Settings.model_fields["work_pool"].default
        assert deployment["work_pool"]["job_variables"] == {"stream_output": False}
    assert {"/".join(one) for one in deployed} == DEPLOYMENTS
    assert len({name for _, name in deployed}) == len(FLOWS), "the page lists them by this name"


def test_nothing_runs_unasked_and_examples_name_what_there_is(prefect: dict[str, Any]) -> None:
    of_flow = {deployment["name"]: deployment for deployment in prefect["deployments"]}
    scheduled = {name: one["schedules"] for name, one in of_flow.items() if "schedules" in one}
    for name, flow in (("score-new", cic_score), ("watch-scores", cic_monitor)):
        (example,) = scheduled.pop(name)
        assert example["active"] is False
        flow.validate_parameters(example["parameters"])
    (trigger,) = of_flow["train-and-judge"]["triggers"]
    assert trigger["enabled"] is False and trigger["expect"] == [EVENT] and not scheduled
    assert trigger["match"] == {"prefect.resource.id": "cic.model.*"}


FORMS = {
    cic_train: ("seed", *SECTIONS),
    cic_search: ("seed", "data", "split", "preprocess", "training", "search"),
    cic_promote: ("registry",),
    cic_validate: ("seed", "evaluate", "registry"),
}


def form_of(flow: Any) -> dict[str, Any]:
    """Give the schema that a deployment of the flow is made with."""
    return parameter_schema(flow.fn).model_dump()


@pytest.mark.parametrize("flow", FORMS, ids=lambda flow: flow.name)
def test_the_form_shows_the_values_of_params_yaml_with_sentences_and_bounds(flow: Any) -> None:
    form, file = form_of(flow), load_params(ROOT / "params.yaml").model_dump(mode="json")
    shown = shown_by(form)
    assert {name: shown[name] for name in FORMS[flow]} == {name: file[name] for name in FORMS[flow]}
    whole = Params.model_json_schema(ref_template="#/definitions/{model}")
    for name in set(FORMS[flow]) - {"seed"}:
        kind = name.capitalize()
        for position, (field, about) in enumerate(whole["$defs"][kind]["properties"].items()):
            drawn = form["definitions"][kind]["properties"][field]
            assert drawn == about | {"default": file[name][field], "position": position} and drawn["description"]


def test_searching_takes_what_its_stages_read() -> None:
    needed = {section for stage in ("ingest", "split", "search") for section in STAGES[stage].sections}
    assert needed | {"seed"} == set(FORMS[cic_search])


def test_what_the_form_posts_back_as_it_was_shown_is_left_out() -> None:
    shown = shown_by(form_of(cic_train))
    assert overrides_of(shown, shown) == {}
    posted = {**shown, "search": {**shown["search"], "trials": 5}, "data": {**shown["data"], "group": None}}
    assert overrides_of(posted, shown) == {"search.trials": 5, "data.group": None}
    assert overrides_of({**shown, "seed": 7}, shown) == {"seed": 7}


def test_what_a_person_writes_is_meant_even_where_the_form_shows_the_same() -> None:
    shown = shown_by(form_of(cic_train))
    assert overrides_of({"search": {"trials": shown["search"]["trials"]}, "seed": shown["seed"]}, shown) == {
        "search.trials": shown["search"]["trials"],
        "seed": shown["seed"],
    }
    assert overrides_of({"search": {}, "fit": {"seeds": 3}}, shown) == {"fit.seeds": 3}
    assert overrides_of({"fit": {"seeds": 3}}, {}) == {"fit.seeds": 3}


def test_a_name_that_follows_from_the_data_is_no_change_of_the_file() -> None:
    shown = shown_by(form_of(cic_train))
    elsewhere = {
        **shown,
        "data": {**shown["data"], "file": "data/raw/nowhere"},
        "registry": {**shown["registry"], "name": "cic-nowhere"},
    }
    assert changed_since(shown, elsewhere, {"data.file": "data/raw/nowhere"}) == {}
    assert changed_since(shown, shown, {}) == {}
    edited = {**elsewhere, "registry": {**elsewhere["registry"], "name": "mine", "min_profiles": 7}}
    assert changed_since(shown, edited, {"data.file": "data/raw/nowhere"}) == {
        "registry.name": (shown["registry"]["name"], "mine"),
        "registry.min_profiles": (shown["registry"]["min_profiles"], 7),
    }
    raised = {**shown, "search": {**shown["search"], "trials": 99}}
    assert changed_since(shown, raised, {"search.trials": 99}) == {}, "an override is meant"


def test_a_name_that_somebody_gave_a_run_is_told_from_one_that_prefect_drew() -> None:
    assert all(is_drawn(generate_slug(2)) for _ in range(2000))
    assert all(map(is_drawn, ("sigma4-orionis", "mu102-canis-majoris-nebula"))), "as the form fills them in"
    for given in (
        "my-own-name",
        "my-own",
        "beta-vae",
        "alpha2",
        "bold",
        "tcga",
        "barnacle",
        "bold-barnacle-2",
        "synthetic · width 8-30",
        "",
    ):
        assert not is_drawn(given), given

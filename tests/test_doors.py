"""One model from two doors: `dvc repro` at the keyboard and the Prefect deployment, in a project as a clone has it."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest
import yaml
from cloned import RAW, Clone, make_clone
from versioned import git

from cic.cli.run import STEPS
from cic.cli.run_shown import WAITS
from cic.data.matrix import read_matrix
from cic.declarations import measure_names
from cic.evaluation.report.outcome import PLACE
from cic.model.bundle_files import bundle_digest
from cic.platform.http import request_json
from cic.platform.processes import marked
from cic.stage_list import STAGES

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    return make_clone(tmp_path_factory.mktemp("doors"))


@pytest.fixture(scope="module")
def repeated(clone: Clone) -> Clone:
    """The same after `dvc repro`."""
    clone.done("dvc", "repro", seconds=600)
    return clone


@pytest.fixture(scope="module")
def served(repeated: Clone) -> Iterator[Clone]:
    """The same with the platform up and the flows deployed."""
    try:
        repeated.done("cic", "up", seconds=300)
        shell = repeated.with_platform()
        shell.done("prefect", "--no-prompt", "deploy", "--all")
        yield shell
    finally:
        repeated.run("cic", "down", seconds=120)


def train(shell: Clone) -> subprocess.CompletedProcess[str]:
    return shell.run("cic", "run", seconds=600)


def outcome(shell: Clone) -> dict[str, Any]:
    return json.loads((shell.folder / ".cic" / "latest.json").read_text())


def versions(shell: Clone) -> list[dict[str, Any]]:
    return json.loads(shell.done("cic", "registry", "list", "--json"))


def written(folders: dict[str, str]) -> dict[str, int]:
    return {str(file): file.stat().st_mtime_ns for folder in folders.values() for file in Path(folder).rglob("*")}


def test_dvc_repro_needs_no_server_and_does_nothing_twice(repeated: Clone) -> None:
    assert not (repeated.folder / ".cic" / "platform.json").exists()
    for name, stage in STAGES.items():
        for file in stage.files:
            assert (repeated.folder / "build" / name / file).exists()
    before = written({"build": str(repeated.folder / "build")})
    again = repeated.done("dvc", "repro")
    assert [line for line in again.splitlines() if line.startswith("Running stage")] == ["Running stage 'inventory':"]
    before |= {path: at for path, at in written({"": str(repeated.folder / "build")}).items() if "inventory" in path}
    assert written({"build": str(repeated.folder / "build")}) == before
    assert [one["version"] for one in versions(repeated)] == ["1"], "the keyboard's model is registered too"
    shown = json.loads(repeated.done("dvc", "plots", "show", "--json"))
    assert set(yaml.safe_load((repeated.folder / "dvc.yaml").read_text())["plots"]) == set(shown["data"])
    assert not shown.get("errors")
    repeated.done("dvc", "plots", "show", "-o", "dvc_plots")
    page = (repeated.folder / "dvc_plots" / "index.html").read_text()
    assert page.count("<img") == len(shown["data"]) and "http" not in page, "it opens without a network"
    told = repeated.done("dvc", "metrics", "show")
    assert all(name in told for name in ("reconstruction", "genes", "identity")) and len(told.splitlines()) == 2
    shown = repeated.done("cic", "show")
    assert f"{RAW}, by dvc repro" in shown and "ratio to PCA" in shown and "cic registry promote" in shown
    params = repeated.folder / "params.yaml"
    kept = params.read_text()
    params.write_text(kept.replace(str(RAW), "data/raw/another"))
    try:
        assert "not what params.yaml names now" in repeated.done("cic", "show")
    finally:
        params.write_text(kept)


def test_another_name_registers_the_model_under_it(repeated: Clone) -> None:
    told = repeated.done("cic", "publish", "-S", "registry.name=another name")
    assert "models:/another name/1" in told
    (version,) = json.loads(repeated.done("cic", "registry", "list", "--name", "another name", "--json"))
    assert version["bundle_digest"] == repeated.bundle()


def test_a_version_is_walked_to_its_bytes_and_comes_out_again(repeated: Clone) -> None:
    raw, built = repeated.folder / RAW, written({"build": str(repeated.folder / "build")})
    kept = raw.with_name("kept")
    raw.rename(kept)
    try:
        told = repeated.done("cic", "verify", "latest")
        assert "✗" not in told and [line for line in told.splitlines() if line.startswith("–")] == [
            "– decision      nothing has been decided on it"
        ]
        assert "the working tree: missing; DVC's cache: whole" in told
        again = repeated.done("cic", "reproduce", "latest")
        assert again.splitlines() == [
            *(f"✓ {name:<13} the same files" for name in ("ingest", "split", "search", "fit")),
            f"✓ {'bundle':<13} {repeated.bundle()}",
        ]
        assert not raw.exists() and written({"build": str(repeated.folder / "build")}) == built
    finally:
        kept.rename(raw)


ALL = set(STAGES)
CHANGES: dict[str, tuple[str, set[str]]] = {
    "code that all share": ("cic/config/sections.py", ALL),
    "code of the model": ("cic/model/training.py", {"search", "fit", "evaluate"}),
    "code of a report's section": ("cic/evaluation/questions/unseen_types/say.py", {"evaluate"}),
    "declaration of a question": ("cic/evaluation/questions/unseen_types/question.toml", {"evaluate"}),
    "code of one stage": ("cic/stages/split.py", {"split"}),
    "code that only imports files": ("cic/data/readers.py", set()),
    "code of the command line": ("cic/cli/stages.py", set()),
    "code that says where things are": ("cic/settings/fields.py", set()),
    "parameters of one stage": ("fit.seeds", {"fit"}),
    "parameters of two stages": ("search.trials", {"search", "evaluate"}),
    "parameters of the registry": ("registry.min_profiles", set()),
    "the root seed": ("seed", ALL),
    "the data": (f"{RAW}/profiles.parquet", {"ingest"}),
    "what a stage left": ("build/search/choice.json", {"fit", "evaluate"}),
    "gene sets": ("data/genesets/programs.gmt", {"evaluate"}),
    "truth with simulated profiles": (f"{RAW}/truth.parquet", {"ingest", "evaluate"}),
    "a library": ("scikit_learn-99.0.dist-info/METADATA", {"ingest", "fit", "evaluate"}),
    "the device": ("build/inventory.json", {"search", "fit"}),
}


@pytest.fixture(scope="module")
def came(repeated: Clone) -> dict[str, Any]:
    """What came of each change, which one process made in turn."""
    asked = json.dumps({kind: where for kind, (where, _) in CHANGES.items()})
    told = repeated.done("python", str(Path(__file__).with_name("changing.py")), asked)
    return json.loads(told.splitlines()[-1])


@pytest.mark.parametrize("kind", CHANGES)
def test_a_change_makes_both_doors_run_the_same_stages_again(came: dict[str, Any], kind: str) -> None:
    """Of the stages before a change nothing runs again, and of those behind it what reads what they leave."""
    affected, found = CHANGES[kind][1], came[kind]
    assert set(found["flow"]) == affected
    assert set(found["dvc"]) & ALL == affected
    assert ("publish" in found["dvc"]) == (kind in ("parameters of the registry", "what a stage left"))
    assert found["put back"]


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 16
    file.chmod(0o644)
    file.write_bytes(bytes(content))


def test_a_flipped_byte_stops_the_next_stage_at_the_keyboard(repeated: Clone) -> None:
    matrix = repeated.folder / "build" / "ingest" / "matrix.parquet"
    kept = matrix.read_bytes()
    flip(matrix)
    try:
        ran = repeated.run("cic", "split")
        assert ran.returncode == 3 and "matrix.parquet" in ran.stderr and "cic ingest" in ran.stderr
        assert "Traceback" not in ran.stderr
    finally:
        matrix.write_bytes(kept)


def test_the_deployment_gives_the_same_bundle_and_a_second_run_changes_nothing(served: Clone) -> None:
    raw = served.folder / RAW
    shutil.rmtree(raw)
    shutil.rmtree(served.folder / ".dvc" / "cache")
    first = train(served)
    assert first.returncode == 0, first.stdout[-4000:] + first.stderr[-4000:]
    assert raw.exists(), "the flow pulls it from the remote"
    made = outcome(served)
    assert bundle_digest(Path(made["folders"]["fit"]) / "bundle") == served.bundle()
    evaluated = Path(made["folders"]["evaluate"])
    for name in ("metrics.json", "headline.json", "report.html"):
        assert (evaluated / name).read_bytes() == (served.folder / "build" / "evaluate" / name).read_bytes(), name
    measured = json.loads((evaluated / "metrics.json").read_text())
    nothing = {name for name in measure_names() if measured[name] is None}
    nothing -= {"features"}  # which a model of such data may have or not
    assert nothing == {"counts", "mixtures", "programs"} and set(nothing) <= set(measured["left_out"])
    (version,) = versions(served)
    assert made["model"] == f"models:/cic-mine/{version['version']}"
    assert version["bundle_digest"] == served.bundle()
    assert made["decision"] in ("promoted", "refused") and made["reasons"]
    page = Path(made["report"]).read_text()
    assert f"<dd>{made['model']}</dd>" in page and f"<dd>{made['decision']}: " in page
    assert f"<dd>{git(served.folder, 'rev-parse', 'HEAD').strip()}" in page
    report = (evaluated / "report.html").read_text()
    assert PLACE.sub("", page) == PLACE.sub("", report) != report
    assert version["aliases"] == (["champion"] if made["decision"] == "promoted" else [])

    before = written(made["folders"])
    second = train(served)
    assert second.returncode == 0, second.stdout[-4000:] + second.stderr[-4000:]
    again = outcome(served)
    assert {key: again[key] for key in ("folders", "run_id", "model")} == {
        key: made[key] for key in ("folders", "run_id", "model")
    }
    assert written(made["folders"]) == before, "every stage is found again"
    assert [one["version"] for one in versions(served)] == [version["version"]]
    assert again["decision"] == ("unchanged" if made["decision"] == "promoted" else "refused")


def test_a_run_that_is_followed_prints_a_line_a_step_and_goes_on_after_ctrl_c(served: Clone) -> None:
    follower = subprocess.Popen(
        ["cic", "run"], cwd=served.folder, env=served.environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a background job ignores it
    )  # fmt: skip
    assert follower.stdout is not None
    assert follower.stdout.readline().strip() in WAITS.values()
    while (line := follower.stdout.readline()).strip() in WAITS.values():
        pass
    assert line.startswith("mine · width 2-4 · 4 trials")
    follower.send_signal(signal.SIGINT)
    told, wrong = follower.communicate(timeout=30)
    assert follower.returncode == 130, told + wrong
    (run_id,) = re.findall(r"cic run --follow ([0-9a-f-]+)", told)
    assert f"prefect flow-run cancel {run_id}" in told and "Traceback" not in told + wrong
    again = served.run("cic", "run", "--follow", run_id)
    assert again.returncode == 0, again.stdout + again.stderr
    lines = again.stdout.splitlines()
    assert [line.split(":")[0] for line in lines if ": completed, " in line] == list(STEPS["cic-train"])
    assert any(re.match("gate +(refused|promoted|unchanged): ", line) for line in lines)
    assert any(line.startswith("model ") and "models:/cic-mine/" in line for line in lines)
    assert not [line for line in lines if " prefect." in line], "the engine's events are in its log"
    for unknown in ("nonsense", "00000000-0000-4000-8000-000000000000"):
        none = served.run("cic", "run", "--follow", unknown, seconds=30)
        assert none.returncode == 5 and f"there is no flow run `{unknown}`" in none.stderr


WATCHING = """
import json, sys
from cic.settings import load_settings
from cic.tracking.store import connect
from flows.monitor import cic_monitor
from flows.score import cic_score

raw, incoming, scores = sys.argv[1:]
told = dict(model="models:/cic-mine/1", scores=scores)
found = [cic_score(raw, **told), cic_score(incoming, **told), cic_monitor(batch="shifted.csv", **told)]
client, run_id = connect(load_settings().tracking_uri), found[2]["run_id"]
files = [one.path for one in client.list_artifacts(run_id)]
print(json.dumps([*found, client.get_run(run_id).data.metrics, files]))
"""


def test_what_is_scored_is_watched_and_drift_sets_off_the_trigger_of_a_deployment(
    served: Clone, tmp_path: Path
) -> None:
    matrix, incoming = read_matrix(served.folder / RAW), tmp_path / "incoming"
    incoming.mkdir()
    shifted = pd.DataFrame(matrix.values[:, ::-1], matrix.samples.index, list(matrix.genes))
    shifted.to_csv(incoming / "shifted.csv")
    (incoming / "broken.csv").write_text("sample,a\nx,many\n")
    user, password = served.environment["PREFECT_API_AUTH_STRING"].split(":")
    with httpx.Client(auth=(user, password), trust_env=False, timeout=60) as client:

        def ask(method: str, path: str, content: Any = None) -> Any:
            answer = client.request(method, f"{served.environment['PREFECT_API_URL']}/{path}", json=content)
            return answer.raise_for_status() and answer.content and answer.json()

        deployed = {one["name"]: one for one in ask("POST", "deployments/filter", {})}
        for name, cron in (("score-new", "10 * * * *"), ("watch-scores", "30 5 * * *")):
            assert [(one["schedule"]["cron"], one["active"]) for one in deployed[name]["schedules"]] == [(cron, False)]
        (trigger,) = ask("POST", "automations/filter", {})
        assert trigger["name"] == "cic-retrain-on-drift" and not trigger["enabled"]
        ask("PATCH", "work_pools/cic-local", {"is_paused": True})  # what is set off shall be seen, and not run
        ask("PATCH", f"automations/{trigger['id']}", {"enabled": True})
        try:
            told = served.done("python", "-c", WATCHING, str(RAW), str(incoming), str(tmp_path / "scores"))
            of_set, of_folder, watched, metrics, files = json.loads(told.splitlines()[-1])
            assert of_set["scored"] == [RAW.name] and of_folder["scored"] == ["shifted.csv"]
            assert list(of_folder["failed"]) == ["broken.csv"]
            assert "error" in watched["drift"] and watched["model"] == "cic-mine"
            assert metrics["drift"] == 1 and files == ["monitor.html"]
            assert "Drift in 160 profiles" in Path(watched["page"]).read_text()
            made = {one["key"] for one in ask("POST", "artifacts/filter", {})}
            assert {"cic-scores", "cic-monitor"} <= made
            waiting = {"state": {"type": {"any_": ["SCHEDULED", "PENDING"]}}}
            of_training = {"id": {"any_": [deployed["train-and-judge"]["id"]]}}
            deadline = time.monotonic() + 120
            while not (runs := ask("POST", "flow_runs/filter", {"deployments": of_training, "flow_runs": waiting})):
                assert time.monotonic() < deadline, "the event set nothing off"
                time.sleep(0.2)
            assert runs[0]["created_by"]["type"] == "AUTOMATION"
            ask("DELETE", f"flow_runs/{runs[0]['id']}")
        finally:
            ask("PATCH", f"automations/{trigger['id']}", {"enabled": False})
            ask("PATCH", "work_pools/cic-local", {"is_paused": False})


def test_a_flow_runs_a_stage_again_whose_folder_was_damaged(served: Clone) -> None:
    made = outcome(served)
    split = Path(made["folders"]["split"]) / "split.csv"
    kept = split.read_bytes()
    flip(split)
    ran = train(served)
    assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr[-4000:]
    assert split.read_bytes() == kept
    assert outcome(served)["folders"] == made["folders"] and outcome(served)["model"] == made["model"]


def test_an_edited_raw_file_fails_the_flow_with_the_pointer_error(served: Clone) -> None:
    raw = served.folder / RAW / "profiles.parquet"
    kept = raw.read_bytes()
    raw.chmod(0o644)
    raw.write_bytes(kept + b"edited")
    try:
        ran = train(served)
        assert ran.returncode == 3, ran.stdout + ran.stderr
        told = " ".join(ran.stderr.split())
        assert "failed at the stage `pull`: this file was edited" in told and "Traceback" not in told
        shown = served.run("cic", "show").stdout
        assert "the last run failed" in shown and "pull" in shown and "this file was edited" in shown
        assert "the last that ended well" in shown
        url = f"{served.environment['PREFECT_API_URL']}/flow_runs/filter"
        auth = served.environment["PREFECT_API_AUTH_STRING"]
        (last,) = request_json(url, {"sort": "START_TIME_DESC", "limit": 1}, 30.0, auth)
        assert last["state"]["type"] == "FAILED"
        assert "DataError" in last["state"]["message"] and RAW.name in last["state"]["message"]
        assert raw.read_bytes() == kept + b"edited", "the user's edit is not overwritten"
    finally:
        raw.write_bytes(kept)


def test_a_killed_run_is_told_by_the_name_it_was_given_and_the_stage_it_was_at(served: Clone) -> None:
    name = "my-own-name"
    started = served.done(
        "prefect", "deployment", "run", "cic-train/train-and-judge",
        "--flow-run-name", name, "--param", 'fit={"seeds": 40}',
    )  # fmt: skip
    run_id = re.findall(r"[0-9a-f]{8}-[0-9a-f-]{27}", started)[0]
    url, auth = served.environment["PREFECT_API_URL"], served.environment["PREFECT_API_AUTH_STRING"]

    def begun() -> set[str]:
        asked = {"flow_runs": {"id": {"any_": [run_id]}}}
        return {task["name"] for task in request_json(f"{url}/task_runs/filter", asked, 30.0, auth)}

    deadline = time.monotonic() + 300
    while "fit" not in begun():
        assert time.monotonic() < deadline, begun()
        time.sleep(0.2)
    engines = [one for one in marked(served.folder / ".cic") if "prefect.engine" in one.cmdline()]
    assert engines
    for engine in engines:
        engine.kill()
    ended = served.run("cic", "run", "--follow", run_id)
    assert ended.returncode == 1 and f"the run {name} crashed at the stage `fit`" in " ".join(ended.stderr.split())
    early = re.compile(rf"the last run ended early +{name}: crashed")
    failed = re.compile(rf"the last run failed +{name}\n +at the stage +fit\n")
    while not failed.search(shown := served.run("cic", "show").stdout):
        assert early.search(shown), f"until the worker has noted it the server tells: {shown}"
        assert time.monotonic() < deadline, shown
        time.sleep(1)

"""The pages of Prefect and MLflow as a person sees them: from the form of a run to the version that came of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from browser import Browser, browsing, needs_browser
from cloned import Clone, make_clone
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from cic.config import Data
from cic.platform.http import request_json

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1200), needs_browser]

BOX = "descendant::*[self::textarea or self::input[not(@type='radio')]]"
FIELD = "ancestor::div[contains(concat(' ', @class, ' '), ' schema-form-property ')][1]"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
    """A project whose platform is up and whose flows are deployed."""
    made, home = make_clone(tmp_path_factory.mktemp("pages"), ["genes"]), tmp_path_factory.mktemp("home")
    clone = Clone(made.folder, {**made.environment, "CIC_HOME": str(home)})  # one that lies outside of the project
    try:
        clone.done("cic", "up", seconds=300)
        shell = clone.with_platform()
        shell.done("prefect", "--no-prompt", "deploy", "--all")
        yield shell
    finally:
        clone.run("cic", "down", seconds=120)


def home_of(shell: Clone) -> Path:
    return Path(shell.environment["CIC_HOME"])


@pytest.fixture(scope="module")
def browser(served: Clone, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser that Prefect knows."""
    with browsing(tmp_path_factory.mktemp("browser")) as made:
        made.open((home_of(served) / "prefect.html").as_uri())
        made.wait_for("Dashboard")
        yield made


def prefect(shell: Clone, path: str, content: dict[str, Any] | None = None) -> Any:
    auth = shell.environment["PREFECT_API_AUTH_STRING"]
    return request_json(f"{shell.environment['PREFECT_API_URL']}/{path}", content, 30.0, auth)


def page_of(shell: Clone, path: str) -> str:
    return f"{shell.environment['PREFECT_API_URL'].removesuffix('/api')}/{path}"


def field(browser: Browser, section: str, name: str) -> Any:
    """Find the input of a field in the form, below the heading of its section."""
    headings = browser.driver.find_elements(By.XPATH, f"//span[normalize-space()='{section} (Optional)']/{FIELD}")
    assert headings, f"no section {section}"
    label = f".//span[normalize-space()='{name} (Optional)']/{FIELD}/{BOX}"
    return headings[0].find_element(By.XPATH, label)


def posted_run(shell: Clone) -> dict[str, Any]:
    """Give the newest flow run."""
    return prefect(shell, "flow_runs/filter", {"sort": "EXPECTED_START_TIME_DESC", "limit": 1})[0]


@pytest.fixture(scope="module")
def run(served: Clone, browser: Browser) -> dict[str, Any]:
    """A run that was started in the form, with one field changed, after it has ended."""
    deployment = prefect(served, "deployments/name/cic-train/train-and-judge")["id"]
    browser.open(
        page_of(served, f"deployments/deployment/{deployment}/run"), "search (Optional)", "registry (Optional)"
    )
    told = browser.text
    assert "column that splits must not straddle" in told, "each field has its sentence"
    places = [told.index(f"\n{name} (Optional)") for name in ("Test", "Validation", "Sealed", "Near Identical")]
    assert places == sorted(places), "fields stand in their own order, not by the length of their names"
    params = yaml.safe_load((served.folder / "params.yaml").read_text())
    shown = {(section, name): field(browser, section, name).get_attribute("value") for section, name in (
        ("data", "Group"), ("search", "Trials"), ("training", "Epochs"), ("registry", "Name"))}  # fmt: skip
    assert shown == {
        ("data", "Group"): params["data"]["group"],
        ("search", "Trials"): str(params["search"]["trials"]),
        ("training", "Epochs"): str(params["training"]["epochs"]),
        ("registry", "Name"): "cic-mine",
    }, "each field has the value that will be used"

    # what the file says from now on, though the form shows what it said
    params["fit"] = {"seeds": 1}
    (served.folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    trials = field(browser, "search", "Trials")
    trials.send_keys(Keys.CONTROL, "a")
    trials.send_keys("5")
    (submit,) = (button for button in browser.all("button") if button.text == "Submit")
    submit.click()
    browser.wait_for("scheduled to start now")
    started = posted_run(served)["id"]
    assert set(posted_run(served)["parameters"]["data"]) == set(Data.model_fields), "the page posts whole sections"
    ended = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
    browser.until(lambda: prefect(served, f"flow_runs/{started}")["state_type"] in ended, 600.0)
    made = prefect(served, f"flow_runs/{started}")
    assert made["state_type"] == "COMPLETED", made["state"]["message"]
    return made


def test_what_is_not_touched_in_the_form_stays_as_the_file_has_it(served: Clone, run: dict[str, Any]) -> None:
    used, file = run["parameters"], yaml.safe_load((served.folder / "params.yaml").read_text())
    assert used["search"]["trials"] == 5
    assert used["fit"]["seeds"] == 1, "as the file said when the run began"
    for section in ("data", "training", "evaluate"):
        assert file[section].items() <= used[section].items()
    made = json.loads((home_of(served) / "latest.json").read_text())
    manifest = json.loads((Path(made["folders"]["search"]) / "manifest.json").read_text())
    ran = manifest["origin"]["params"]
    assert ran["search"]["trials"] == 5 and ran["data"]["group"] == "study", "the leakage guard is not lost"


def artifact_of(shell: Clone, run: dict[str, Any], key: str) -> dict[str, Any]:
    asked = {"artifacts": {"flow_run_id": {"any_": [run["id"]]}, "key": {"any_": [key]}}}
    return prefect(shell, "artifacts/filter", asked)[0]


def test_the_artifacts_of_a_run_say_what_came_of_it(served: Clone, browser: Browser, run: dict[str, Any]) -> None:
    table = artifact_of(served, run, "cic-trials")["id"]
    browser.open(page_of(served, f"artifacts/artifact/{table}"), "error over PCA", "why it ended")
    summary = artifact_of(served, run, "cic-summary")["id"]
    browser.open(page_of(served, f"artifacts/artifact/{summary}"), "mine: version 1 of cic-mine", "ratio to PCA")
    made = prefect(served, "artifacts/filter", {"artifacts": {"flow_run_id": {"any_": [run["id"]]}}})
    assert not [one["key"] for one in made if "progress" in one["key"]], "bars are gone when their stage has ended"
    links = {one.text: one.get_attribute("href") for one in browser.all("a")}
    for label in ("report", "trials compared", "charts", "registered version", "all runs"):
        assert f"{label} in MLflow" in links


def follow(served: Clone, browser: Browser, run: dict[str, Any], label: str, *shows: str) -> str:
    """Go where a link of the run's summary leads, and give what can be read there."""
    summary = artifact_of(served, run, "cic-summary")["id"]
    browser.open(page_of(served, f"artifacts/artifact/{summary}"), "all runs in MLflow")
    links = {one.text: one.get_attribute("href") for one in browser.all("a")}
    browser.open(links[f"{label} in MLflow"], *shows)
    browser.picture(served.folder.parent / f"{label}.png")
    return browser.text


def test_the_table_of_runs_shows_error_depth_and_width(served: Clone, browser: Browser, run: dict[str, Any]) -> None:
    told = follow(served, browser, run, "all runs", "mine search of 5 trials", "error_validation_over_pca")
    assert "error_test_over_pca" in told and "depth" in told and "bottleneck_width" in told
    assert "mine d" in told and " model" in told


def test_the_comparison_draws_the_shape_against_the_error(served: Clone, browser: Browser, run: dict[str, Any]) -> None:
    told = follow(served, browser, run, "trials compared", "Comparing 5 Runs", "Parallel Coordinates Plot")
    chosen = told.split("Parameters:")[1].split("Clear All")[0].split()
    assert chosen == ["bottleneck_width", "depth", "hidden_width", "Metrics:", "error_validation"]


def test_the_chart_draws_the_trials(served: Clone, browser: Browser, run: dict[str, Any]) -> None:
    told = follow(served, browser, run, "charts", "Depth and widths against error", "#004", "Parallel Coordinates")
    drawn = told.split("Parallel Coordinates")[1]
    assert all(axis in drawn for axis in ("bottleneck_width", "depth", "hidden_width", "error_"))


def test_search_version_and_model_say_what_they_are(served: Clone, browser: Browser, run: dict[str, Any]) -> None:
    follow(served, browser, run, "search", "Chosen: depth", "Least validation error of a single trial, and over")
    browser.driver.find_element(By.XPATH, "//*[text()='Show more']").click()
    (picture,) = browser.until(lambda: browser.all("img[src*='get-artifact']"))
    assert browser.until(lambda: picture.get_property("naturalWidth")) > 100, "the picture is drawn"
    follow(served, browser, run, "registered version", "Version 1", "What it is", "Verdict")
    address = browser.driver.current_url.replace("/versions/1", "")
    browser.open(address, "cic-mine", "deep autoencoders that turn a gene expression profile", "data/raw/mine")


def test_the_report_opens_inside_mlflow(served: Clone, browser: Browser, run: dict[str, Any]) -> None:
    told = follow(served, browser, run, "report", "report.html", "metrics.json")
    assert "metrics.json" in told, "the figures lie beside it"
    (frame,) = browser.until(lambda: browser.all("iframe"))
    browser.driver.switch_to.frame(frame)
    try:
        browser.wait_for("How good are these cell identity codes?", "mine", "of that of PCA")
        assert browser.until(lambda: browser.all("svg")), "its pictures are drawn"
        assert "models:/cic-mine/1" in browser.text, "with the decision, which came after it"
    finally:
        browser.driver.switch_to.default_content()

"""Questions are what their folders declare, and a new one takes a folder and nothing else."""

from __future__ import annotations

import json
import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from evaluated import curved_profiles, evaluated
from pydantic import BaseModel

from cic.config import Evaluate, Params, load_params
from cic.declarations import Declaration, Headline, declarations, measure_names
from cic.errors import ConfigError, DataError
from cic.evaluation.catalogue import Question, questions
from cic.evaluation.metrics import as_json, read_metrics, schema
from cic.evaluation.report.contents import findings, sections
from cic.evaluation.statistics.intervals import Interval

ROOT = Path(__file__).parent.parent
TOY = {
    "question.toml": """
place = 25
question = "Is the toy there?"
against = "nothing"
needs = "nothing"
cost = "nothing"

[headline]
topic = "Toys"
words = "times that it is there"
figure = "there"
better = "higher"
reference = 0.5
""",
    "__init__.py": '"""A toy."""\n',
    "found.py": '''"""What is found of toys."""

from cic.evaluation.finding import Finding
from cic.evaluation.statistics.intervals import Interval


class Found(Finding):
    """A toy."""

    there: Interval
''',
    "measure.py": '''"""Toys are measured."""

from cic.evaluation.finding import Answer
from cic.evaluation.questions.toy.found import Found
from cic.evaluation.statistics.intervals import Interval
from cic.evaluation.subject import Subject


def measure(subject: Subject) -> Answer:
    """Find the toy."""
    return Answer(Found(there=Interval(float(subject.test_S.sum()), None, None)), cautions={"toy": "It is a toy."})
''',
    "say.py": '''"""What is said of toys."""

from cic.evaluation.section import Section, Topic
from cic.evaluation.words import Sentence


def toy_section(found, evidence, folder):
    """Show the toy."""
    return Section(key="toy", title="The toy", claim=f"It is there {found.there.value:g} times.")


def toy_sentences(found, facts):
    """Speak of the toy."""
    return [Sentence("good", "The toy is there.")]


SECTIONS = (toy_section,)
TOPICS = (Topic("Toys", "toy", toy_sentences),)
''',
}


def declared(name: str) -> Declaration:
    return next(one for one in declarations() if one.name == name)


HEADLINES = [(one, headline) for one in questions() for headline in (one.declared.headline, *one.declared.beside)]


@pytest.mark.parametrize(("question", "headline"), HEADLINES, ids=lambda one: getattr(one, "name", ""))
def test_a_headline_is_an_interval_of_the_finding(question: Question, headline: Headline) -> None:
    model: type[BaseModel] = question.found
    *path, last = headline.figure.split(".")
    for at, name in enumerate([*path, last]):
        annotation = model.model_fields[name].annotation
        inner = [one for one in getattr(annotation, "__args__", (annotation,)) if one is not type(None)]
        if inner[0] is str:  # a mapping from names of methods, perhaps of mappings
            while len(inner) == 2:
                annotation = inner[1]
                inner = list(getattr(annotation, "__args__", (annotation,)))
            rest = [*path, last][at + 1 :]
            model = inner[0]
            if isinstance(model, type) and issubclass(model, BaseModel):
                model = model.model_fields[rest[-1]].annotation  # type: ignore[assignment]
            break
        model = inner[0]
    assert model is Interval


def test_a_headline_stands_beside_a_topic_of_its_question_and_no_topic_has_two() -> None:
    for question, headline in HEADLINES:
        assert headline.topic in {topic.title for topic in question.topics}
    assert len({headline.topic for _, headline in HEADLINES}) == len(HEADLINES)


@pytest.mark.parametrize("one", declarations(), ids=lambda one: one.name)
def test_parameters_are_those_of_the_section(one: Declaration) -> None:
    assert set(one.parameters) <= set(Evaluate.model_fields)


def test_every_parameter_of_a_question_is_declared_by_one() -> None:
    shared = {"measures", "bootstrap", "confidence", "most_profiles", "rank", "epochs", "hidden_width"}
    assert {name for one in declarations() for name in one.parameters} == set(Evaluate.model_fields) - shared


def test_places_are_distinct_and_names_are_those_of_the_parameter() -> None:
    places = [one.place for one in declarations()]
    assert len(set(places)) == len(places)
    assert Params(seed=1).evaluate.measures == measure_names()


def test_an_unknown_measure_is_an_error_that_suggests_the_right_one(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("seed: 1\nevaluate: {measures: [gene]}\n")
    with pytest.raises(ConfigError, match="did you mean `genes`"):
        load_params(tmp_path / "params.yaml")


def test_the_schema_of_metrics_is_the_one_in_the_docs() -> None:
    written = json.loads((ROOT / "docs" / "metrics.schema.json").read_text())
    assert written == schema(), "metrics.json changed: run `make docs`, and say so in CHANGELOG.md"


def test_the_tables_in_the_docs_are_those_of_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "infra")
    docs = runpy.run_path(str(ROOT / "infra" / "docs.py"))
    for name, marks, written in docs["TABLES"]:
        page = (ROOT / "docs" / name).read_text()
        assert docs["with_table"](page, marks, written()) == page, "run `make docs`"


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an evaluation that was asked nothing but what is always measured."""
    out = tmp_path_factory.mktemp("bare")
    evaluated(curved_profiles(60), out)
    return out


def test_metrics_are_read_as_they_were_written(bare: Path) -> None:
    assert as_json(read_metrics(bare / "metrics.json")) == json.loads((bare / "metrics.json").read_text())


def test_metrics_of_another_release_are_an_error_that_names_the_file(bare: Path, tmp_path: Path) -> None:
    file, metrics = tmp_path / "metrics.json", json.loads((bare / "metrics.json").read_text())
    for other, found in (
        (metrics | {"unexplained": 0.5}, "`unexplained`"),
        ({name: one for name, one in metrics.items() if name != "genes"}, "`genes`"),
        (metrics | {"rmse": {**metrics["rmse"], "model": 0.5}}, "`rmse.model`"),
        ([], "another release"),
    ):
        file.write_text(json.dumps(other))
        with pytest.raises(DataError, match=found) as raised:
            read_metrics(file)
        assert raised.value.where == str(file)
    file.write_text("{")
    with pytest.raises(DataError, match="damaged"):
        read_metrics(file)
    with pytest.raises(DataError, match="no metrics"):
        read_metrics(tmp_path / "nowhere.json")


def test_what_was_not_measured_is_silent_but_for_who_declares_otherwise(bare: Path) -> None:
    metrics = read_metrics(bare / "metrics.json")
    asked = [one for one in questions() if not one.declared.always]
    spoken = {topic for topic, _, _ in findings(metrics)}
    for one in asked:
        assert metrics.of(one.found) is None
        assert {topic.title for topic in one.topics} & spoken == {
            topic.title for topic in one.topics if topic.unmeasured
        }
        assert not set(one.sections) & {getattr(make, "func", make) for make in sections(metrics)}
        assert set(one.sections_unmeasured) <= set(sections(metrics))
    assert [one.name for one in asked if one.sections_unmeasured] == ["architectures"]


def test_a_new_question_is_a_folder(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "cic", tmp_path / "cic", ignore=shutil.ignore_patterns("__pycache__"))
    folder = tmp_path / "cic" / "evaluation" / "questions" / "toy"
    folder.mkdir()
    for name, text in TOY.items():
        (folder / name).write_text(text)
    program = """
import json, sys
from pathlib import Path
from evaluated import curved_profiles, evaluated, typed
from cic.config import Params
from cic.evaluation.metrics import as_json, metrics_type, read_metrics, schema
from cic.evaluation.report.contents import findings, sections
from cic.evaluation.report.card import model_card
from cic.stage_list import STAGES
out = Path(sys.argv[1])
metrics = evaluated(curved_profiles(60), out, evaluate={"measures": ("toy",)})
assert "toy" in Params(seed=1).evaluate.measures
assert "toy" in schema()["properties"]
assert metrics["toy"]["there"]["value"] == metrics["profiles"]["test"]
assert json.loads((out / "metrics.json").read_text())["toy"] == metrics["toy"]
page = (out / "report.html").read_text()
assert "It is there" in page and "The toy is there." in page and "It is a toy." in page
assert page.index('id="labels"') < page.index('id="toy"') < page.index('id="training"')
assert "<small>times that it is there; better above 0.5</small>" in page
assert json.loads((out / "headline.json").read_text())["toy"] == metrics["profiles"]["test"]
assert "Toys: The toy is there." in model_card(typed(metrics))
assert any("toy" in path.parts for path in STAGES["evaluate"].sources)
assert not any("toy" in path.parts for path in STAGES["search"].sources)
"""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT / "tests")])}
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "out")],
        cwd=tmp_path, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr

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
from pydantic import BaseModel

from cic.config import Evaluate, Params, load_params
from cic.declarations import Declaration, declarations, measure_names
from cic.errors import ConfigError
from cic.evaluation.catalogue import Question, questions
from cic.evaluation.metrics import schema
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


def toy_section(evidence, folder):
    """Show the toy."""
    return Section("toy", "The toy", f"It is there {evidence.metrics['toy']['there']['value']:g} times.")


def toy_sentences(metrics):
    """Speak of the toy."""
    return [Sentence("good", "The toy is there.")] if metrics["toy"] else []


SECTIONS = (toy_section,)
TOPICS = (Topic("Toys", "toy", toy_sentences),)
''',
}


def declared(name: str) -> Declaration:
    return next(one for one in declarations() if one.name == name)


@pytest.mark.parametrize("question", questions(), ids=lambda one: one.name)
def test_a_headline_is_an_interval_of_the_finding(question: Question) -> None:
    model: type[BaseModel] = question.found
    *path, last = question.declared.headline.figure.split(".")
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


@pytest.mark.parametrize("one", declarations(), ids=lambda one: one.name)
def test_parameters_are_those_of_the_section(one: Declaration) -> None:
    assert set(one.parameters) <= set(Evaluate.model_fields)


def test_every_parameter_of_a_question_is_declared_by_one() -> None:
    shared = {"measures", "bootstrap", "confidence", "rank", "epochs", "hidden_width"}
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


def test_the_table_of_questions_is_the_one_in_the_docs() -> None:
    page = (ROOT / "docs" / "evaluation.md").read_text()
    assert runpy.run_path(str(ROOT / "infra" / "docs.py"))["with_table"](page) == page, "run `make docs`"


def test_a_new_question_is_a_folder(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "cic", tmp_path / "cic", ignore=shutil.ignore_patterns("__pycache__"))
    folder = tmp_path / "cic" / "evaluation" / "questions" / "toy"
    folder.mkdir()
    for name, text in TOY.items():
        (folder / name).write_text(text)
    program = """
import json, sys
from pathlib import Path
from evaluated import curved_profiles, evaluated
from cic.config import Params
from cic.evaluation.metrics import schema
from cic.evaluation.report.card import model_card
from cic.pipeline import STAGES
out = Path(sys.argv[1])
metrics = evaluated(curved_profiles(60), out, evaluate={"measures": ("toy",)})
assert "toy" in Params(seed=1).evaluate.measures
assert "toy" in schema()["properties"]
assert metrics["toy"]["there"]["value"] == metrics["profiles"]["test"]
assert json.loads((out / "metrics.json").read_text())["toy"] == metrics["toy"]
page = (out / "report.html").read_text()
assert "It is there" in page and "The toy is there." in page and "It is a toy." in page
assert page.index('id="labels"') < page.index('id="toy"') < page.index('id="codes"')
assert "Toys: The toy is there." in model_card(metrics)
assert any("toy" in path.parts for path in STAGES["evaluate"].sources)
assert not any("toy" in path.parts for path in STAGES["search"].sources)
"""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT / "tests")])}
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "out")],
        cwd=tmp_path, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr

"""Tests that are attacks, counted: `make faults` makes each as often as it says and prints what became of it.

A test is marked with `attack("its name in the table", point, tries=n)`. The ordinary suite makes each once, `make
faults` (pytest with `--faults`) n times. Where one test makes many tries, it tells the fixture `tally` how each ended
and takes from it how many to make.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import pytest


@dataclass
class Tally:
    """How the tries within one test ended."""

    tries: int
    ended: list[str] = field(default_factory=list)

    def __call__(self, how: str) -> None:
        self.ended.append(how)


@dataclass
class Row:
    """One attack of the table."""

    tries: int = 0
    lost: int = 0
    ended: Counter[str] = field(default_factory=Counter)


ROWS: dict[tuple[str, str], Row] = {}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--faults", action="store_true", help="only the attacks, each as often as it says, and a table")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "attack(name, point, tries, ended): an attack, counted by `make faults`")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    mark = metafunc.definition.get_closest_marker("attack")
    tries = mark.kwargs.get("tries", 1) if mark else 1
    if metafunc.config.getoption("faults") and tries > 1 and "tally" not in metafunc.fixturenames:
        metafunc.fixturenames.append("attempt")
        metafunc.parametrize("attempt", range(tries))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("faults"):
        other = [item for item in items if item.get_closest_marker("attack") is None]
        config.hook.pytest_deselected(items=other)
        items[:] = [item for item in items if item.get_closest_marker("attack") is not None]


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Tally:
    """Take from it how many tries to make, and tell it how each ended."""
    mark = request.node.get_closest_marker("attack")
    many = request.config.getoption("faults")
    made = Tally(mark.kwargs["tries" if many else "short"])
    request.node.user_properties.append(("ended", made.ended))
    return made


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    report = yield
    mark = item.get_closest_marker("attack")
    if mark is not None and (call.when == "call" or report.outcome != "passed"):
        report.user_properties.append(("attack", [mark.args[1], mark.args[0], mark.kwargs.get("ended", "told")]))
    return report


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    told = dict(report.user_properties)
    if "attack" not in told or (report.when != "call" and report.passed):
        return
    point, name, usual = told["attack"]
    row = ROWS.setdefault((point, name), Row())
    if report.skipped:
        row.ended["not made here: " + str(report.longrepr[2] if isinstance(report.longrepr, tuple) else "")] += 1
        return
    ended = told.get("ended") or ([usual] if report.passed else [])
    row.tries += len(ended) + report.failed
    row.ended.update(ended)
    if report.failed:
        row.lost += 1
        row.ended["SUCCEEDED"] += 1


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not terminalreporter.config.getoption("faults"):
        return
    terminalreporter.section("attacks")
    terminalreporter.write_line("| point | attack | tries | withstood | ended in |\n|---|---|---|---|---|")
    for (point, name), row in sorted(ROWS.items(), key=lambda one: (float(one[0][0]), one[0][1])):
        ended = "; ".join(f"{how} ({count})" for how, count in row.ended.most_common())
        terminalreporter.write_line(f"| {point} | {name} | {row.tries} | {row.tries - row.lost} | {ended} |")

"""The docs as a site: it builds, nothing in it comes from elsewhere, and what is made from code is current.

Its commands are run after those of the README, in the same clone (tests/page_commands.py, tests/test_readme.py).
"""

from __future__ import annotations

import functools
import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml
from page_commands import PAGES, commands_of_page, unmarked_commands

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PROBE = """<script>addEventListener("load", () => setTimeout(() => {
document.title = JSON.stringify(performance.getEntriesByType("resource").map(each => each.name))}, 1500))</script>"""
OLD = ("configuration.md", "cli.md", "figures/basis.svg")
needs_chromium = pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not installed")


def build(folder: Path) -> subprocess.CompletedProcess[str]:
    """Build the site from a folder with `mkdocs.yml` and `docs/`, as `make site` does."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    command = ["zensical", "build", "--strict", "--clean", "--config-file", "mkdocs.yml"]
    return subprocess.run(command, cwd=folder, env=os.environ | {"PATH": path}, capture_output=True, text=True)


def sources(folder: Path) -> Path:
    shutil.copytree(DOCS, folder / "docs")
    shutil.copy(ROOT / "mkdocs.yml", folder)
    return folder


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = sources(tmp_path_factory.mktemp("site"))
    built = build(folder)
    assert built.returncode == 0, built.stdout + built.stderr
    return folder / "build" / "site"


def in_navigation(entry: object) -> Iterator[str]:
    match entry:
        case str():
            yield entry
        case list():
            for each in entry:
                yield from in_navigation(each)
        case dict():
            for each in entry.values():
                yield from in_navigation(each)


def test_every_page_is_in_the_navigation_once_and_is_built(site: Path) -> None:
    listed = list(in_navigation(yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]))
    assert sorted(listed) == sorted(path.name for path in DOCS.glob("*.md"))
    for name in listed:
        assert (site / name).with_suffix(".html").stat().st_size > 1000


@pytest.mark.parametrize("broken", ["[a page](gone.md)", "[a section](data.md#gone)"])
def test_a_broken_link_fails_the_build(tmp_path: Path, broken: str) -> None:
    folder = sources(tmp_path)
    page = folder / "docs" / "index.md"
    page.write_text(f"{page.read_text()}\n{broken}\n")
    built = build(folder)
    assert built.returncode != 0
    assert "does not exist" in built.stdout + built.stderr


class Asked(HTMLParser):
    """Collects the addresses that a browser fetches with a page; links that one clicks on are none."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag != "a":
            self.addresses += [value for name, value in attrs if name in ("src", "href", "srcset", "data") and value]


def is_outside(address: str) -> bool:
    return re.match(r"(https?:)?//", address) is not None


def test_no_page_names_anything_outside(site: Path) -> None:
    pages = sorted(site.glob("*.html"))
    assert len(pages) > 15
    for page in pages:
        asked = Asked()
        asked.feed(page.read_text())
        assert asked.addresses
        assert not [each for each in asked.addresses if is_outside(each)], page.name
    styles = sorted(site.rglob("*.css"))
    assert styles
    for style in styles:
        named = re.findall(r"""(?:url\(|@import)\s*["']?([^"')\s]+)""", style.read_text())
        assert not [each for each in named if is_outside(each)], style.name


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder, and the address at which it is served."""
    handler = functools.partial(Quiet, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield tmp_path, f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


def asked_for(page: Path, url: str, profile: Path) -> list[str]:
    """Open a page in a browser, and give all that it asked for, also what it did not get."""
    page.write_text(page.read_text().replace("</body>", f"{PROBE}</body>"))
    command = [
        "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
        "--disable-background-networking", "--disable-component-update", f"--user-data-dir={profile}",
        "--virtual-time-budget=4000", "--dump-dom", f"{url}/{page.name}",
    ]  # fmt: skip
    shown = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    title = re.search(r"<title>(.*?)</title>", shown, re.S)
    assert title, shown[:500]
    return list(json.loads(unescape(title[1])))


@needs_chromium
@pytest.mark.parametrize("name", ["index.html", "method.html", "operations.html"])
def test_a_browser_asks_nobody_else(site: Path, server: tuple[Path, str], name: str) -> None:
    folder, url = server
    shutil.copytree(site, folder, dirs_exist_ok=True)
    asked = asked_for(folder / name, url, folder / "profile")
    assert any(each.endswith(".js") for each in asked) and any(each.endswith(".css") for each in asked)
    assert [each for each in asked if not each.startswith(url)] == []


@needs_chromium
def test_a_page_that_asks_others_is_seen(server: tuple[Path, str]) -> None:
    folder, url = server
    page = folder / "page.html"
    page.write_text("<title>x</title><body><script src='http://127.0.0.1:9/x.js'></script></body>")
    assert "http://127.0.0.1:9/x.js" in asked_for(page, url, folder / "profile")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The docs as `make docs` writes them now, over some that are not current."""
    folder = tmp_path_factory.mktemp("made")
    shutil.copytree(DOCS, folder / "docs")
    shutil.copytree(ROOT / "infra", folder / "infra")
    for name in OLD:
        (folder / "docs" / name).write_text("old")
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "infra/docs.py"], cwd=folder, env=environment, check=True)
    return folder / "docs"


def test_what_is_made_from_code_is_current(made: Path) -> None:
    for path in sorted(each for each in made.rglob("*") if each.is_file()):
        kept = DOCS / path.relative_to(made)
        assert kept.read_bytes() == path.read_bytes(), f"{kept.name} is not what the code says: run `make docs`"


def test_a_page_that_is_not_current_is_written_anew(made: Path) -> None:
    for name in OLD:
        assert (made / name).read_text() != "old"


@pytest.mark.parametrize("name", PAGES)
def test_commands_stand_in_blocks_that_are_run(name: str) -> None:
    text = (DOCS / name).read_text()
    assert unmarked_commands(text) == []
    assert commands_of_page(text) or name in ("method.md", "registry.md")


def test_commands_in_a_block_that_is_not_run_are_seen() -> None:
    assert unmarked_commands("a\n\n```\ncic up\n```\n\n    cic down\n\n```text\ncic show\n```\n") == [
        "cic up\n", "    cic down\n",
    ]  # fmt: skip

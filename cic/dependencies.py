"""What code depends on: the files of ours that it imports, and the versions of the libraries that calculate for it."""

from __future__ import annotations

import ast
import hashlib
import importlib.metadata
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

import cic

ROOT = Path(cic.__file__).parent.parent
CALCULATING = {
    "gseapy": "gseapy",
    "jinja2": "jinja2",
    "matplotlib": "matplotlib",
    "numpy": "numpy",
    "optuna": "optuna",
    "pandas": "pandas",
    "pyarrow": "pyarrow",
    "safetensors": "safetensors",
    "scipy": "scipy",
    "sklearn": "scikit-learn",
    "torch": "torch",
}
"""Modules whose release can change what is calculated or written, and the distributions that they come from."""

NO_OUTCOME = ("cic.progress", "cic.settings", "cic.tracking")
"""Rooms of ours that say where things are or show them; what they answer that does matter is asked for by value."""


DOOR = ROOT / "cic" / "__init__.py"
"""Part of everything, but what it hands on (`cic.load`) is for users: no stage calls that."""
BESIDE = ("*.html", "*.toml")
"""What a source reads from its own folder: templates and declarations."""


@cache
def closure(*modules: str) -> tuple[Path, ...]:
    """Give the sources that modules of ours are made of, their imports and the templates beside them included.

    Parameters
    ----------
    modules
        Dotted names, such as ``cic.stages.fit``.

    Returns
    -------
    tuple of Path
        Sorted, relative to the folder that holds the package.
    """
    found: set[Path] = set()
    waiting = [path for module in modules for path in _files(module)]
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found.add(path)
        found.update(file for pattern in BESIDE for file in path.parent.glob(pattern))
        if path != DOOR:
            waiting += [file for name in _imported(path) for file in _files(name)]
    return tuple(sorted(path.relative_to(ROOT) for path in found))


def modules_of(package: str) -> tuple[str, ...]:
    """Give the modules below a package of ours, by their dotted names."""
    files = sorted(ROOT.joinpath(*package.split(".")).rglob("*.py"))
    return tuple(".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for file in files)


def collapsed(files: Iterable[Path]) -> list[str]:
    """Give the same files as few paths: a folder stands for its files where all of its sources are among them."""
    whole = set(files)

    def shorter(path: Path) -> Path:
        for folder in reversed(path.parents[:-2]):
            if {file.relative_to(ROOT) for file in (ROOT / folder).rglob("*.py")} <= whole:
                return folder
        return path

    return sorted({shorter(path).as_posix() for path in whole})


def code_digest(files: Sequence[Path]) -> str:
    """Give the SHA-256 of sources, with their names."""
    total = hashlib.sha256()
    for file in files:
        total.update(file.as_posix().encode() + b"\0" + hashlib.sha256((ROOT / file).read_bytes()).digest())
    return total.hexdigest()


def libraries(files: Iterable[Path]) -> tuple[str, ...]:
    """Give the distributions that sources import and whose release can change what comes out."""
    tops = {name.split(".")[0] for file in files if file.suffix == ".py" for name in _imported(ROOT / file)}
    return tuple(sorted({CALCULATING[top] for top in tops & set(CALCULATING)}))


def versions_of(distributions: Iterable[str]) -> dict[str, str]:
    """Give the installed version of each distribution."""
    return {name: importlib.metadata.version(name) for name in distributions}


def _files(module: str) -> list[Path]:
    """Give the sources that are run when a name of ours is imported; none for a name of others."""
    parts = module.split(".")
    if parts[0] != "cic" or ".".join(parts[:2]) in NO_OUTCOME:
        return []
    # the last part may be a name in the module, and the parts before it packages, which are run as well
    within = [ROOT.joinpath(*parts[:end]) for end in range(1, len(parts) + 1)]
    return [path for each in within for path in (each / "__init__.py", each.with_suffix(".py")) if path.is_file()]


@cache
def _imported(path: Path) -> tuple[str, ...]:
    names: list[str] = []
    if path.suffix == ".py":
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names += [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                names += [f"{node.module}.{alias.name}" for alias in node.names]
    return tuple(names)

"""The names that are offered to Python: few, typed, documented, and frozen as the command line is."""

from __future__ import annotations

import dataclasses
import difflib
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cic
import cic.using

SURFACE = Path(__file__).parent / "api_surface.txt"
PAGE = Path(__file__).parents[1] / "docs" / "python.md"


def offered() -> Iterator[tuple[str, Any]]:
    """Give every public name with what it is: those of the modules, and the methods of their classes."""
    for module in (cic, cic.using):
        for name in sorted(module.__all__):
            found = getattr(module, name)
            yield f"{module.__name__}.{name}", found
            if inspect.isclass(found):
                for method, inner in sorted(vars(found).items()):
                    if inspect.isfunction(inner) and not method.startswith("_"):
                        yield f"{module.__name__}.{name}.{method}", inner


def described(name: str, found: Any) -> str:
    if inspect.isclass(found):
        return "\n".join([name, *(f"  {field.name}: {field.type}" for field in dataclasses.fields(found))])
    return f"{name}{inspect.signature(found)}" if callable(found) else name


def surface() -> str:
    return "\n".join(described(name, found) for name, found in offered()) + "\n"


def test_the_surface_is_frozen() -> None:
    kept, now = SURFACE.read_text(), surface()
    changed = "\n".join(difflib.unified_diff(kept.splitlines(), now.splitlines(), "before", "now", lineterm=""))
    assert now == kept, (
        f"what Python is offered has changed, which programs notice:\n{changed}\n"
        f"if that is meant, say so in CHANGELOG.md and run: python {Path(__file__).parent.name}/{Path(__file__).name}"
    )


def test_every_name_is_typed_and_documented() -> None:
    page = PAGE.read_text()
    functions = {name: found for name, found in offered() if inspect.isfunction(found)}
    assert len(functions) > 3
    for name, found in functions.items():
        signature = inspect.signature(found)
        untyped = [one for one in signature.parameters.values() if one.annotation is one.empty and one.name != "self"]
        assert not untyped and signature.return_annotation is not signature.empty, name
        assert "Raises\n" in str(found.__doc__), name
        owner, _, last = name.removeprefix("cic.using.").removeprefix("cic.").rpartition(".")
        assert f"### `{owner}.{last}`" in page if owner else f"### `{last}`" in page, name


if __name__ == "__main__":
    SURFACE.write_text(surface())

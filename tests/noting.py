"""A measurement of the bench that notes when it was made; a module of its own, as each process imports it."""

from __future__ import annotations

from pathlib import Path


def note(log: str, name: str) -> dict[str, float]:
    with Path(log).open("a") as file:
        file.write(f"{name}\n")
    return {"one": 1.0}

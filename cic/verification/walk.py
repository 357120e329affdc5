"""The walk from a registered version to the bytes that it was made from, link by link."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from cic.errors import CicError, ServiceError
from cic.verification import registered, sources
from cic.verification.trail import Trail, Unchecked

State = Literal["whole", "broken", "unchecked"]


@dataclass(frozen=True)
class Link:
    """A link as it was found.

    Attributes
    ----------
    told
        What was found, in words.
    error
        What is wrong with a broken one.
    """

    name: str
    state: State
    told: str
    error: CicError | None = None


@dataclass(frozen=True)
class Step:
    """How a link is looked at: by `look`, and not where one of the links that it `needs` is broken."""

    name: str
    look: Callable[[Trail], str]
    needs: tuple[str, ...] = ()


STEPS = (
    Step("bundle", registered.bundle),
    Step("run", registered.run),
    Step("metrics", registered.metrics, ("run",)),
    Step("stages", registered.stages, ("run",)),
    Step("decision", registered.decision),
    Step("parameters", registered.parameters, ("run", "stages")),
    Step("commit", sources.commit, ("run", "stages")),
    Step("working tree", sources.working_tree, ("run", "stages")),
    Step("code", sources.code, ("commit", "stages")),
    Step("pointer", sources.pointer, ("commit", "stages")),
    Step("data", sources.data, ("run", "stages")),
)


def walk(trail: Trail) -> Iterator[Link]:
    """Give each link of a version as it is found, in order; also behind a broken one, as far as that goes.

    Raises
    ------
    ServiceError
        If a store or remote does not answer.
    """
    closed: dict[str, str] = {}
    for step in STEPS:
        behind = next((closed[name] for name in step.needs if name in closed), None)
        if behind is not None:
            closed[step.name] = behind
            yield Link(step.name, "unchecked", f"not looked at, as `{behind}` is broken")
            continue
        try:
            told = step.look(trail)
        except ServiceError:
            raise
        except CicError as error:
            closed[step.name] = step.name
            yield Link(step.name, "broken", error.found, error)
        else:
            yield Link(step.name, "unchecked" if isinstance(told, Unchecked) else "whole", str(told))


def check_whole(links: Sequence[Link]) -> None:
    """Raise the error of the first broken link, which it names, if there is one."""
    for link in links:
        if (error := link.error) is not None:
            raise type(error)(
                f"the first broken link is `{link.name}`: {error.found}",
                where=error.where, expected=error.expected, fix=error.fix,
            )  # fmt: skip

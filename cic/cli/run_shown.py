"""A flow run on the screen: one live display in a terminal, plain lines where the output is none."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from cic.platform.flow_runs import Look, Step
from cic.progress import UNEVEN

SECONDS_BETWEEN_LINES = 60.0
SIGNS = {"COMPLETED": "[green]✓[/]", "FAILED": "[red]✗[/]", "CRASHED": "[red]✗[/]", "CANCELLED": "[yellow]✗[/]"}
WAITS = {"SCHEDULED": "waits for a worker", "PENDING": "a worker prepares it"}


class Display(Protocol):
    """What shows a run for as long as it is followed."""

    def show(self, look: Look) -> None:
        """Show where it stands now."""

    def close(self) -> None:
        """Leave the screen to what is printed next."""


def display(console: Console, names: Sequence[str]) -> Display:
    """Give the display that fits the output; `names` are the steps that will come, in order."""
    return LiveDisplay(console, names) if console.is_terminal else PlainDisplay(console)


class LiveDisplay:
    """Every step on a line of its own, with a bar in the one at work."""

    def __init__(self, console: Console, names: Sequence[str]) -> None:
        self.names = names
        self.live = Live(console=console, refresh_per_second=4)
        self.live.start()

    def show(self, look: Look) -> None:
        """Draw it anew."""
        self.live.update(drawn(look, self.names))

    def close(self) -> None:
        """Leave the last drawing as it is."""
        self.live.stop()


def drawn(look: Look, names: Sequence[str]) -> RenderableType:
    """Give the drawing of a run: its name, and a line a step."""
    done = {step.name: step for step in look.steps}
    table = Table.grid(padding=(0, 1))
    for _ in range(4):
        table.add_column(no_wrap=True)
    table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    for name in [*names, *(name for name in done if name not in names)]:
        step = done.get(name)
        if step is None:
            table.add_row("[dim]·[/]", f"[dim]{escape(name)}[/]")
            continue
        running = step.state == "RUNNING"
        bar = ProgressBar(total=100, completed=step.percent, width=24) if running and step.percent is not None else ""
        sign = SIGNS.get(step.state, "[cyan]▸[/]")
        table.add_row(sign, escape(name), Text(clock(step.seconds), justify="right"), bar, escape(progress(step)))
    title = f"[bold]{escape(look.name)}[/]" + (f"  [dim]{WAITS[look.state]}[/]" if look.state in WAITS else "")
    return Group(Text.from_markup(title, overflow="ellipsis"), table)


def progress(step: Step) -> str:
    """Give what was counted in a step, the best so far and the time left of it."""
    if step.percent is None:
        return ""
    told = f"{step.label} {step.note}".strip()
    left = step.seconds_left if step.state == "RUNNING" and step.label not in UNEVEN else None
    return told if left is None else f"{told}, {clock(left)} left"


def clock(seconds: float) -> str:
    """Give a time as `8 s` or `3 min 05 s`."""
    whole = round(seconds)
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60:02d} s"


class PlainDisplay:
    """A line a step that ends, and one a minute in between."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.named = self.waits = ""
        self.ended: set[str] = set()
        self.written = time.monotonic()

    def show(self, look: Look) -> None:
        """Print what is due."""
        if look.state in WAITS and look.state != self.waits:
            self.waits = look.state
            self._print(WAITS[look.state])
        if look.steps and look.name != self.named:
            self.named = look.name
            self._print(look.name)
        for step in look.steps:
            if step.state in SIGNS and step.name not in self.ended:
                self.ended.add(step.name)
                told = f" {progress(step)}" if step.percent is not None else ""
                self._print(f"{step.name}: {step.state.lower()}, {clock(step.seconds)}{told and ','}{told}")
        if time.monotonic() - self.written >= SECONDS_BETWEEN_LINES:
            at_work = [step for step in look.steps if step.state not in SIGNS]
            lines = [f"{step.name}: {progress(step) or 'at work'}, {clock(step.seconds)} so far" for step in at_work]
            self._print("; ".join(lines) or WAITS.get(look.state, look.state.lower()))

    def close(self) -> None:
        """Leave nothing behind."""

    def _print(self, line: str) -> None:
        self.written = time.monotonic()
        self.console.print(escape(line), soft_wrap=True, highlight=False)

"""Jobs for tests of workers; this imports nothing of ours, so that workers start at once."""

from __future__ import annotations

import os
import time
from pathlib import Path


def say_and_sleep(marks: Path, _: int) -> None:
    """Say in the folder `marks` which process this is, and take long."""
    (marks / str(os.getpid())).touch()
    time.sleep(120)


def process_id(_: int) -> int:
    """Give the process this runs in, after a moment in which others take their share."""
    time.sleep(0.02)
    return os.getpid()

"""Addresses of MLflow's pages for whoever has no time to import MLflow."""

from __future__ import annotations

TRAINING = "workflowType=machine_learning"
"""Without it the pages open as those of another use, and the experiment on its traces, of which there are none."""


def experiments_page(uri: str) -> str:
    """Address the list of experiments."""
    return f"{uri}/#/experiments?{TRAINING}"

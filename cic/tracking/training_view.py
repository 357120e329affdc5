"""Addresses of MLflow's pages for whoever has no time to import MLflow."""

from __future__ import annotations

TRAINING = "workflowType=machine_learning"
"""Without it the pages open as those of another use, and the experiment on its traces, of which there are none."""


TABLE_VIEW = "cic-runs"
"""The view with which the table of an experiment's runs opens (`cic.tracking.pages.prepare_views`)."""


def runs_page(uri: str, experiment: str, view: str = TABLE_VIEW) -> str:
    """Address the table of an experiment's runs."""
    return f"{uri}/#/experiments/{experiment}/runs?{TRAINING}&viewStateShareKey={view}"


def experiments_page(uri: str) -> str:
    """Address the list of experiments."""
    return f"{uri}/#/experiments?{TRAINING}"

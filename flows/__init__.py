"""Prefect flows: thin doors to `cic.pipeline`."""

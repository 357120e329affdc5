"""Prefect flows: thin doors to `cic.stages`."""

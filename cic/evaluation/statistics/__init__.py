"""Intervals and scores: statistics that know nothing of models."""

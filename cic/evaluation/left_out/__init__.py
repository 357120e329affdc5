"""Errors on profiles that a retraining left out."""

"""Classifiers of cell types, and their names."""

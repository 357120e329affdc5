"""MLflow runs and the lineage they carry."""

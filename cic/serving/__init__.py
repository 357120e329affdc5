"""The model as MLflow loads and serves it."""

"""The local platform: PostgreSQL, MLflow and Prefect servers, a worker."""

-- Run once, by the first start of the PostgreSQL container on an empty volume.
CREATE DATABASE prefect;
CREATE DATABASE mlflow;
CREATE DATABASE optuna;

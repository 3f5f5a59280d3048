"""Training runs and model versions in MLflow."""

"""PostgreSQL, MLflow, Prefect and the page on one machine, under METER_HOME."""

"""Prefect flows: schedule, retries and one call to a job each."""

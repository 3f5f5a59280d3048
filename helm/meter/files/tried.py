"""What `helm test` tries from inside the cluster: every part answers, with its credentials and not without."""

import os
import sys

import httpx

SERVING, MLFLOW, PREFECT = (os.environ[name] for name in ("SERVING_URL", "MLFLOW_TRACKING_URI", "PREFECT_API_URL"))
DEPLOYMENTS = {"daily", "weekly", "six-hourly", "on-demand"}
READING = {"local_hour": 18, "local_day_of_week": 2, "voltage_v": 231, "temperature_c": 11, "power_factor": 0.97}
mlflow_user = (os.environ["MLFLOW_TRACKING_USERNAME"], os.environ["MLFLOW_TRACKING_PASSWORD"])
prefect_user = tuple(os.environ.get("PREFECT_API_AUTH_STRING", "").split(":", 1))
prefect_key = os.environ.get("PREFECT_API_KEY")
"""Of Prefect Cloud, which knows no user and password."""


def predicts() -> bool:
    """A prediction, a clear no where there is no model yet, or a key is wanted."""
    answer = httpx.post(f"{SERVING}/v1/predict", json=READING | {"load_kw": 1.2, "frequency_hz": 50})
    return answer.status_code in (200, 401, 503) and answer.headers["content-type"].startswith("application/")


def mlflow(user: tuple[str, str] | None) -> int:
    """Status of MLflow's answer to a question that only known users may ask."""
    asked = f"{MLFLOW}/api/2.0/mlflow/experiments/search"
    return httpx.get(asked, params={"max_results": 1}, auth=user).status_code


def deployed(*, known: bool) -> int | set[str]:
    """Names of the deployments, or the status of the refusal."""
    headers = {"authorization": f"Bearer {prefect_key}"} if known and prefect_key else {}
    user = prefect_user if known and not prefect_key else None
    answer = httpx.post(f"{PREFECT}/deployments/filter", json={}, auth=user, headers=headers)
    return {each["name"] for each in answer.json()} if answer.status_code == 200 else answer.status_code


TRIED = {
    "the service is ready": lambda: httpx.get(f"{SERVING}/readyz").status_code == 200,
    "it answers /v1/predict": predicts,
    "it shows metrics": lambda: "meter_batch_size" in httpx.get(f"{SERVING}/metrics").text,
    "MLflow answers its user": lambda: mlflow(mlflow_user) == 200,
    "MLflow refuses everyone else": lambda: mlflow(None) == 401,
    "Prefect has the deployments": lambda: deployed(known=True) >= DEPLOYMENTS,
    "the data docs are served": lambda: httpx.get(os.environ["DATA_DOCS_URL"]).status_code == 200,
    "Prefect refuses everyone else": lambda: deployed(known=False) in (401, 403),
}

failed = 0
for what, try_it in TRIED.items():
    try:
        went_well, why = try_it(), ""
    except Exception as error:
        went_well, why = False, f" ({type(error).__name__}: {error})"
    print("ok  " if went_well else "FAIL", what + why, flush=True)
    failed += not went_well
sys.exit(failed > 0)

"""Uses services until its input ends: `python embedded_user.py HOME NEED...`; one JSON line once they run."""

import json
import os
import sys
from pathlib import Path

from meter_core.embedded import Need, running, services
from meter_core.settings import Settings


def main(home: str, *needs: str) -> None:
    nothing = dict.fromkeys(("database_url", "mlflow_tracking_uri", "prefect_api_url", "files_url"))
    any_port = dict.fromkeys(("page_port", "grpc_port", "mlflow_port", "prefect_port"), 0)
    settings = Settings(home=Path(home), **nothing, **any_port)
    told: list[str] = []
    with services(settings, {Need(need) for need in needs}, progress=told.append):
        states = {
            state.name: {"pid": state.pid, "url": state.url, "healthy": state.healthy} for state in running(settings)
        }
        sys.stdout.write(json.dumps({"user": os.getpid(), "told": told, "services": states}) + "\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])

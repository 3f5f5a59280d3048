"""What Prefect's server knows of the flows, and what it does by itself: asked over HTTP, without Prefect's package."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit

import httpx

from meter_core.contracts.errors import UnavailableError

RUNS_SHOWN: Final = 8
"""Last runs of each deployment."""

INCIDENT: Final = "meter_incident_"
"""How the names of the variables begin in which `flows.notices` keeps open incidents."""

WAITS_FOR_MLFLOW: Final = "waits for MLflow"
"""Cause of the incident of a training whose model is to be delivered."""

AUTOMATION: Final = "meter: "
"""How the names of our automations begin."""

TIMEOUT_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Run:
    """A flow run.

    Attributes:
        id: Of the run.
        name: As it is shown.
        state: Name of its state.
        kind: Its type: COMPLETED, FAILED, CRASHED, RUNNING, SCHEDULED, ...
        message: What the state says.
        began_at: For the first time, UTC; None before.
        state_at: When it came into its state, which a run that is started again does again.
        expected_at: When it should begin.
        seconds: It has taken.
        tries: How often it was begun.
        process: Number of its process on the worker's machine, or name of its Job; empty where it has none.
        url: Its page.
    """

    id: str
    name: str
    state: str
    kind: str
    message: str
    began_at: datetime | None
    state_at: datetime | None
    expected_at: datetime
    seconds: float
    tries: int
    process: str
    url: str


@dataclass(frozen=True, slots=True)
class Deployment:
    """A deployment with its last and its next run.

    Attributes:
        name: `flow/deployment`.
        schedule: As written (cron and zone); empty for none.
        paused: Whether its schedule is switched off.
        version: Of the code, as git calls it.
        runs: The last ones, newest first.
        next_at: When the next one is to begin.
        does: What it does, in a sentence.
        completed: The last run that completed, however many failed since; None where none did.
    """

    name: str
    schedule: str
    paused: bool
    version: str
    runs: Sequence[Run]
    next_at: datetime | None
    does: str
    completed: Run | None


class PrefectApi:
    """Asks a Prefect server.

    Args:
        api_url: Ends in `/api`.

    Every method raises UnavailableError where the server cannot be reached or refuses.
    """

    def __init__(self, api_url: str) -> None:
        self.api_url = api_url.rstrip("/")
        login = os.environ.get("PREFECT_API_AUTH_STRING", "").partition(":")
        local = urlsplit(api_url).hostname in {"127.0.0.1", "localhost", "::1"}
        self._client = httpx.Client(
            timeout=TIMEOUT_S, auth=(login[0], login[2]) if login[1] else None, trust_env=not local
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def deployments(self) -> list[Deployment]:
        """Return our deployments with their last runs, by name."""
        flows = {each["id"]: each["name"] for each in self._ask("/flows/filter", {"limit": 200})}
        found = self._ask("/deployments/filter", {"limit": 200, "deployments": {"tags": {"all_": ["meter"]}}})
        deployments = [self._deployment(f"{flows.get(each['flow_id'])}/{each['name']}", each) for each in found]
        return sorted(deployments, key=lambda each: each.name)

    def automations(self) -> dict[str, bool]:
        """Return whether each of our automations is switched on, by name."""
        found = self._ask("/automations/filter", {"limit": 200})
        return {each["name"]: each["enabled"] for each in found if each["name"].startswith(AUTOMATION)}

    def incidents(self) -> dict[str, Mapping[str, Any]]:
        """Return the open incidents by flow and task: `cause`, `since`, `flow_run`, `failures`."""
        found = self._ask("/variables/filter", {"variables": {"name": {"like_": INCIDENT}}, "limit": 200})
        return {each["name"].removeprefix(INCIDENT): each["value"] for each in found}

    def running(self) -> list[Run]:
        """Return the flow runs whose code runs, whatever machine they are on."""
        wanted = {"state": {"type": {"any_": ["RUNNING"]}}}
        return [self._run(each) for each in self._ask("/flow_runs/filter", {"flow_runs": wanted, "limit": 200})]

    def crashed(self, flow_run_id: str, message: str) -> None:
        """Say that a flow run's process died."""
        state = {"type": "CRASHED", "message": message}
        self._ask(f"/flow_runs/{flow_run_id}/set_state", {"state": state, "force": True})

    def _deployment(self, name: str, said: Mapping[str, Any]) -> Deployment:
        of_it = {"deployments": {"id": {"any_": [said["id"]]}}}
        begun = {"start_time": {"is_null_": False}}
        runs = self._ask(
            "/flow_runs/filter", {**of_it, "flow_runs": begun, "sort": "START_TIME_DESC", "limit": RUNS_SHOWN}
        )
        good = {"state": {"type": {"any_": ["COMPLETED"]}}}
        completed = self._ask("/flow_runs/filter", {**of_it, "flow_runs": good, "sort": "END_TIME_DESC", "limit": 1})
        waiting = {"state": {"type": {"any_": ["SCHEDULED"]}}}
        ahead = self._ask(
            "/flow_runs/filter",
            {**of_it, "flow_runs": waiting, "sort": "NEXT_SCHEDULED_START_TIME_ASC", "limit": 1},
        )
        schedules = [each["schedule"] for each in said["schedules"]]
        return Deployment(
            name=name,
            schedule=", ".join(f"{each.get('cron')} {each.get('timezone')}" for each in schedules),
            paused=bool(said["paused"]) or bool(schedules and not any(each["active"] for each in said["schedules"])),
            version=said.get("version") or "",
            runs=[self._run(each) for each in runs],
            next_at=self._run(ahead[0]).expected_at if ahead else None,
            does=(said.get("description") or "").strip().partition("\n\n")[0].replace("\n", " ").replace("`", ""),
            completed=self._run(completed[0]) if completed else None,
        )

    def _run(self, said: Mapping[str, Any]) -> Run:
        state = said.get("state") or {}
        began = said.get("start_time")
        page = self.api_url.removesuffix("/api")
        return Run(
            id=said["id"],
            name=said["name"],
            state=said.get("state_name") or "Unknown",
            kind=said.get("state_type") or "UNKNOWN",
            message=state.get("message") or "",
            began_at=_instant(began) if began else None,
            state_at=_instant(state["timestamp"]) if state.get("timestamp") else None,
            expected_at=_instant(said.get("next_scheduled_start_time") or said["expected_start_time"]),
            seconds=float(said["estimated_run_time"]),
            tries=int(said["run_count"]),
            process=said.get("infrastructure_pid") or "",
            url=f"{page}/v2/runs/flow-run/{said['id']}",
        )

    def _ask(self, path: str, body: Mapping[str, Any]) -> Any:
        try:
            answer = self._client.post(self.api_url + path, json=body)
            answer.raise_for_status()
        except httpx.HTTPStatusError as error:
            raise UnavailableError(
                f"Prefect at {self.api_url} answers {error.response.status_code} to {path}; is PREFECT_API_URL right, "
                "and PREFECT_API_AUTH_STRING where it wants one?"
            ) from error
        except httpx.HTTPError as error:
            raise UnavailableError(
                f"Prefect at {self.api_url} does not answer ({type(error).__name__}); is it running?"
            ) from error
        return answer.json()


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))

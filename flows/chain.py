"""What leads from one run to the next: events that a run sends, and when a training is due.

`flows.automations` says what the server does with them. An event carries an id made of its run: sent again by a run
that was started again, it is the same event and leads to nothing twice.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowFilter, FlowFilterName, FlowRunFilter, FlowRunFilterState
from prefect.client.schemas.filters import FlowRunFilterStateType as StateTypes
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.events import Event, RelatedResource, Resource
from prefect.logging import get_logger
from prefect.runtime import flow_run
from prefect.types import DateTime

LOADED: Final = "meter.readings.loaded"
TRAINING_DUE: Final = "meter.training.due"
PROMOTED: Final = "meter.model.promoted"
APPROVAL_ASKED: Final = "meter.model.awaits_approval"

TRAINED_EVERY: Final = timedelta(days=7)
"""So long after the last training of a task began, readings that were loaded make the next one due."""

TASKS: Final = ("reading", "ahead")
LOOKED_BACK_AT: Final = 50
"""Runs of the training flow among which the last of each task is looked for."""

TRIED_AGAIN_AFTER: Final = timedelta(days=1)
"""So long after a training that failed, or found too little data, began, readings that were loaded make another due."""

TOO_LITTLE: Final = "Too little data: "
"""How the message of a run begins that found too little data."""

COUNTED: Final = (
    StateType.COMPLETED,
    StateType.RUNNING,
    StateType.PENDING,
    StateType.SCHEDULED,
    StateType.FAILED,
)
"""States of a training that needs no other one, for a time: done, under way, about to begin, failed."""


def send(event: str, subject: str, payload: Mapping[str, Any], run: str | None = None) -> None:
    """Send an event of a run to the server. A server that is away keeps no run from ending well.

    Args:
        event: Its name.
        subject: What it is about, such as a flow's or a task's name.
        payload: JSON values for the automations' templates.
        run: Id of the run; None: the present one.
    """
    run = run or str(flow_run.id)
    made = Event(
        id=uuid5(NAMESPACE_URL, f"{run}/{event}/{subject}"),
        occurred=DateTime.now("UTC"),
        event=event,
        resource=Resource({"prefect.resource.id": f"{event.rpartition('.')[0]}.{subject}"}),
        related=[
            RelatedResource({"prefect.resource.id": f"prefect.flow-run.{run}", "prefect.resource.role": "flow-run"})
        ],
        payload=dict(payload),
    )
    try:
        with get_client(sync_client=True) as client:
            client.request("POST", "/events", json=[made.model_dump(mode="json")])
    except Exception as error:  # noqa: BLE001 RUF100 - whatever keeps the server from taking it
        get_logger("flow_runs").warning("the event %s could not be sent: %s", event, error)


def readings_loaded(loaded: int, clock: datetime | None) -> None:
    """Say that an ingestion brought new values, and which trainings are due now.

    A run that is a step of another one says nothing: the other one goes on by itself. One that was started again
    speaks also where it found everything loaded: the run before it may have died between loading and speaking.

    Args:
        loaded: Values that are new or displaced others.
        clock: Moment that counts as now; None: the present.
    """
    if flow_run.parent_flow_run_id or not (loaded or flow_run.run_count > 1):
        return
    send(LOADED, "all", {"values": loaded})
    now = clock or datetime.now(UTC)
    with get_client(sync_client=True) as client:
        due = [task for task in TASKS if is_due(last_training(client, task), now)]
    for task in due:
        send(TRAINING_DUE, task, {"task": task, "clock": now.isoformat()})


def model_promoted(task: str, version: str) -> None:
    """Say that a task has a new champion, which has predicted nothing yet. A step of another run says nothing."""
    if not flow_run.parent_flow_run_id:
        send(PROMOTED, task, {"task": task, "version": version})


def approval_asked(task: str, version: str, why: str) -> None:
    """Say that a model passed the gate and waits for a person."""
    send(APPROVAL_ASKED, task, {"task": task, "version": version, "why": why})


def is_due(last: datetime | None, now: datetime) -> bool:
    """Say whether new readings make a training due.

    Args:
        last: When the last one began; None: never.
        now: The present.
    """
    return last is None or now - last >= TRAINED_EVERY


def last_training(client: SyncPrefectClient, task: str) -> datetime | None:
    """Return when the last training of a task began or is to begin, None where there was none.

    One that failed, or found too little data, counts for a day only, as one of six days before: a later delivery may
    bring what it lacked, but each delivery of a day starts none in vain.
    """
    runs = client.read_flow_runs(
        flow_filter=FlowFilter(name=FlowFilterName(any_=["train_model"])),
        flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=StateTypes(any_=list(COUNTED)))),
        sort=FlowRunSort.EXPECTED_START_TIME_DESC,
        limit=LOOKED_BACK_AT,
    )
    moments = [reckoned_from(run) for run in runs if run.parameters.get("task", "reading") == task and is_begun(run)]
    return max(moments, default=None)


def is_begun(run: FlowRun) -> bool:
    """Say whether a run is more than an entry of a schedule that lies ahead."""
    return not run.auto_scheduled or run.start_time is not None


def reckoned_from(run: FlowRun) -> datetime:
    """Return from when the next training is reckoned after this one."""
    state = run.state
    in_vain = state is not None and (state.is_failed() or (state.message or "").startswith(TOO_LITTLE))
    return moment_of(run) - (TRAINED_EVERY - TRIED_AGAIN_AFTER) if in_vain else moment_of(run)


def moment_of(run: FlowRun) -> datetime:
    """Return when a run took place: by the clock that it was given, else when it began or is to begin."""
    if given := run.parameters.get("clock"):
        return datetime.fromisoformat(str(given))
    return run.start_time or run.expected_start_time or datetime.now(UTC)

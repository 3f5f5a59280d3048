"""What the Prefect server does by itself: chains runs, ends and restarts dead ones, sends notices.

All of it runs in the server, so that it works, and people hear, also while every worker is away.
"""

import json
from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState, RunDeployment
from prefect.events.schemas.automations import Automation, AutomationCore, EventTrigger, Posture

from flows.chain import APPROVAL_ASKED, LOADED, PROMOTED, TASKS, TRAINING_DUE
from flows.outcome import REFUSED
from flows.restart_run import AFTER
from flows.server import EACH_RUN, RESTART, RUN, TAG, Server, automation, crash
from flows.telling import crashes_told, lateness_told, missing_told, told
from meter_core.embedded.prefect_api import AUTOMATION

DEAD_AFTER: Final = timedelta(minutes=2)
"""Four heartbeats of a run that did not come."""

NO_BLOCK: Final = UUID(int=0)
"""Stands for a block where only names are asked for."""

PAGE: Final = 200
"""The most automations that the server returns at once."""

OF_THE_RUN: Final[dict[str, Any]] = {"flow_run_id": {"__prefect_kind": "jinja", "template": "{{ flow_run.id }}"}}
"""Parameters of a run that looks at the one which an event is about."""

ENDED: Final = (
    "Completed",
    REFUSED,
    "Failed",
    "Crashed",
    "Cancelled",
    "Paused",
    "Suspended",
    "AwaitingRetry",
    "TimedOut",
)


def wanted(server: Server) -> list[AutomationCore]:
    """Return every automation that a server should have."""
    found = [*chained(server), restarted(server)]
    if server.blocks:
        found += [*told(server), *crashes_told(server), *lateness_told(server)]
    if server.watches:
        found.append(dead_ended(server))
    if server.watches and server.blocks:
        found.append(missing_told(server))
    return found


def chained(server: Server) -> list[AutomationCore]:
    """Readings lead to predictions and, where it is due, to training; a new champion to its predictions."""
    predict, train = server.deployments["predict_batch/when-new"], server.deployments["train_model/when-due"]
    task = {"task": "{{ event.payload.task }}"}
    clock = {"clock": "{{ event.payload.clock }}"}
    asked = {"version": "{{ event.payload.version }}", "why": "{{ event.payload.why }}"}
    return [
        automation(
            "readings lead to predictions",
            "An ingestion that loaded values starts the champions' predictions.",
            EventTrigger(expect={LOADED}),
            [RunDeployment(deployment_id=predict, parameters={"task": each}) for each in TASKS],
        ),
        automation(
            "readings lead to training",
            "An ingestion that loaded values starts a training whose last one began seven days ago.",
            EventTrigger(expect={TRAINING_DUE}),
            [RunDeployment(deployment_id=train, parameters={**task, **clock})],
        ),
        automation(
            "a model waits for approval",
            "A model that passed the gate waits for a person, where the policy says so, on the page of a run.",
            EventTrigger(expect={APPROVAL_ASKED}),
            [RunDeployment(deployment_id=server.deployments["approve_model/when-asked"], parameters={**task, **asked})],
        ),
        automation(
            "an approval lapses",
            "A run that waited for a person in vain, or was cancelled, is put on record.",
            EventTrigger(
                expect={f"{RUN}Failed", f"{RUN}Cancelled"},
                match_related=server.of(["approve_model/when-asked"]),
                for_each=EACH_RUN,
            ),
            [RunDeployment(deployment_id=server.deployments["lapse_approval/when-failed"], parameters=OF_THE_RUN)],
        ),
        automation(
            "a new champion predicts",
            "A promotion starts the predictions of the new champion.",
            EventTrigger(expect={PROMOTED}),
            [RunDeployment(deployment_id=predict, parameters=task)],
        ),
    ]


def restarted(server: Server) -> AutomationCore:
    """A run that crashed is started again, once: what its machine did not finish, another one does."""
    return automation(
        "start a crashed run again",
        "A run that crashed (its process, pod or machine died) is scheduled again after 45 s, once.",
        crash(server, count=1),
        [RunDeployment(deployment_id=server.deployments[RESTART], parameters=OF_THE_RUN, schedule_after=AFTER)],
    )


def dead_ended(server: Server) -> AutomationCore:
    """A run whose heartbeat stopped without an end died with its machine, where nobody was left to say so."""
    return automation(
        "end a dead run",
        "A run that has not been heard of for two minutes is marked as Crashed.",
        EventTrigger(
            after={f"{RUN}heartbeat"},
            expect={f"{RUN}heartbeat", *(RUN + name for name in ENDED)},
            match_related=server.all,
            for_each=EACH_RUN,
            posture=Posture.Proactive,
            threshold=1,
            within=DEAD_AFTER,
        ),
        [ChangeFlowRunState(state=StateType.CRASHED, message="It has not been heard of for two minutes.")],
    )


def known_names(server: Server) -> set[str]:
    """Return the names of all automations that any server of ours may have."""
    return {each.name for each in wanted(replace(server, watches=True, blocks=server.blocks or (NO_BLOCK,)))}


def install(client: SyncPrefectClient, automations: Iterable[AutomationCore], known_names: Collection[str]) -> None:
    """Make the server's automations these. One that somebody switched off stays off; what is no longer wanted goes.

    Args:
        client: Of the server.
        automations: What it should have.
        known_names: No other one is ever deleted: somebody made it, whatever its name begins with.
    """
    there = ours(client)
    for each in automations:
        known = there.pop(each.name, None)
        if known is None:
            client.create_automation(each)
        elif meaning(known) != meaning(each):
            # The client sends only what was set: said in full, defaults too.
            changed = AutomationCore.model_validate(
                each.model_dump(exclude={"owner_resource"}) | {"enabled": known.enabled}
            )
            client.update_automation(known.id, changed)
    for gone in there.values():
        if gone.name in known_names and TAG in gone.tags:
            client.delete_automation(gone.id)


def ours(client: SyncPrefectClient) -> dict[str, Automation]:
    """Return the server's automations that are ours, by name."""
    found: list[Automation] = []
    while page := client.read_automations(limit=PAGE, offset=len(found)):
        found += page
    return {each.name: each for each in found if each.name.startswith(AUTOMATION)}


def meaning(each: AutomationCore) -> str:
    """Return what an automation does, as text that is equal for equal ones."""
    shown = each.model_dump(mode="json", include={"name", "description", "trigger", "actions"})
    for name in ("after", "expect", "for_each"):
        shown["trigger"][name] = sorted(shown["trigger"][name])
    return json.dumps(shown, sort_keys=True)

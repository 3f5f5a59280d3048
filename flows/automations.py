"""What the Prefect server does by itself: chains runs, ends and restarts dead ones, sends notices.

All of it runs in the server, so that it works, and people hear, also while every worker is away.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ActionTypes, ChangeFlowRunState, RunDeployment, SendNotification
from prefect.events.schemas.automations import Automation, AutomationCore, EventTrigger, Posture

from flows import notices
from flows.address import page
from flows.chain import APPROVAL_ASKED, LOADED, PROMOTED, TASKS, TRAINING_DUE
from flows.outcome import REFUSED
from meter_core.embedded.prefect_api import AUTOMATION

PART: Final = "predict_shard/shard"
"""Its runs are started again, and told of, by the run they are a part of."""

RUN: Final = "prefect.flow-run."
EACH_RUN: Final = {"prefect.resource.id"}

DEAD_AFTER: Final = timedelta(minutes=2)
"""Four heartbeats of a run that did not come."""

REMEMBERED: Final = timedelta(days=1)
"""So long a run's restart, and what was said of it, is remembered: both happen once."""

LATE_AGAIN_AFTER: Final = timedelta(hours=6)
"""A worker that stays away is told again so often, however many runs wait for it."""

MISSING_AFTER: Final = timedelta(hours=26)
"""The nightly ingestion is missed two hours after it should have been over."""

TEXT: Final = "Flow: {flow}\nCause: {cause}\nRemedy: {remedy}\nLook: {link}"
TOLD: Final = TEXT.format(
    flow="{{ event.payload.flow }}",
    cause="{{ event.payload.cause }}",
    remedy="{{ event.payload.remedy }}",
    link="{{ event.payload.link }}",
)

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


@dataclass(frozen=True, slots=True)
class Server:
    """What the automations refer to.

    Attributes:
        deployments: Ids by `flow/deployment`.
        blocks: Ids of the notification blocks that tell people; none: nobody is told.
        watches: Whether the server can look for what does not happen: on PostgreSQL. On SQLite its database locks up.
    """

    deployments: Mapping[str, UUID]
    blocks: tuple[UUID, ...]
    watches: bool

    @property
    def all(self) -> dict[str, Any]:
        """What relates an event to a run of one of our deployments; steps within another run's process have none."""
        return self.of(self.deployments)

    @property
    def ours(self) -> dict[str, Any]:
        """The same without the runs that another run looks after."""
        return self.of(name for name in self.deployments if name != PART)

    def of(self, names: Iterable[str]) -> dict[str, Any]:
        """What relates an event to a run of one of these deployments."""
        ids = [f"prefect.deployment.{self.deployments[name]}" for name in names]
        return {"prefect.resource.role": "deployment", "prefect.resource.id": ids}

    def tells(self, subject: str, body: str) -> list[ActionTypes]:
        """Return the actions that send a notice through every block."""
        return [SendNotification(block_document_id=block, subject=subject, body=body) for block in self.blocks]


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
        "A run that crashed (its process, pod or machine died) is scheduled again, once.",
        crash(server, count=1),
        [
            ChangeFlowRunState(
                state=StateType.SCHEDULED,
                name="AwaitingRetry",
                message="Its process or machine died; it is started again, once.",
                force=True,
            )
        ],
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


def told(server: Server) -> list[AutomationCore]:
    """What runs say goes to people as it is: each was said once."""
    return [
        automation(
            "tell people",
            "Failures, recoveries, stopped deliveries, promotions and refusals, each once.",
            EventTrigger(expect={notices.OPENED, notices.CLOSED, notices.NEWS}),
            server.tells("{{ event.payload.subject }}", TOLD),
        )
    ]


def crashes_told(server: Server) -> list[AutomationCore]:
    """A crash, its end, and the second crash that is not made good: the run itself can say nothing of them."""

    def notice(what: str, cause: str, remedy: str) -> list[ActionTypes]:
        return server.tells(f"meter: {{{{ flow.name }}}} {what}", TEXT.format(cause=cause, remedy=remedy, **of_a_run()))

    cause = "{{ flow_run.state.message }}"
    look = "See whether memory, disk and node are sound, then start it again on its page."
    again = EventTrigger(
        after={f"{RUN}Crashed"},
        expect={f"{RUN}Completed", RUN + REFUSED},
        match_related=server.ours,
        for_each=EACH_RUN,
        within=REMEMBERED,
    )
    return [
        automation(
            "tell of a crash",
            "Once a run.",
            crash(server, count=1),
            notice("crashed", cause, "Nothing yet: it is started again, once."),
        ),
        automation(
            "tell of a second crash",
            "A run that crashed again is not started any more.",
            crash(server, count=2),
            notice("crashed again and was given up", cause, look),
        ),
        automation(
            "tell that a crash was made good",
            "The second try completed.",
            again,
            notice(
                "works again", "The run that had crashed was started again and completed.", "Nothing is to be done."
            ),
        ),
    ]


def lateness_told(server: Server) -> list[AutomationCore]:
    """A run that nobody picks up, and its beginning after all."""
    late = f"{RUN}Late"
    waits = TEXT.format(
        cause="The run {{ flow_run.name }} is late: no worker picked it up.",
        remedy="See that a worker of its work pool runs: `meter up` on one machine, the part worker in a cluster.",
        **of_a_run(),
    )
    begins = TEXT.format(cause="A worker picks runs up again.", remedy="Nothing is to be done.", **of_a_run())
    return [
        automation(
            "tell of a late run",
            "The first one, and again every six hours while runs stay late.",
            EventTrigger(expect={late}, match_related=server.ours, within=LATE_AGAIN_AFTER),
            server.tells("meter: {{ flow.name }} is late", waits),
        ),
        automation(
            "tell that late runs begin",
            "The first run that begins after one was late.",
            EventTrigger(after={late}, expect={f"{RUN}Running"}, match_related=server.ours, within=REMEMBERED),
            server.tells("meter: runs begin again", begins),
        ),
    ]


def missing_told(server: Server) -> AutomationCore:
    """The nightly ingestion that was not there at all: a schedule that somebody paused, say."""
    body = TEXT.format(
        flow="ingest_readings (daily)",
        cause="No nightly ingestion has completed for 26 hours.",
        remedy="See that its schedule is active, and why its last runs did not complete.",
        link="the deployment ingest_readings/daily in Prefect",
    )
    return automation(
        "tell of a missing ingestion",
        "No nightly ingestion completed for 26 hours.",
        EventTrigger(
            expect={f"{RUN}Completed"},
            match_related=server.of(["ingest_readings/daily"]),
            posture=Posture.Proactive,
            threshold=1,
            within=MISSING_AFTER,
        ),
        server.tells("meter: the nightly ingestion is missing", body),
    )


def of_a_run() -> dict[str, str]:
    """Return how the server's own notices name the run that an event is about, and where it is looked at."""
    return {"flow": "{{ flow.name }} ({{ deployment.name }})", "link": page("{{ flow_run.id }}")}


def crash(server: Server, count: int) -> EventTrigger:
    """Return the trigger that fires when a run crashed so many times within a day, once a run."""
    return EventTrigger(
        expect={f"{RUN}Crashed"}, match_related=server.ours, for_each=EACH_RUN, threshold=count, within=REMEMBERED
    )


def automation(name: str, description: str, trigger: EventTrigger, actions: list[ActionTypes]) -> AutomationCore:
    """Return an automation of ours."""
    return AutomationCore(
        name=AUTOMATION + name, description=description, trigger=trigger, actions=actions, tags=["meter"]
    )


def install(client: SyncPrefectClient, automations: Iterable[AutomationCore]) -> None:
    """Make the server's automations these. One that somebody switched off stays off; what is no longer wanted goes."""
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
        client.delete_automation(gone.id)


def ours(client: SyncPrefectClient) -> dict[str, Automation]:
    """Return the server's automations that are ours, by name."""
    return {each.name: each for each in client.read_automations(limit=200) if each.name.startswith(AUTOMATION)}


def meaning(each: AutomationCore) -> str:
    """Return what an automation does, as text that is equal for equal ones."""
    shown = each.model_dump(mode="json", include={"name", "description", "trigger", "actions"})
    for name in ("after", "expect", "for_each"):
        shown["trigger"][name] = sorted(shown["trigger"][name])
    return json.dumps(shown, sort_keys=True)

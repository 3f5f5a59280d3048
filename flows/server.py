"""What an automation of ours is made of: the server's things it refers to, and the events of our runs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from prefect.events.actions import ActionTypes, SendNotification
from prefect.events.schemas.automations import AutomationCore, EventTrigger

from meter_core.embedded.prefect_api import AUTOMATION

PART: Final = "predict_shard/shard"
"""Its runs are started again, and told of, by the run they are a part of."""

RESTART: Final = "restart_run/when-crashed"
"""What starts runs again is not started again itself."""

RUN: Final = "prefect.flow-run."
TAG: Final = "meter"
"""Of everything ours on a server."""

EACH_RUN: Final = {"prefect.resource.id"}

REMEMBERED: Final = timedelta(days=1)
"""So long a run's restart, and what was said of it, is remembered: both happen once."""


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
        return self.of(name for name in self.deployments if name not in (PART, RESTART))

    def of(self, names: Iterable[str]) -> dict[str, Any]:
        """What relates an event to a run of one of these deployments."""
        ids = [f"prefect.deployment.{self.deployments[name]}" for name in names]
        return {"prefect.resource.role": "deployment", "prefect.resource.id": ids}

    def tells(self, subject: str, body: str) -> list[ActionTypes]:
        """Return the actions that send a notice through every block."""
        return [SendNotification(block_document_id=block, subject=subject, body=body) for block in self.blocks]


def crash(server: Server, count: int) -> EventTrigger:
    """Return the trigger that fires when a run crashed so many times within a day, once a run."""
    return EventTrigger(
        expect={f"{RUN}Crashed"}, match_related=server.ours, for_each=EACH_RUN, threshold=count, within=REMEMBERED
    )


def automation(name: str, description: str, trigger: EventTrigger, actions: list[ActionTypes]) -> AutomationCore:
    """Return an automation of ours."""
    return AutomationCore(name=AUTOMATION + name, description=description, trigger=trigger, actions=actions, tags=[TAG])

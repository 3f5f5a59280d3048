"""Automations that tell people, through the server's notification blocks."""

from datetime import timedelta
from typing import Final

from prefect.events.actions import ActionTypes
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture

from flows import notices
from flows.address import page
from flows.outcome import REFUSED
from flows.server import EACH_RUN, REMEMBERED, RUN, Server, automation, crash

LATE_AGAIN_AFTER: Final = timedelta(hours=6)
"""A worker that stays away is told again so often, however many runs wait for it."""

MISSING_AFTER: Final = timedelta(hours=50)
"""The nightly ingestion is missed two hours after the second one should have been over: one that stopped a single file
is Failed, though it loaded the others."""

TEXT: Final = "Flow: {flow}\nCause: {cause}\nRemedy: {remedy}\nLook: {link}"
TOLD: Final = TEXT.format(
    flow="{{ event.payload.flow }}",
    cause="{{ event.payload.cause }}",
    remedy="{{ event.payload.remedy }}",
    link="{{ event.payload.link }}",
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
        cause="No nightly ingestion has completed for 50 hours.",
        remedy="See that its schedule is active, and why its last runs did not complete.",
        link="the deployment ingest_readings/daily in Prefect",
    )
    return automation(
        "tell of a missing ingestion",
        "No nightly ingestion completed for 50 hours.",
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

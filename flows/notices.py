"""Telling people: once when something stops a flow, once when it works again, and what is news in itself.

An incident is a Prefect variable, made when it begins and deleted when it ends: however many runs meet the same cause,
and whichever of them is first, people read of it twice. Runs send events; the server renders and sends the notices
through its notification blocks (`flows.automations`), so that no run knows an address or a password.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import wraps
from typing import Any, Final, ParamSpec

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import VariableCreate, VariableUpdate
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from prefect.logging import get_run_logger
from prefect.runtime import flow_run

from flows.address import page
from flows.chain import send
from meter_core.contracts.errors import MeterError, RefusedError, UnavailableError, UsageError
from meter_core.embedded.prefect_api import INCIDENT

P = ParamSpec("P")

OPENED: Final = "meter.notice.opened"
CLOSED: Final = "meter.notice.closed"
FAILED: Final = "failed"
NEWS: Final = "meter.notice.news"

CHANGING: Final = re.compile(r"(?:\w+:/)?(?:/[^\s/:;,'\"]+)+/?|\d[\d.,:]*")
"""Paths, addresses and numbers in an error's words."""

REMEDIES: Final = {
    UnavailableError: "It was tried for some minutes. Bring back what is away (`meter status` says what): the next run "
    "of the schedule makes it good, or start one on the page of the deployment.",
    RefusedError: "Nothing was changed. Do what the cause says, then run it again.",
    UsageError: "Correct the parameters on the page of the deployment, then run it again.",
    Exception: "This is a bug or a full disk: the traceback stands in the log of the run.",
}


@dataclass(frozen=True, slots=True)
class Subject:
    """What an incident is about.

    Attributes:
        flow: Name of the flow.
        task: `reading` or `ahead`; empty for flows that have none.
    """

    flow: str
    task: str

    @classmethod
    def present(cls) -> "Subject":
        """The present run's."""
        return cls(str(flow_run.flow_name), str(flow_run.parameters.get("task") or ""))

    @property
    def words(self) -> str:
        """As people read it."""
        return f"{self.flow} ({self.task})" if self.task else self.flow

    @property
    def key(self) -> str:
        """As it is part of names."""
        return f"{self.flow}_{self.task}" if self.task else self.flow


def quietly(tell: Callable[P, None]) -> Callable[P, None]:
    """Let what cannot be told be a warning in the log: no run fails for want of a notice."""

    @wraps(tell)
    def told(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            tell(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 RUF100 - whatever keeps the server from taking it
            get_run_logger().warning("no notice could be given: %s", error)

    return told


@quietly
def failed(error: Exception, what: str = FAILED, remedy: str = "") -> None:
    """Open an incident for what stopped the present run, unless it is open already.

    Args:
        error: What stopped it.
        what: A few words that follow the flow's name; others than that it failed are the incident's cause, too.
        remedy: What to do; empty: what there is to do about errors of its kind.
    """
    subject = Subject.present()
    cause = cause_of(error) if what == FAILED else what
    told = {"cause": cause, "since": now(), "flow_run": str(flow_run.id), "failures": 1}
    with get_client(sync_client=True) as client:
        known = remember(client, subject, told)
        if known is not None and known["cause"] == told["cause"]:
            update(client, subject, {**known, "failures": known["failures"] + 1})
            return
        if known is not None:
            update(client, subject, told)
        send(OPENED, subject.key, text(f"{subject.words} {what}", subject, said(error), remedy or remedy_of(error)))


@quietly
def worked(subject: Subject | None = None, cause: str = "") -> None:
    """Close the incident of a subject, the present run's unless given, where one is open, and say so.

    Args:
        subject: What works again.
        cause: The only one that is made good; empty: whatever it is.
    """
    with get_client(sync_client=True) as client:
        close(client, subject or Subject.present(), cause)


def close(client: SyncPrefectClient, subject: Subject, cause: str = "") -> bool:
    """Close the incident of a subject and say so; say whether one of this cause was open. Outside of runs, too."""
    known = client.read_variable_by_name(name_of(subject))
    about = dict(known.value) if known is not None and isinstance(known.value, dict) else {}
    if known is None or (cause and about.get("cause") != cause) or not forget(client, subject):
        return False
    run = str(flow_run.id or about.get("flow_run"))
    runs = f"{about.get('failures', 1)} runs had failed since {about.get('since', 'then')}"
    send(CLOSED, subject.key, text(f"{subject.words} works again", subject, runs, "Nothing is to be done.", run), run)
    return True


def news(what: str, cause: str, remedy: str, of: str = "") -> None:
    """Say what happened in the present run and is no incident: a promotion, a refusal, a stopped delivery.

    Args:
        what: A few words that follow the flow's name.
        cause: In one sentence.
        remedy: What to do, or that nothing is.
        of: Keeps two pieces of news of one run apart.
    """
    subject = Subject.present()
    send(NEWS, subject.key + of, text(f"{subject.words}: {what}", subject, cause, remedy))


def text(title: str, subject: Subject, cause: str, remedy: str, run: str | None = None) -> dict[str, Any]:
    """Return a notice as the payload of its event; it links the run, None: the present one."""
    about = {"flow": subject.words, "cause": cause, "remedy": remedy, "link": page(run or flow_run.id)}
    return {"subject": f"meter: {title}", **about}


def said(error: Exception) -> str:
    """Return an error in words; of one that is not ours its kind only, since its text may be a meter or a value."""
    return str(error) if isinstance(error, MeterError) else f"{type(error).__name__}, see the log of the run"


def cause_of(error: Exception) -> str:
    """Return what makes two errors the same incident.

    What is away may be told in changing words; counts, moments and paths change from run to run.
    """
    if isinstance(error, UnavailableError):
        return "unavailable"
    return CHANGING.sub("...", said(error))[:1_000]


def remedy_of(error: Exception) -> str:
    """Return what to do about a kind of error."""
    return next(words for kind, words in REMEDIES.items() if isinstance(error, kind))


def now() -> str:
    """Return the present, as people read it."""
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"


def name_of(subject: Subject) -> str:
    """Return the name of an incident's variable."""
    return f"{INCIDENT}{subject.key}".lower().replace("-", "_")


def remember(client: SyncPrefectClient, subject: Subject, told: Mapping[str, Any]) -> dict[str, Any] | None:
    """Keep an incident; return the one that is open already, None where this is the first."""
    try:
        client.create_variable(VariableCreate(name=name_of(subject), value=dict(told), tags=["meter"]))
    except ObjectAlreadyExists:
        known = client.read_variable_by_name(name_of(subject))
        return dict(known.value) if known is not None and isinstance(known.value, dict) else None
    return None


def update(client: SyncPrefectClient, subject: Subject, told: Mapping[str, Any]) -> None:
    """Change what is known of an incident."""
    client.update_variable(VariableUpdate(name=name_of(subject), value=dict(told)))


def forget(client: SyncPrefectClient, subject: Subject) -> bool:
    """End an incident; say whether it was this run that ended it."""
    try:
        client.delete_variable_by_name(name_of(subject))
    except ObjectNotFound:
        return False
    return True

"""What the gate decided of a model, at once or after MLflow was away: told to people, and what follows from it."""

from collections.abc import Sequence
from typing import Any, Final

from prefect.logging import get_run_logger

from flows import notices
from flows.chain import approval_asked, model_promoted
from flows.outcome import Result, teller
from meter_core.contracts.errors import MeterError
from meter_core.contracts.models import REGISTERED_MODELS
from meter_core.embedded.needs import Need
from meter_core.embedded.prefect_api import WAITS_FOR_MLFLOW
from meter_core.embedded.services import services
from meter_core.registry.undelivered import Undelivered
from meter_core.settings import Settings

REFUSED_REMEDY: Final = (
    "The standing champion stays. `meter models` lists the version as challenger; `meter promote V --why ...` "
    "overrules the gate, on record."
)
APPROVAL_REMEDY: Final = (
    "Somebody decides within a week: on the page of the run `approve_model` that waits in Prefect (Resume, in the menu "
    "at its top right), or with `meter promote V --why ...`."
)
PROMOTED_REMEDY: Final = "The service takes it over by itself. `meter rollback --why ...` goes back."

TOLD: Final = {
    "refused": ("a model was refused", REFUSED_REMEDY),
    "awaits_approval": ("a model waits for approval", APPROVAL_REMEDY),
    "promoted": ("a model was promoted", PROMOTED_REMEDY),
}
"""Decisions that are news: in words, and what there is to do."""


def tell_of(task: str, decision: str, about: Result) -> None:
    """Tell people what was decided of a version, and start what follows from it.

    Args:
        task: `reading` or `ahead`.
        decision: A key of `TOLD`; any other one is no news.
        about: With `model`, `version` and `why`.
    """
    if decision not in TOLD:
        return
    what, remedy = TOLD[decision]
    version = about["version"]
    notices.news(what, f"version {version} of {about['model']}: {about['why']}", remedy, of=f".{task}.{version}")
    if decision == "awaits_approval":
        approval_asked(task, version, about["why"])
    if decision == "promoted":
        model_promoted(task, version)


def deliver_waiting() -> None:
    """Hand MLflow what trainings left behind while it was away, and tell of each decision.

    What cannot be delivered waits on, and keeps no run from its own work.
    """
    try:
        delivered = delivered_now() if Undelivered(Settings().files_root).names() else []
    except (MeterError, OSError) as error:
        get_run_logger().warning("trained models still wait for MLflow: %s", error)
        return
    for each in delivered:
        task = next(task for task, model in REGISTERED_MODELS.items() if model == each["model"])
        decided = "promoted" if each["promoted"] else "awaits_approval" if each["waiting"] else "refused"
        tell_of(task, decided, each)
        notices.worked(notices.Subject("train_model", task), WAITS_FOR_MLFLOW)


def delivered_now() -> Sequence[dict[str, Any]]:
    """Call the job; once, since the next run tries again."""
    from meter_core.jobs.models import sync
    from meter_core.registry.delivery import Retries

    settings, tell = Settings(), teller()
    with services(settings, {Need.POSTGRES, Need.MLFLOW}, progress=tell) as connections:
        done = sync(settings, connections, tell, who="meter train", retries=Retries(tries=1))
    for finding in done.findings:
        get_run_logger().warning("%s: %s", finding.where, finding.message)
    return [each.as_dict() for each in done.delivered]

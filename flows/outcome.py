"""How a job ended: as the state of its flow run, and as JSON for whoever waits for it."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from prefect.artifacts import Artifact
from prefect.logging import get_run_logger
from prefect.states import Completed, Failed, State

from meter_core.contracts.errors import MeterError

REFUSED: Final = "Refused"
"""Name of the completed state of a training run whose model was refused."""

RESULT_TYPE: Final = "json"
RESULT_KEY_END: Final = "-result"

Result = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a flow run leaves behind, as an artifact of the type `json`.

    Attributes:
        job: `ingest`, `train` or `predict`.
        exit_status: What the command line would exit with.
        result: The keys that the command line's `--json` prints; None where the job ended in an error.
        message: One sentence for a person.
    """

    job: str
    exit_status: int
    result: Result | None
    message: str

    def publish(self) -> None:
        """Attach it to the present flow run. `flows.run` reads it from there, on any machine."""
        Artifact(
            type=RESULT_TYPE,
            key=self.job + RESULT_KEY_END,
            description=f"What `meter {self.job} --json` prints. {self.message}",
            data=asdict(self),
        ).create()


def conclude(job: str, run: Callable[[], Result], report: Callable[[Result], State[Any]]) -> State[Any]:
    """Run a job, publish how it ended, and return the flow run's final state.

    Args:
        job: `ingest`, `train` or `predict`.
        run: Calls the job; returns its JSON keys.
        report: Publishes what a person reads about the result, and returns the state that follows from it.

    Returns:
        What `report` returned; for an error of ours a failed state that says the error's sentence (and no traceback,
        since it names thing, value and remedy). Any other exception passes: a bug, whose traceback belongs in the log.
    """
    try:
        result = run()
    except MeterError as error:
        get_run_logger().error("%s", error)
        Outcome(job, error.exit_status, None, str(error)).publish()
        return Failed(message=str(error))
    state = report(result)
    refused = state.is_failed() or state.name == REFUSED
    Outcome(job, int(refused), result, state.message or "").publish()
    return state


def done(message: str, result: Result) -> State[Any]:
    """Return the state of a job that did what it was asked."""
    return Completed(message=message, data=dict(result))


def refused(why: str, result: Result) -> State[Any]:
    """Return the state of a training whose model was refused: the run did its work, so it completed."""
    return Completed(name=REFUSED, message=why, data=dict(result))


def stopped(why: str) -> State[Any]:
    """Return the state of an ingestion that a check stopped: somebody has to look at the delivery, so it failed."""
    return Failed(message=why)


def log(text: str, share: float | None = None) -> None:
    """Tell a job's progress to the log of the present run."""
    get_run_logger().info("%s%s", text, "" if share is None else f" ({share:.0%})")

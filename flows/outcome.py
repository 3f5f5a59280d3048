"""How a job ended: as the state of its flow run, and as JSON for whoever waits for it."""

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from prefect.artifacts import create_markdown_artifact
from prefect.logging import get_run_logger
from prefect.states import Completed, Failed, State

from flows import notices
from flows.chain import TOO_LITTLE
from meter_core.contracts.errors import MeterError, NoChampionError, RefusedError, TooLittleDataError, UnavailableError

REFUSED: Final = "Refused"
"""Name of the completed state of a run that had nothing to give: its model was refused, there was too little data to
learn from, or no champion to predict with."""

RUN_LOGGER: Final = "prefect.flow_runs"

RESULT_KEY_END: Final = "-result"
FENCE: Final = ("```json\n", "\n```")

Result = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a flow run leaves behind for programs: an artifact that the server keeps, wherever the run was.

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
        """Attach it to the present flow run, as markdown that shows the JSON."""
        said = f"What `meter {self.job} --json` prints, for programs. {self.message}"
        create_markdown_artifact(FENCE[0] + self.text() + FENCE[1], key=self.job + RESULT_KEY_END, description=said)

    def text(self) -> str:
        """Return it as JSON; a figure that is not defined is null."""
        finite = json.loads(json.dumps(asdict(self), default=str), parse_constant=lambda _: None)
        return json.dumps(finite, indent=2)


def outcome_of(markdown: str) -> Outcome:
    """Return the outcome that `publish` attached."""
    return Outcome(**json.loads(markdown.removeprefix(FENCE[0]).removesuffix(FENCE[1])))


def conclude(
    job: str,
    run: Callable[[], Result],
    report: Callable[[Result], State[Any]],
    tells: bool = True,
    went: Callable[[Result], None] = lambda _: notices.worked(),
    remedy: str = "",
) -> State[Any]:
    """Run a job, publish how it ended, and return the flow run's final state.

    Args:
        job: `ingest`, `train` or `predict`.
        run: Calls the job; returns its JSON keys.
        report: Publishes what a person reads about the result, and returns the state that follows from it.
        tells: Whether people are told of a failure; not of a part's, whose whole tells them.
        went: Tells people how it went: that it works again, unless given.
        remedy: What to do where something was away; empty: wait for the next run of the schedule.

    Returns:
        What `report` returned. Where there is no champion yet, or too little data to learn from, a run has nothing to
        do, which is no failure: it completes under the name Refused. For an error of ours a failed state that says the
        error's sentence (and no traceback, since it names thing, value and remedy). Any other exception passes: a bug,
        whose traceback belongs in the log.
    """
    try:
        result = run()
    except NoChampionError as error:
        Outcome(job, error.exit_status, None, str(error)).publish()
        return refused(str(error))
    except TooLittleDataError as error:
        Outcome(job, error.exit_status, None, str(error)).publish()
        return refused(TOO_LITTLE + str(error))
    except MeterError as error:
        get_run_logger().error("%s", error)
        Outcome(job, error.exit_status, None, str(error)).publish()
        if tells:
            notices.failed(error, remedy=remedy if isinstance(error, UnavailableError) else "")
        return failed(error)
    except Exception as error:
        if tells:
            notices.failed(error)
        raise
    state = report(result)
    if tells:
        went(result)
    said_no = state.is_failed() or state.name == REFUSED
    Outcome(job, RefusedError.exit_status if said_no else 0, result, state.message or "").publish()
    return state


def done(message: str) -> State[Any]:
    """Return the state of a run that did what it was asked."""
    return Completed(message=message)


def refused(why: str) -> State[Any]:
    """Return the state of a run whose model was refused, or that had none: it did its work, so it completed."""
    return Completed(name=REFUSED, message=why)


def failed(why: MeterError) -> State[Any]:
    """Return the state of a run that somebody has to look at: a stopped delivery, a service that is away."""
    logging.getLogger(RUN_LOGGER).addFilter(is_news)
    return Failed(message=str(why), data=why)


def is_news(line: logging.LogRecord) -> bool:
    """Say whether a line belongs in a run's log: not the traceback of our own error, raised once more by Prefect."""
    return not (line.exc_info and isinstance(line.exc_info[1], MeterError))


def is_refusal(state: State[Any]) -> bool:
    """Say whether a check or gate failed a run, and not something that was away."""
    return state.is_failed() and isinstance(state.result(raise_on_failure=False), RefusedError)


def teller() -> Callable[..., None]:
    """Return what tells a job's progress to the log of the present run, from whatever thread the job tells it."""
    logger = get_run_logger()

    def tell(text: str, share: float | None = None) -> None:
        logger.info("%s%s", text, "" if share is None else f" ({share:.0%})")

    return tell

"""Flow: better settings for boosted trees, within a budget, on demand."""

from functools import partial
from typing import Any, Literal

from prefect import flow
from prefect.artifacts import create_table_artifact
from prefect.states import State

from flows.outcome import Result, conclude, done, teller
from flows.page import SHOWN
from flows.retry import TIMEOUT_SECONDS, retried
from meter_core.embedded.needs import Need
from meter_core.embedded.services import services
from meter_core.settings import Settings


@flow(name="tune_model", flow_run_name="tune {task}", timeout_seconds=TIMEOUT_SECONDS, **SHOWN)
def tune_model(task: Literal["reading", "ahead"] = "reading", trials: int = 30, seconds: float = 3600.0) -> State[Any]:
    """Try settings on weeks before the hold-out; the same readings go on where the last run stopped.

    Args:
        task: What to predict: reading is the energy of an interval from the reading at its start; ahead that of each
            meter's coming hours from its history.
        trials: At most so many in this run.
        seconds: At most about so long.
    """
    return conclude("tune", partial(try_settings, task, trials, seconds), report)


@retried("tune")
def try_settings(task: str, trials: int, seconds: float) -> Result:
    """Call the job."""
    from meter_core.jobs.tune import tune

    settings, tell = Settings(), teller()
    with services(settings, {Need.POSTGRES, Need.MLFLOW}, progress=tell) as connections:
        return tune(task, settings, connections, trials=trials, seconds=seconds, progress=tell).as_dict()


def report(result: Result) -> State[Any]:
    """Publish the best settings."""
    rows = [{"setting": name, "value": str(value)} for name, value in result["settings"].items()]
    said = f"{result['score']} {result['value']:.4f} kWh, {result['better_by']:.2%} better than the present settings"
    create_table_artifact(rows, key="tune-settings", description=said)
    return done(f"{said}; {result['trials']} trials.")

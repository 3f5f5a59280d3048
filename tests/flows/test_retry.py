"""Retries: only where something was away, later and later, and not for ever."""

import pytest
from prefect import flow

from flows.ingest_readings import ingest_files, ingest_inbox
from flows.predict_batch import predict_rows
from flows.retry import retried
from flows.train_model import train_candidates
from meter_core.contracts.errors import MeterError, RefusedError, UnavailableError, UsageError

SOON = [0.01, 0.02, 0.04, 0.08, 0.16]


@pytest.mark.parametrize("task", [ingest_files, ingest_inbox, train_candidates, predict_rows])
def test_delays_double_from_five_seconds_with_jitter(task):
    assert (task.retries, task.retry_delay_seconds, task.retry_jitter_factor) == (5, [5, 10, 20, 40, 80], 0.5)


@pytest.mark.parametrize(
    ("error", "calls"), [(UnavailableError, 6), (RefusedError, 1), (UsageError, 1), (ZeroDivisionError, 1)]
)
def test_only_what_was_away_is_tried_again(api, error, calls):
    made = []

    @retried("fail")
    def fail() -> None:
        made.append(1)
        raise error("no")

    @flow
    def failing() -> None:
        fail.with_options(retry_delay_seconds=SOON)()

    with pytest.raises(error):
        failing()
    assert len(made) == calls


def test_a_database_that_comes_back_lets_the_run_complete(api):
    made = []

    @retried("come back")
    def come_back() -> str:
        made.append(1)
        if len(made) < 3:
            raise UnavailableError("PostgreSQL does not answer")
        return "loaded"

    @flow
    def waiting() -> str:
        return come_back.with_options(retry_delay_seconds=SOON)()

    assert waiting() == "loaded"


def test_all_our_errors_but_one_are_final():
    assert {each for each in MeterError.__subclasses__() if issubclass(UnavailableError, each)} == {UnavailableError}

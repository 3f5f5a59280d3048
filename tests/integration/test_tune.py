"""Tuning against a real PostgreSQL and a real MLflow: budget, best, and where it goes on."""

from dataclasses import replace
from datetime import UTC, datetime

import psycopg
import pytest

from meter_core.contracts.errors import RefusedError, UsageError
from meter_core.evaluation import tuning
from meter_core.evaluation.tuning import Between
from meter_core.jobs import tune as job
from meter_core.models.candidates import recipes
from tests.integration.model_world import load, new_world

SINCE, UNTIL = datetime(2009, 6, 1, tzinfo=UTC), datetime(2009, 12, 1, tzinfo=UTC)
FEW = {"max_iter": Between(2, 12), "learning_rate": Between(0.1, 0.5)}


@pytest.fixture(scope="module")
def world(postgres, tmp_path_factory):
    """Trees so few that a fit takes no time: what is tested is not how accurate they are."""
    made = new_world(postgres, tmp_path_factory.mktemp("tune"), "test_tune")
    load(made.store)
    boosting = recipes()["boosting"]
    poor = replace(boosting, features="snapshot", settings={**boosting.settings, "max_iter": 2, "learning_rate": 0.1})
    with pytest.MonkeyPatch.context() as patch:
        for module in (tuning, job):
            patch.setattr(module, "SPACE", FEW)
        patch.setattr(job, "recipes", lambda *_: {"boosting": poor})
        yield made


def test_it_finds_better_settings_and_goes_on_where_it_stopped(world):
    first = job.tune("reading", world.settings, world.connections, trials=3, since=SINCE, until=UNTIL)
    assert (first.trials, first.new_trials) == (3, 3)
    assert first.value < first.present, "two trees are easy to beat"
    assert first.settings["max_iter"] > 2
    assert first.settings["min_samples_leaf"] == 60
    assert first.folds[-1]["until"] == "2009-11-03T00:00:00Z"
    again = job.tune("reading", world.settings, world.connections, trials=1, since=SINCE, until=UNTIL)
    assert (again.study, again.trials, again.new_trials) == (first.study, 4, 1)
    assert again.value <= first.value
    assert again.present == first.present
    other = job.tune(
        "reading", world.settings, world.away, trials=1, since=SINCE, until=datetime(2009, 11, 1, tzinfo=UTC)
    )
    assert other.study != first.study
    assert (other.trials, other.run_id) == (1, None), "without MLflow it goes on"
    runs = world.client.search_runs(
        [world.client.get_experiment_by_name("meter_units_regression_tuning").experiment_id],
        f"tags.mlflow.parentRunId = '{first.run_id}'",
    )
    assert len(runs) == 3
    assert min(run.data.metrics["score"] for run in runs if "score" in run.data.metrics) == pytest.approx(first.value)


def test_its_tables_do_not_mix_with_ours(world):
    with psycopg.connect(world.settings.database_url.get_secret_value()) as connection:
        rows = connection.execute("SELECT table_schema FROM information_schema.tables WHERE table_name = 'trials'")
        assert [schema for (schema,) in rows] == ["tuning"]
    assert world.store.has_schema()


def test_a_budget_that_is_none_is_said(world):
    with pytest.raises(UsageError, match="a budget of 0 trials"):
        job.tune("reading", world.settings, world.connections, trials=0)
    with pytest.raises(RefusedError, match="before the present settings were scored; give more seconds"):
        job.tune(
            "reading", world.settings, world.connections, seconds=0.001, since=SINCE, until=UNTIL - (UNTIL - SINCE) / 9
        )

"""A person's decision about a version, on record whichever way it goes."""

import pytest

from meter_core.contracts.errors import UsageError
from meter_core.jobs.approval import decided
from meter_core.jobs.models import list_models, promote
from meter_core.registry.delivery import deliver
from tests.integration.model_world import MODEL, QUICK, new_world
from tests.integration.run_folders import fill, fitted_model


@pytest.fixture(scope="module")
def world(postgres, tmp_path_factory):
    """A registry with two versions, the first champion."""
    folder = tmp_path_factory.mktemp("approval")
    made = new_world(postgres, folder / "home", "test_approval")
    fitted = fitted_model(folder / "model")
    for number in (1, 2):
        run = folder / f"run-{number}"
        run.mkdir()
        deliver(fill(run, fitted, model=MODEL, note=f"number {number}"), made.connections.mlflow_tracking_uri, QUICK)
    promote("1", "anna", "the first", made.settings, made.connections)
    return made


def decide(world, version, approve):
    return decided(version, "reading", approve, "bert", "seen the card", world.settings, world.connections)


def records(world):
    return [(each["model_version"], each["action"], each["who"], each["why"]) for each in world.store.promotions(MODEL)]


def test_who_declines_is_on_record_once_and_the_champion_stays(world):
    for _ in range(2):
        assert decide(world, "2", approve=False)["decision"] == "declined"
    assert records(world) == [("2", "refused", "bert", "seen the card"), ("1", "promoted", "anna", "the first")]
    assert list_models(world.settings, world.connections).champion == "1"


def test_who_approves_is_on_record_once_and_it_is_champion(world):
    assert decide(world, "2", approve=True)["decision"] == "promoted"
    assert decide(world, "2", approve=True)["decision"] == "already champion"
    assert records(world)[0] == ("2", "promoted", "bert", "seen the card")
    assert [each[1] for each in records(world)].count("promoted") == 2
    assert list_models(world.settings, world.connections).champion == "2"


def test_a_version_that_is_not_there_is_wrong_use(world):
    with pytest.raises(UsageError, match="has no version 9"):
        decide(world, "9", approve=True)

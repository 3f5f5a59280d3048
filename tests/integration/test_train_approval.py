"""A training that asks for a person: what passes the gate waits, is listed, and is champion when somebody signs."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from meter_core.contracts.errors import UnavailableError
from meter_core.evaluation.gate_evidence import Policy
from meter_core.jobs import training_readings
from meter_core.jobs.models import list_models, promote, sync
from meter_core.jobs.registration import AGAINST_TAG, Desk
from meter_core.jobs.train import train
from meter_core.models.candidates import recipes
from meter_core.registry.models import Models
from tests.integration.model_world import MODEL, QUICK, load, new_world

SINCE, UNTIL = datetime(2008, 7, 15, tzinfo=UTC), datetime(2009, 2, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def quick():
    """Fewer trees: how accurate they are is not what is tested."""
    boosting = recipes()["boosting"]
    few = replace(boosting, settings={**boosting.settings, "max_iter": 100, "learning_rate": 0.06})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training_readings, "recipes", lambda *_: {"boosting": few})
        yield


def _away(*_):
    raise UnavailableError("MLflow is away")


def test_what_passes_waits_for_a_person(postgres, tmp_path, quick, monkeypatch):
    world = new_world(postgres, tmp_path, "test_train_approval")
    load(world.store)

    careful = world.settings.model_copy(update={"approval": True})
    policy = Policy(max_rmse=1.0)
    with monkeypatch.context() as patch:  # trained where nobody asks for a person, and told to a registry that is away
        patch.setattr(Desk, "settle", _away)
        train("reading", SINCE, UNTIL, world.settings, world.connections, retries=QUICK, policy=policy)
    [result] = sync(careful, world.connections, retries=QUICK).delivered
    assert (result.promoted, result.waiting) == (False, True), "who delivers wants a person"
    models = Models(world.connections.mlflow_tracking_uri, MODEL)
    assert models.versions()[0].tags[AGAINST_TAG] == "none"

    result = train("reading", SINCE, UNTIL, careful, world.connections, retries=QUICK, policy=policy)
    assert result.as_dict()["decision"] == "awaits_approval"
    assert (result.promoted, result.refused) == (False, False)
    listed = list_models(world.settings, world.connections).as_dict()
    assert (listed["champion"], listed["awaits_approval"]) == (None, result.version)
    assert world.store.promotions(MODEL) == [], "nobody has decided yet"
    promote(result.version, "anna", "seen in review", world.settings, world.connections)
    listed = list_models(world.settings, world.connections).as_dict()
    assert (listed["champion"], listed["awaits_approval"]) == (result.version, None)
    newest = world.store.promotions(MODEL)[0]
    assert (newest["action"], newest["who"], newest["why"]) == ("promoted", "anna", "seen in review")

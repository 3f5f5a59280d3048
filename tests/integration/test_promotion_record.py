"""No champion without a record: whoever promotes is killed before each thing that is written, and then run again."""

import os
import signal
from contextlib import contextmanager
from dataclasses import fields

import pytest
from mlflow import MlflowClient

from meter_core.contracts.errors import RefusedError, UsageError
from meter_core.evaluation.gate_evidence import Comparison, Evidence
from meter_core.jobs.models import promote, rollback, sync
from meter_core.jobs.predict import predict
from meter_core.jobs.status import status
from meter_core.registry.delivery import deliver
from meter_core.registry.rest import Registry
from meter_core.registry.undelivered import Undelivered
from meter_core.store import PromotionRecord, Store
from meter_core.store.connection import Database
from meter_core.store.promotions import may_be_champion
from tests.integration.model_world import MODEL, QUICK, new_world
from tests.integration.run_folders import fill, fitted_model

WRITES = [
    (Store, "record_promotion"),
    (MlflowClient, "set_model_version_tag"),
    (MlflowClient, "set_registered_model_alias"),
    (MlflowClient, "set_registered_model_tag"),
    (MlflowClient, "delete_registered_model_alias"),
]
"""Everything that a change of champion writes."""

CHANGE = 6
"""How often one can be killed: the row, four tags, the alias; the stack is what the last kill leaves out."""

GOOD = Evidence(
    recipe="boosting_history",
    score="rmse",
    value=0.475,
    baselines={"mean": 0.844, "blend": 0.5},
    skill=0.05,
    skill_low=0.01,
    coverage=0.8,
    rows=672,
    others=(Comparison("linear_snapshot", improvement=0.03, low=0.001, rows=672),),
)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    return fitted_model(tmp_path_factory.mktemp("saved") / "model")


@pytest.fixture
def world(postgres, tmp_path, fitted):
    """A registry with two versions, the first champion, nothing waiting."""
    made = new_world(postgres, tmp_path / "home", "test_promotion_record")
    for number in (1, 2):
        folder = tmp_path / f"run-{number}"
        folder.mkdir()
        deliver(fill(folder, fitted, model=MODEL, note=f"number {number}"), made.connections.mlflow_tracking_uri, QUICK)
    promote("1", "anna", "the first", made.settings, made.connections)
    return made


def killed_before(write, action):
    """Run an action in a process of its own that is killed before it writes for the `write`-th time; whether it was."""
    child = os.fork()
    if child == 0:
        left = [write]
        for owner, name in WRITES:
            setattr(owner, name, _deadly(getattr(owner, name), left))
        try:
            action()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def _deadly(method, left):
    def counted(*args, **kwargs):
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left[0] -= 1
        return method(*args, **kwargs)

    return counted


def champion_on_record(world):
    """Return the champion's number, after its record was found in both places."""
    with Registry(world.connections.mlflow_tracking_uri, MODEL) as registry:
        ref = registry.champion()
    assert ref.promotion is not None, f"version {ref.version} is champion and its tags do not say why"
    assert ref.promotion.digest == ref.predictor_digest
    database = Database(world.connections.database_url)
    assert may_be_champion(database, MODEL, ref.version, ref.predictor_digest), f"no row for version {ref.version}"
    return ref.version


def kill_everywhere(world, action, expected):
    """Kill an action before each of its writes; each time what stands is on record. Return how often it was killed."""
    for write in range(20):
        if not killed_before(write, action):
            return write
        assert champion_on_record(world) in expected
    raise AssertionError("it never came to its end")


def test_a_promotion_killed_anywhere_leaves_no_champion_without_record(world):
    def by_hand():
        return promote("2", "anna", "seen in review", world.settings, world.connections)

    assert kill_everywhere(world, by_hand, expected={"1", "2"}) == CHANGE
    assert champion_on_record(world) == "2"
    [row] = [each for each in world.store.promotions(MODEL) if each["model_version"] == "2"]
    assert (row["who"], row["why"], row["previous_version"]) == ("anna", "seen in review", "1")
    with Registry(world.connections.mlflow_tracking_uri, MODEL) as registry:
        said = registry.champion().promotion
    assert (said.by, said.why) == ("anna", "seen in review")


def test_a_rollback_killed_anywhere_leaves_no_champion_without_record(world):
    promote("2", "anna", "seen in review", world.settings, world.connections)

    def back():
        return rollback("anna", "too many complaints", world.settings, world.connections)

    assert kill_everywhere(world, back, expected={"1", "2"}) == CHANGE
    assert champion_on_record(world) == "1"
    newest = world.store.promotions(MODEL)[0]
    assert (newest["action"], newest["model_version"], newest["why"]) == ("rolled_back", "1", "too many complaints")
    assert len([each for each in world.store.promotions(MODEL) if each["action"] == "rolled_back"]) == 1


def test_the_gate_killed_anywhere_is_finished_as_it_said(world, fitted):
    with waiting_run(world, fitted, "reading-gate"):

        def deliver_all():
            return sync(world.settings, world.connections, retries=QUICK)

        assert kill_everywhere(world, deliver_all, expected={"1", "3"}) >= CHANGE
    assert champion_on_record(world) == "3"
    [record] = [each for each in world.store.promotions(MODEL) if each["model_version"] == "3"]
    assert (record["action"], record["previous_version"]) == ("promoted", "1")
    assert record["why"] == world.client.get_model_version(MODEL, "3").tags["why"]
    assert world.waiting == []


@contextmanager
def waiting_run(world, fitted, name):
    waiting = Undelivered(world.connections.files_url)
    with waiting.writing(name) as folder:
        fill(folder, fitted, model=MODEL, note=name, evidence=GOOD.as_dict(), trained_until="2009-01-01")
    yield


def test_an_alias_set_by_hand_is_no_promotion_to_the_gate(world, fitted):
    """Version 2 is set in MLflow past this product: the gate goes on comparing with version 1, which is on record."""
    world.client.set_registered_model_alias(MODEL, "champion", "2")
    with waiting_run(world, fitted, "reading-later"):
        [done] = sync(world.settings, world.connections, retries=QUICK).delivered
    assert done.promoted
    assert "refreshes champion 1" in done.why
    assert champion_on_record(world) == "3"


def test_batch_inference_refuses_a_champion_that_nobody_is_on_record_for(world):
    """Whoever merely reaches MLflow can move the alias and write tags, and that is not enough."""
    digest = world.client.get_model_version(MODEL, "2").tags["predictor_digest"]
    tags = {"promoted_by": "x", "promoted_why": "x", "promoted_at": "2026-01-01T00:00:00Z", "promoted_digest": digest}
    for tag, value in tags.items():
        world.client.set_model_version_tag(MODEL, "2", tag, value)
    world.client.set_registered_model_alias(MODEL, "champion", "2")
    with pytest.raises(RefusedError, match=r"version 2 has no promotion record .*`meter promote 2"):
        predict("reading", None, None, world.settings, world.connections)
    assert [check.where for check in status(world.settings) if check.what == "not_on_record"] == ["champion"]


def test_who_and_why_have_to_be_said(world):
    with pytest.raises(UsageError, match="name both"):
        promote("2", "anna", " ", world.settings, world.connections)
    assert champion_on_record(world) == "1"
    assert len(world.store.promotions(MODEL)) == 1


def test_a_record_is_of_these_files_and_the_last_decision_counts(world):
    database = Database(world.connections.database_url)
    digest = world.client.get_model_version(MODEL, "1").tags["predictor_digest"]
    assert may_be_champion(database, MODEL, "1", digest)
    assert not may_be_champion(database, MODEL, "2", digest)
    assert not may_be_champion(database, MODEL, "1", "sha256:" + "0" * 64)
    assert not may_be_champion(database, MODEL, "1", None)
    assert not may_be_champion(database, "another", "1", digest)
    [row] = world.store.promotions(MODEL)
    refused = {field.name: row[field.name] for field in fields(PromotionRecord)} | {"action": "refused"}
    world.store.record_promotion(PromotionRecord(**refused))
    assert not may_be_champion(database, MODEL, "1", digest)

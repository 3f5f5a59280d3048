"""A person's decision about a version, on record whichever way it goes."""

import pytest

from meter_core.contracts.errors import RefusedError, UsageError
from meter_core.jobs.approval import decided, lapsed
from meter_core.jobs.models import list_models, promote, rollback
from meter_core.jobs.registration import AGAINST_TAG, NO, VERDICT_TAG, WAITING
from meter_core.registry.delivery import deliver
from meter_core.registry.models import Models
from tests.integration.model_world import MODEL, QUICK, new_world
from tests.integration.run_folders import fill, fitted_model


@pytest.fixture(scope="module")
def world(postgres, tmp_path_factory):
    """A registry of four versions: the first is champion, of the others two wait and one was refused."""
    folder = tmp_path_factory.mktemp("approval")
    made = new_world(postgres, folder / "home", "test_approval")
    fitted = fitted_model(folder / "model")
    for number in range(1, 5):
        run = folder / f"run-{number}"
        run.mkdir()
        deliver(fill(run, fitted, model=MODEL, note=f"number {number}"), made.connections.mlflow_tracking_uri, QUICK)
    promote("1", "anna", "the first", made.settings, made.connections)
    for number, verdict in (("2", WAITING), ("3", WAITING), ("4", NO)):
        Models(made.connections.mlflow_tracking_uri, MODEL).tag(number, {VERDICT_TAG: verdict, AGAINST_TAG: "1"})
    return made


def decide(world, version, approve, why="seen the card"):
    return decided(version, "reading", approve, "bert", why, world.settings, world.connections)


def lapse(world, why):
    return lapsed("4", "reading", why, world.settings, world.connections)


def records(world):
    return [(each["model_version"], each["action"], each["who"], each["why"]) for each in world.store.promotions(MODEL)]


def waits(world):
    return list_models(world.settings, world.connections).awaits_approval


@pytest.mark.parametrize("approve", [True, False])
@pytest.mark.parametrize("version", ["2", "4"])
def test_what_is_stale_or_was_refused_is_not_decided_on(world, version, approve):
    with pytest.raises(RefusedError, match=f"version {version} does not wait for approval .version 3 does."):
        decide(world, version, approve)
    assert records(world) == [("1", "promoted", "anna", "the first")]


def test_who_declines_is_on_record_once_and_it_is_offered_no_more(world):
    assert waits(world) == "3"
    for _ in range(2):
        assert decide(world, "3", approve=False)["decision"] == "declined"
    assert records(world) == [("3", "refused", "bert", "seen the card"), ("1", "promoted", "anna", "the first")]
    assert list_models(world.settings, world.connections).champion == "1"
    assert waits(world) == "2"
    with pytest.raises(RefusedError, match="version 3 does not wait"):
        decide(world, "3", approve=True)


def test_who_approves_is_on_record_once_and_it_is_champion(world):
    for _ in range(2):
        assert decide(world, "2", approve=True)["decision"] == "promoted"
    assert decide(world, "2", approve=True, why="another reason")["decision"] == "already champion"
    assert records(world)[0] == ("2", "promoted", "bert", "seen the card")
    assert [each[1] for each in records(world)].count("promoted") == 2
    assert list_models(world.settings, world.connections).champion == "2"


def test_a_decision_that_nobody_took_is_on_record_once_and_said_again_to_whoever_asks_again(world):
    Models(world.connections.mlflow_tracking_uri, MODEL).tag("4", {VERDICT_TAG: WAITING, AGAINST_TAG: "2"})
    before = len(records(world))
    for _ in range(2):
        assert lapse(world, "nobody decided")["decision"] == "declined"
    assert records(world)[: len(records(world)) - before] == [("4", "refused", "nobody", "nobody decided")]
    assert lapse(world, "another reason")["decision"] == "waits no more"


def test_what_passed_against_a_champion_that_stands_no_more_is_not_offered(world):
    models = Models(world.connections.mlflow_tracking_uri, MODEL)
    models.tag("4", {VERDICT_TAG: WAITING, AGAINST_TAG: "1"})
    assert waits(world) is None
    with pytest.raises(RefusedError, match=r"\(none does\): it was refused, or the champion is 2 since"):
        decide(world, "4", approve=True)
    models.tag("4", {AGAINST_TAG: "2"})
    assert waits(world) == "4"
    promote("4", "anna", "by hand", world.settings, world.connections)
    rollback("anna", "it was wrong", world.settings, world.connections)
    models.tag("3", {VERDICT_TAG: WAITING, AGAINST_TAG: "2"})
    assert waits(world) is None


def test_a_version_that_is_not_there_is_wrong_use(world):
    with pytest.raises(UsageError, match="has no version 9"):
        decide(world, "9", approve=True)

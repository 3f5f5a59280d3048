"""Which automations a deployment takes away, and on what databases the server may look for silence."""

from types import SimpleNamespace
from uuid import uuid4

import httpx
import pytest

from flows import automations
from flows.automations import PAGE, install
from flows.deploy import is_on_postgresql


class Client:
    """In place of a Prefect server with these automations."""

    def __init__(self, *names, tags=("meter",)):
        self.there = [SimpleNamespace(id=uuid4(), name=name, tags=list(tags)) for name in names]
        self.deleted = []

    def read_automations(self, limit, offset):
        assert limit == PAGE == 200
        return self.there[offset : offset + limit]

    def delete_automation(self, automation_id):
        self.deleted += [each.name for each in self.there if each.id == automation_id]


def test_only_what_a_deployment_made_is_taken_away():
    client = Client("meter: tell people", "meter: call the night shift", "their own")
    install(client, [], {"meter: tell people"})
    assert client.deleted == ["meter: tell people"]
    untagged = Client("meter: tell people", tags=())
    install(untagged, [], {"meter: tell people"})
    assert untagged.deleted == []


def test_beyond_two_hundred_automations_ours_are_found():
    client = Client(*(f"their own {number}" for number in range(450)), "meter: tell people")
    assert list(automations.ours(client)) == ["meter: tell people"]


@pytest.mark.parametrize(
    ("database", "answer"),
    [
        ({"driver": "postgresql+asyncpg"}, True),
        ({"driver": "sqlite+aiosqlite"}, False),
        ({"driver": None, "connection_url": None}, False),
        ({"driver": None, "connection_url": "postgresql+asyncpg://prefect@db/prefect"}, True),
        ({"driver": None, "connection_url": "**********"}, False),
    ],
)
def test_only_a_server_that_says_postgresql_looks_for_silence(database, answer):
    said = SimpleNamespace(json=lambda: {"server": {"database": database}})
    assert is_on_postgresql(SimpleNamespace(request=lambda *_: said)) is answer


@pytest.mark.parametrize(("status", "passes"), [(404, True), (500, False)])
def test_a_server_that_does_not_tell_its_settings_does_not(status, passes):
    def refuse(method, path):
        request = httpx.Request(method, f"http://prefect{path}")
        raise httpx.HTTPStatusError("no", request=request, response=httpx.Response(status, request=request))

    client = SimpleNamespace(request=refuse)
    if passes:
        assert is_on_postgresql(client) is False
    else:
        with pytest.raises(httpx.HTTPStatusError):
            is_on_postgresql(client)

"""Who may ask: API keys that rotate without a restart, meters a key may see, other sites, and each request's id."""

import socket

import httpx
import pytest

from bento.keys import Keys
from meter_core.contracts.api_keys import new_key, write_keys
from meter_core.contracts.errors import UsageError
from tests.service.readings import SATURDAY_EVENING
from tests.service.service_process import keep_as_last_copy, running_service

PORTAL = "https://portal.example"


@pytest.fixture(scope="module")
def closed(predictor, tmp_path_factory):
    """A service that asks for keys, one of them for one meter only."""
    home = tmp_path_factory.mktemp("closed")
    keep_as_last_copy(predictor, home)
    every, some = new_key("every", None, ""), new_key("some", ["M-1"], "")
    file = home / "keys.json"
    write_keys(file, [every[1], some[1]])
    settings = {"METER_API_KEYS_FILE": str(file), "METER_CORS_ORIGINS": f'["{PORTAL}"]'}
    with running_service(home, settings=settings) as service:
        yield service, file, every, some


def ask(service, key=None, path="/predict", reading=SATURDAY_EVENING, **headers):
    sent = {"authorization": f"Bearer {key}"} if key else {}
    return service.client.post(path, json=reading, headers=sent | headers)


def test_without_a_key_nothing_is_told_but_that_one_is_needed(closed):
    service, _, _, _ = closed
    for answer in (
        ask(service),
        ask(service, "mk_wrong"),
        service.get("/model"),
        ask(service, path="/bentoml/predict"),
    ):
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert "meter keys add" in answer.json()["detail"]
    assert "mk_wrong" not in ask(service, "mk_wrong").text
    # What a probe, a scraper and a person who has yet to give the key must reach.
    for path in ("/livez", "/readyz", "/metrics", "/", "/docs", "/docs.json"):
        assert service.get(path).status_code == 200
    assert service.get("/data_docs/index.html").status_code == 401


def test_a_key_opens_by_either_header(closed):
    service, _, every, _ = closed
    assert ask(service, every[0]).status_code == 200
    assert ask(service, **{"x-api-key": every[0]}).status_code == 200
    assert service.client.get("/model", headers={"authorization": f"bearer {every[0]}"}).status_code == 200


def test_a_key_for_some_meters_sees_no_other(closed):
    service, _, _, some = closed
    own, other = SATURDAY_EVENING | {"meter_id": "M-1"}, SATURDAY_EVENING | {"meter_id": "M-2"}
    assert ask(service, some[0], reading=own).status_code == 200
    assert ask(service, some[0]).status_code == 200
    for answer in (
        ask(service, some[0], reading=other),
        ask(service, some[0], "/predict_batch", {"readings": [own, other]}),
        ask(service, some[0], "/explain", other),
        ask(service, some[0], "/bentoml/predict", {"readings": [other]}),
    ):
        assert answer.status_code == 403
        assert "M-2" not in answer.text


def test_keys_rotate_without_a_restart_and_a_damaged_file_locks_nobody_out(closed):
    service, file, every, some = closed
    fresh = new_key("fresh", None, "")
    write_keys(file, [fresh[1], some[1]])
    service.wait_for(lambda: ask(service, fresh[0]).status_code == 200)
    assert ask(service, every[0]).status_code == 401
    file.write_text("{")
    service.wait_for(lambda: "stay as they were" in service.log.read_text())
    assert ask(service, fresh[0]).status_code == 200
    write_keys(file, [every[1], some[1]])
    service.wait_for(lambda: ask(service, every[0]).status_code == 200)


def test_the_log_holds_no_key(closed):
    service, _, every, _ = closed
    ask(service, every[0])
    assert every[0] not in service.log.read_text()
    assert every[1].sha256 not in service.log.read_text()


def test_a_service_that_should_ask_for_keys_does_not_start_open(tmp_path):
    with pytest.raises(UsageError, match=r"none\.json cannot be read"):
        Keys(tmp_path / "none.json")


def test_other_sites_are_let_in_by_name_only(closed, service):
    shut, (opened, _, every, _) = service, closed
    asking = {"origin": PORTAL, "access-control-request-method": "POST"}
    allowed = httpx.options(opened.url + "/predict", headers=asking)
    assert (allowed.status_code, allowed.headers["access-control-allow-origin"]) == (204, PORTAL)
    assert "authorization" in allowed.headers["access-control-allow-headers"]
    for key in (every[0], None):  # a refusal can be read as well
        assert ask(opened, key, origin=PORTAL).headers["access-control-allow-origin"] == PORTAL
    for answer in (
        httpx.options(opened.url + "/predict", headers=asking | {"origin": "https://else.example"}),
        httpx.options(shut.url + "/predict", headers=asking),
        ask(shut, origin=PORTAL),
    ):
        assert "access-control-allow-origin" not in answer.headers


def test_every_answer_has_an_id_the_clients_own_where_it_is_plain(service):
    own = ask(service, **{"x-request-id": "order-17"})
    assert own.headers["x-request-id"] == "order-17"
    wrong = service.client.post("/predict", json={}, headers={"x-request-id": "order-18"})
    assert wrong.json()["request_id"] == wrong.headers["x-request-id"] == "order-18"
    made = {ask(service).headers["x-request-id"] for _ in range(3)}
    made |= {ask(service, **{"x-request-id": given}).headers["x-request-id"] for given in ("two words", "x" * 200)}
    assert len(made) == 5
    assert all(len(one) < 40 for one in made)
    assert service.get("/nothing").json()["request_id"]


def test_routes_stand_under_their_version_too(service):
    # One id, so that nothing else differs.
    plain, versioned = (ask(service, path=path, **{"x-request-id": "same"}) for path in ("/predict", "/v1/predict"))
    assert plain.content == versioned.content
    assert service.get("/v1/model").json() == service.get("/model").json()
    assert service.get("/v1/nothing").status_code == 404


def test_a_body_that_stops_half_way_is_given_up(service):
    host, port = service.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as client:
        client.sendall(b"POST /predict HTTP/1.1\r\nhost: here\r\ncontent-length: 50\r\n\r\n{")
        assert client.recv(1024).startswith(b"HTTP/1.1 408 ")
    assert ask(service).status_code == 200

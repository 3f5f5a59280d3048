"""What is done to the service while others ask it: they get their right answers all the while, and nobody a 5xx."""

import contextlib
import json
import random
import signal
import time

import httpx
import pytest

from bento.schemas import FIELD_TYPES
from tests.service.raw_http import as_json, connected, is_closed, post, read_answer, reset
from tests.service.readings import SATURDAY_EVENING, at
from tests.service.service_process import keep_as_last_copy, running_service
from tests.service.steady_load import counted, unshaken

ONE = as_json(SATURDAY_EVENING)
MANY = as_json({"readings": [SATURDAY_EVENING] * 2_000})
SLOW_CLIENTS = 50
SLOW_S = 1.5


def test_clients_that_send_their_headers_a_byte_at_a_time(service):
    check_that_a_trickle_is_answered(service, post(ONE))


def test_clients_that_send_their_body_a_byte_at_a_time(service):
    head, body = post(ONE).split(b"\r\n\r\n")
    check_that_a_trickle_is_answered(service, body, first=head + b"\r\n\r\n")


def check_that_a_trickle_is_answered(service, text, first=b""):
    """Send a bit of the text from many clients for a while, then the rest: each is answered in the end."""
    with unshaken(service):
        clients = [connected(service) for _ in range(SLOW_CLIENTS)]
        for client in clients:
            client.sendall(first)
        sent, until = 0, time.monotonic() + SLOW_S
        while time.monotonic() < until and sent < len(text) - 1:
            for client in clients:
                client.sendall(text[sent : sent + 1])
            sent += 1
        for client in clients:
            client.sendall(text[sent:])
        assert [read_answer(client)[0] for client in clients] == [200] * SLOW_CLIENTS
        for client in clients:
            client.close()


@pytest.mark.parametrize(("path", "body"), [("/predict", ONE), ("/predict_batch", MANY)])
def test_bodies_half_sent_by_clients_that_leave(service, path, body):
    with unshaken(service):
        for leave in (reset, lambda client: client.close()):
            for _ in range(SLOW_CLIENTS):
                client = connected(service)
                client.sendall(post(body[: len(body) // 2], path, length=len(body)))
                leave(client)
    assert "Traceback" not in service.log.read_text()


GARBAGE = {
    "random": random.Random(3).randbytes(4_096),
    "a TLS greeting": bytes.fromhex("16030100c2010000be0303") + bytes(180),
    "zeros": bytes(1_000),
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "no version": b"POST /predict\r\n\r\n",
    "a negative length": post(ONE, length=-5),
    "two lengths": post(ONE, more="content-length: 3\r\n"),
    "a length that is a word": post(ONE).replace(b"content-length: ", b"content-length: x"),
    "a bad chunk": b"POST /predict HTTP/1.1\r\nhost: m\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n",
    "a header without end": b"POST /predict HTTP/1.1\r\nx: " + b"a" * 200_000,
    "line feeds": b"\n" * 1_000,
}


@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE)
def test_bytes_that_are_no_request(service, garbage):
    with unshaken(service), connected(service) as client:
        with contextlib.suppress(ConnectionError):  # closed on us in the middle
            client.sendall(garbage)
            client.shutdown(1)
        answer = b""
        with contextlib.suppress(ConnectionError):
            while data := client.recv(65_536):
                answer += data
        assert not answer or answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 4"))


def test_ten_megabytes_for_one_reading(service):
    with unshaken(service):
        said = httpx.post(f"{service.url}/predict", content=b'{"meter_id": "' + b"x" * 10_000_000 + b'"}')
    assert said.status_code == 413


@pytest.mark.parametrize("path", ["/predict", "/predict_batch"])
def test_json_a_hundred_thousand_deep(service, path):
    deep = b'{"recent_kwh": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    with unshaken(service):
        said = httpx.post(service.url + path, content=deep)
    assert said.status_code == 400
    assert "too deeply" in said.json()["detail"]


WRONG = ["", "x", [], {}, [[]], {"a": 1}, True, -1e308, 1e308, 10**400, "\x00", "\ud800"]
TIMED = at("2009-06-01T18:00:00+02:00", "Europe/Paris")


@pytest.mark.parametrize("field", FIELD_TYPES)
def test_every_wrong_type_in_every_field(service, field):
    """What is taken must be one of the field's own kinds; all else is said to be that field's fault."""
    with unshaken(service), httpx.Client(base_url=service.url) as client:
        for wrong in WRONG:
            reading = (TIMED if field in ("reading_ts", "zone") else SATURDAY_EVENING) | {field: wrong}
            for path, body in (("/predict", reading), ("/predict_batch", {"readings": [TIMED, reading]})):
                said = client.post(path, content=json.dumps(body).encode())
                if said.status_code == 200:
                    assert (field, wrong) in TAKEN
                elif said.status_code == 422:
                    assert all(field in error["path"] for error in said.json()["errors"]), said.text
                else:
                    assert (said.status_code, wrong) == (400, "\ud800"), said.text


TAKEN = [
    ("meter_id", "x"),
    ("meter_id", "\x00"),
    ("recent_kwh", []),
    ("is_weekend", True),
]
"""Wrong elsewhere, right there: the reading is of a Saturday."""


def test_http_1_0(service):
    with unshaken(service), connected(service) as client:
        client.sendall(post(ONE, version="1.0"))
        status, _, body, _ = read_answer(client)
        assert (status, is_closed(client)) == (200, True)
    assert json.loads(body) == service.post("/predict", SATURDAY_EVENING).json()


def test_requests_sent_together_are_answered_in_their_order(service):
    """Pipelining: the ids come back as they were sent, fast answers behind slow ones."""
    ids = [f"pipelined-{number}" for number in range(20)]
    paths = ["/predict_batch" if number % 5 == 0 else "/predict" for number in range(20)]
    requests = [
        post(MANY if path == "/predict_batch" else ONE, path, more=f"x-request-id: {name}\r\n")
        for name, path in zip(ids, paths, strict=True)
    ]
    with unshaken(service), connected(service) as client:
        client.sendall(b"".join(requests))
        answered, rest = [], b""
        for _ in ids:
            status, headers, _, rest = read_answer(client, rest)
            answered.append((status, headers["x-request-id"]))
    assert answered == [(200, name) for name in ids]


def test_a_thousand_connections_that_ask_nothing(service):
    with unshaken(service), contextlib.ExitStack() as stack:
        idle = [stack.enter_context(connected(service)) for _ in range(1_000)]
        for client in idle[::2]:
            client.sendall(post(ONE))
        assert {read_answer(client)[0] for client in idle[::2]} == {200}


def test_nothing_is_computed_for_clients_that_have_left(service):
    def abandoned():
        return sum(count for _, count in counted(service, "meter_abandoned_total"))

    def leave_at_once():
        clients = [connected(service) for _ in range(500)]
        for client in clients:
            client.sendall(post(ONE))
        for client in clients:
            client.close()
        return abandoned() > before

    before = abandoned()
    with unshaken(service):
        service.wait_for(leave_at_once)
    assert abandoned() > before


def test_who_was_accepted_before_the_service_is_told_to_stop_is_answered(predictor, tmp_path):
    """`100 Continue` proves that a request was accepted; its body comes when the service is already about to stop."""
    keep_as_last_copy(predictor, tmp_path)
    asked = [("/predict", ONE), ("/predict_batch", MANY)] * 8  # as many batches as may wait
    with running_service(tmp_path) as service:
        expected = [httpx.post(service.url + path, content=body).json() for path, body in asked]
        clients = [connected(service) for _ in asked]
        for client, (path, body) in zip(clients, asked, strict=True):
            client.sendall(post(b"", path, length=len(body), more="expect: 100-continue\r\n"))
        assert {client.recv(100) for client in clients} == {b"HTTP/1.1 100 Continue\r\n\r\n"}
        idle = connected(service)
        idle.sendall(post(ONE))
        read_answer(idle)

        service.process.send_signal(signal.SIGTERM)
        assert is_closed(idle)  # the first thing that stopping does
        for client, (_, body) in zip(clients, asked, strict=True):
            client.sendall(body)
        answers = [read_answer(client) for client in clients]
        assert [status for status, *_ in answers] == [200] * len(asked)
        assert [json.loads(said) for _, _, said, _ in answers] == expected
        assert all(is_closed(client) for client in clients)
        assert service.process.wait(20) == 0
    assert "Traceback" not in service.log.read_text()


def test_a_service_that_drains_tells_every_client_before_it_stops(predictor, tmp_path):
    """Clients that keep their connections and do not retry lose nothing: each hears that its answer is the last."""
    keep_as_last_copy(predictor, tmp_path)
    with running_service(tmp_path, settings={"METER_DRAIN_SECONDS": "3"}) as service:
        short, asgi = connected(service), connected(service)
        requests = {short: post(ONE), asgi: post(MANY, "/predict_batch")}
        for client, request in requests.items():
            client.sendall(request)
            assert "connection" not in read_answer(client)[1]

        service.process.send_signal(signal.SIGTERM)
        assert says_close(service), "a new connection is served too, and told"
        for client, request in requests.items():
            client.sendall(request)
            status, headers, *_ = read_answer(client)
            assert (status, headers["connection"]) == (200, "close")
            assert is_closed(client)
        assert service.process.wait(20) == 0
    assert "Traceback" not in service.log.read_text()


def says_close(service):
    """Ask over new connections until an answer is the last of its own."""
    begun = time.monotonic()
    while time.monotonic() - begun < 2.5:
        with connected(service) as client:
            client.sendall(post(ONE))
            if read_answer(client)[1].get("connection") == "close":
                return True
    return False

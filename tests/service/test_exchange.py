"""The short way through uvicorn's protocol: who takes it, that nobody can tell, and what becomes of lost clients."""

import contextlib
import json
import threading
import time

import pytest
import uvicorn

from bento.exchange import LONGEST, take_short_way
from bento.wire import Answer
from tests.service.raw_http import as_json, connected, is_closed, post, read_answer
from tests.service.readings import SATURDAY_EVENING

ONE = as_json(SATURDAY_EVENING)
CHUNKED = post(b"", more="transfer-encoding: chunked\r\n").replace(b"content-length: 0\r\n", b"")
WITH_CHUNKS = CHUNKED + b"%x\r\n%b\r\n0\r\n\r\n" % (len(ONE), ONE)


class Held:
    """A uvicorn that answers exchanges when it is told to, and everything else through ASGI."""

    def __init__(self):
        self.exchanges, self.asgi = [], []
        config = uvicorn.Config(self._app, port=0, loop="uvloop", log_level="error", lifespan="off", interface="asgi3")
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.servers[0].sockets[0].getsockname()[1]}"

    def wait_for(self, what):
        deadline = time.monotonic() + 20
        while not what():
            assert time.monotonic() < deadline
            time.sleep(0.005)

    def answer(self, number, body=b"{}"):
        """Respond on the server's own loop."""
        exchange = self.exchanges[number]
        exchange._protocol.loop.call_soon_threadsafe(exchange.respond, Answer(body), b"id")

    async def _app(self, scope, receive, send):
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message["body"], message["more_body"]
        self.asgi.append((scope["path"], body))
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
        await send({"type": "http.response.body", "body": b"asgi"})


@pytest.fixture
def held(monkeypatch):
    monkeypatch.setitem(uvicorn.config.HTTP_PROTOCOLS, "auto", uvicorn.config.HTTP_PROTOCOLS["auto"])
    made = Held()
    take_short_way([b"/predict"], made.exchanges.append)
    made.thread.start()
    made.wait_for(lambda: made.server.started)
    yield made
    made.server.should_exit = True
    made.thread.join(20)
    assert not made.thread.is_alive()


def test_a_plain_request_is_an_exchange_and_its_connection_lives_on(held):
    with connected(held) as client:
        for number in range(2):
            client.sendall(post(ONE))
            held.wait_for(lambda number=number: len(held.exchanges) > number)
            held.answer(number, b'{"a": 1}')
            status, headers, body, rest = read_answer(client)
            assert (status, body, rest) == (200, b'{"a": 1}', b"")
            assert headers["x-request-id"] == "id"
    assert [exchange.body for exchange in held.exchanges] == [ONE, ONE]
    assert held.asgi == []


def test_a_body_that_comes_after_its_headers_goes_through_asgi_whole(held):
    """There it is given up where it stops half way."""
    head, body = post(ONE).split(b"\r\n\r\n")
    for pieces in ((head + b"\r\n\r\n", body), (head + b"\r\n\r\n" + body[:5], body[5:9], body[9:])):
        with connected(held) as client:
            for piece in pieces:
                client.sendall(piece)
                time.sleep(0.05)
            assert read_answer(client)[2] == b"asgi"
    assert held.exchanges == []
    assert held.asgi == [("/predict", ONE)] * 2


@pytest.mark.parametrize(
    "request_bytes",
    [
        post(ONE, version="1.0"),
        post(ONE, path="/predict?x=1"),
        post(ONE, path="/other"),
        post(ONE, more="origin: https://elsewhere\r\n"),
        post(ONE, more="connection: close\r\n"),
        post(ONE, more="expect: 100-continue\r\n"),
        post(b" " * (LONGEST + 1)),
        WITH_CHUNKS,
        b"GET /predict HTTP/1.1\r\nhost: m\r\ncontent-length: 0\r\n\r\n",
        b"GET /predict HTTP/1.1\r\nhost: m\r\n\r\n",
    ],
)
def test_what_is_not_plain_goes_through_asgi(held, request_bytes):
    with connected(held) as client:
        client.sendall(request_bytes)
        status, _, body, rest = read_answer(client)
        assert (read_answer(client, rest)[2] if status == 100 else body) == b"asgi"
    assert held.exchanges == []


def test_requests_sent_together_are_answered_one_after_the_other(held):
    with connected(held) as client:
        client.sendall(post(ONE) * 3)
        held.wait_for(lambda: held.exchanges)
        assert held.asgi == []  # they wait
        held.answer(0)
        status, _, body, rest = read_answer(client)
        others = []
        for _ in range(2):
            *_, other, rest = read_answer(client, rest)
            others.append(other)
    assert (status, body, others) == (200, b"{}", [b"asgi"] * 2)


def test_a_client_that_leaves_is_known_to_have_left(held):
    with connected(held) as client:
        client.sendall(post(ONE))
        held.wait_for(lambda: held.exchanges)
        assert not held.exchanges[0].has_left()
    held.wait_for(held.exchanges[0].has_left)
    held.answer(0)
    with connected(held) as another:
        another.sendall(post(ONE))
        held.wait_for(lambda: len(held.exchanges) > 1)
        held.answer(1)
        assert read_answer(another)[0] == 200


def test_who_waits_when_the_server_is_told_to_stop_is_answered_and_then_parted_from(held):
    with connected(held) as client:
        client.sendall(post(ONE))
        held.wait_for(lambda: held.exchanges)
        held.server.should_exit = True
        held.wait_for(lambda: not held.exchanges[0].keep_alive)
        held.answer(0)
        status, headers, _, _ = read_answer(client)
        assert (status, headers["connection"]) == (200, "close")
        assert is_closed(client)


def test_nobody_can_tell_which_way_a_request_took(service):
    """The real service: the same answer with the same headers, right or wrong."""
    for reading, status in ((SATURDAY_EVENING, 200), (SATURDAY_EVENING | {"load_kw": "x"}, 422)):
        body = as_json(reading)
        seen = []
        for more in ("", "expect: 100-continue\r\n"):
            with connected(service) as client:
                client.sendall(post(body, more=f"x-request-id: same\r\n{more}"))
                with contextlib.suppress(TimeoutError):
                    found = read_answer(client)
                    seen.append(found if found[0] != 100 else read_answer(client, found[3]))
        (short, short_head, short_body, _), (long, long_head, long_body, _) = seen
        assert (short, long) == (status, status)
        assert json.loads(short_body) == json.loads(long_body)
        assert {**short_head, "date": ""} == {**long_head, "date": ""}
        assert list(short_head) == list(long_head)


def test_who_does_not_read_does_not_have_answers_pile_up(held):
    """Through ASGI an answer waits until its client reads; the short way writes at once."""
    with connected(held) as client:
        client.sendall(post(ONE))
        held.wait_for(lambda: held.exchanges)
        held.answer(0, b"x" * 20_000_000)
        held.wait_for(lambda: held.exchanges[0].response_complete)
        client.sendall(post(ONE) + post(ONE))
        held.wait_for(lambda: held.asgi)
        assert len(held.exchanges) == 1
        _, _, body, rest = read_answer(client)
        assert len(body) == 20_000_000
        for _ in range(2):
            _, _, body, rest = read_answer(client, rest)
            assert body == b"asgi"

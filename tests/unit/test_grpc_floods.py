"""What one gRPC client may cost the others: half messages, and questions or readings in thousands at once."""

import socket
from collections import Counter
from types import SimpleNamespace

import pytest

from bento import grpc_calls
from bento.grpc_calls import UnaryCall
from bento.grpc_entries import MOST_ENTRIES, require_few_entries
from bento.grpc_health import REFLECTION, ReflectionCall
from bento.grpc_stream import PredictionStream
from bento.http2_frames import PREFACE
from bento.wire import BodySpace, RefusedRequestError
from meter_core.rpc import prediction_pb2 as pb
from tests.service.grpc_client import message
from tests.service.readings import SATURDAY_EVENING
from tests.unit.test_http2 import REQUEST, Client, Server, frame, head

BATCH = 33_554_432


def serving(make):
    """A server whose calls are made by `make`, and how they ended."""
    ended = []
    return Server(lambda stream, _: make(stream, lambda call, status: ended.append(status))), ended


@pytest.mark.parametrize("sent", [b"\x00", b"\x00\x01\x00\x00\x00", b"\x00\x00\x00\x00\x05half"])
def test_half_a_message_is_given_up_and_its_memory_is_free(monkeypatch, sent):
    monkeypatch.setattr(grpc_calls, "PAUSE_S", 0.2)
    space = BodySpace(BATCH)
    server, ended = serving(lambda stream, done: UnaryCall(stream, BATCH, space, done, None))
    try:
        client = Client(server)
        client.h2.send_headers(1, REQUEST)
        client.h2.send_data(1, sent)
        client.flush()
        while 1 not in client.heads and 1 not in client.trailers:
            client.receive()
        assert ended == [408]
        with space.holding({}, BATCH):
            """All of it."""
    finally:
        server.close()


def test_a_call_that_ends_within_a_message_is_told_at_once():
    server, ended = serving(lambda stream, done: UnaryCall(stream, BATCH, BodySpace(), done, None))
    try:
        client = Client(server)
        stream = client.ask(b"\x00\x00\x00\x00\x05half")
        while stream not in client.heads:
            client.receive()
        assert ended == [400]
    finally:
        server.close()


def test_who_does_not_read_what_reflection_says_is_asked_to_wait():
    calls = []

    def make(stream, done):
        calls.append(ReflectionCall(stream, done, (REFLECTION,)))
        return calls[-1]

    server, _ = serving(make)
    question = b"\x22\x01x"  # file_containing_symbol of no symbol: a short refusal
    messages = b"".join(b"\x00\x00\x00\x00\x03" + question for _ in range(2_000)) * 5
    try:
        with socket.create_connection(("127.0.0.1", server.port), timeout=20) as client:
            nothing = frame(4, 0, 0, b"\x00\x04\x00\x00\x00\x00")  # it takes no answer at all
            client.sendall(PREFACE + nothing + head(1))
            for at in range(0, len(messages), 16_384):
                client.sendall(frame(0, 0, 1, messages[at : at + 16_384]))
            client.sendall(frame(6, 0, 0, b"12345678"))
            received = b""
            while b"12345678" not in received:
                received += client.recv(65_536)
            while not calls[0]._stream.waiting >= 65_536:
                server.do(lambda: None)
            for _ in range(50):
                server.do(lambda: None)
            assert calls[0]._stream.waiting < 80_000
    finally:
        server.close()


def test_a_batch_with_millions_of_entries_is_refused_before_it_is_parsed():
    many = b"\x0a\x00" * 2_000_000
    with pytest.raises(RefusedRequestError) as refusal:
        require_few_entries(b"\x0a\x80\x92\xf4\x01" + many)
    assert refusal.value.status == 413
    with pytest.raises(RefusedRequestError):
        require_few_entries(many)


def test_the_largest_batches_are_let_through():
    reading = pb.Reading(voltage_v=230, load_kw=1, zone="Europe/Paris", recent_kwh=[0.5] * 50)
    require_few_entries(pb.PredictBatchRequest(readings=pb.Readings(readings=[reading] * 10_000)).SerializeToString())
    columns = pb.ReadingColumns(zone=["Europe/Paris"] * 10_000, recent_kwh=[pb.History(kwh=[0.5] * 50)] * 10_000)
    require_few_entries(pb.PredictBatchRequest(columns=columns).SerializeToString())
    assert MOST_ENTRIES >= 10_000 * 17
    require_few_entries(b"\xff" * 2_000_000)  # no message at all: the parser says so


def test_thousands_of_wrong_readings_at_once_leave_the_others_their_turn():
    turns, counted, on = [0], [], [True]

    def tick():
        turns[0] += 1
        if on[0]:
            server.loop.call_soon(tick)

    def make(stream, done):
        return PredictionStream(stream, BATCH, BodySpace(), done, None, None, lambda *_: counted.append(turns[0]))

    server, _ = serving(make)
    try:
        server.do(tick)
        client = Client(server)
        stream = client.ask(b"\x00\x00\x00\x00\x00" * 3_000)  # a reading without a value
        while stream not in client.trailers:
            client.receive()
        assert len(counted) == 3_000
        assert max(Counter(counted).values()) <= 256
    finally:
        on[0] = False
        server.close()


def test_a_key_that_is_taken_back_ends_what_an_open_stream_may_ask():
    def taken_back():
        raise RefusedRequestError(401, "the API key is not known here")

    def make(stream, done):
        predicting = SimpleNamespace(ask=None)
        return PredictionStream(stream, BATCH, BodySpace(), done, predicting, taken_back, lambda *_: None)

    server, _ = serving(make)
    try:
        client = Client(server)
        body = pb.PredictStreamRequest(id=5, reading=message(SATURDAY_EVENING)).SerializeToString()
        stream = client.ask(b"\x00" + len(body).to_bytes(4, "big") + body)
        while stream not in client.trailers:
            client.receive()
        reply = pb.PredictStreamReply.FromString(client.bodies[stream][5:])
        assert (reply.id, reply.problem.status) == (5, 401)
    finally:
        server.close()

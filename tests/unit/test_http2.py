"""HTTP/2 of the gRPC server, held against another implementation (h2) and what RFC 9113 says of broken peers."""

import asyncio
import contextlib
import socket
import struct
import threading

import h2.config
import h2.connection
import h2.events
import h2.settings
import hpack
import pytest
from h2.settings import SettingCodes

from bento.http2 import Http2Connection
from bento.http2_frames import PREFACE, header_block
from bento.http2_limits import MOST_WASTED, STREAM_WINDOW

REQUEST = [(":method", "POST"), (":scheme", "http"), (":path", "/echo"), (":authority", "here"), ("te", "trailers")]
LARGE = b"x" * 4_000_000
SETTINGS = struct.pack(">BHBBL", 0, 0, 4, 0, 0)
NO_ERROR, PROTOCOL, FLOW_CONTROL, CLOSED, SIZE, REFUSED, COMPRESSION, CALM = 0, 1, 3, 5, 6, 7, 9, 11


class Echo:
    """Answers with what came, when all has come; `/large` with 4 MB."""

    def __init__(self, stream, seen):
        self.stream, self.body, self.seen = stream, b"", seen
        seen.append(self)
        self.is_left = False

    def received(self, data):
        self.body += data
        if self.stream.received_left < STREAM_WINDOW // 2:
            self.stream.grant(STREAM_WINDOW - self.stream.received_left)

    def ended(self):
        self.stream.begin(header_block([(b"x", b"y" * 300)]))
        self.stream.send(LARGE if self.stream.head[b":path"] == b"/large" else self.body)
        self.stream.finish(header_block([(b"done", b"yes")], begins=False))

    def left(self):
        self.is_left = True

    def drained(self):
        """Nothing waits for that here."""


class Server:
    def __init__(self, accept=Echo):
        self.calls, self.connections, self.accept = [], set(), accept
        self.loop = asyncio.new_event_loop()
        started = threading.Event()
        self.thread = threading.Thread(target=self._run, args=(started,))
        self.thread.start()
        assert started.wait(10)

    def _run(self, started):
        asyncio.set_event_loop(self.loop)

        def connection():
            return Http2Connection(lambda stream: self.accept(stream, self.calls), self.connections)

        server = self.loop.run_until_complete(self.loop.create_server(connection, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        started.set()
        self.loop.run_forever()
        server.close()
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()

    def do(self, work):
        """Run something on the server's loop."""
        done = threading.Event()
        self.loop.call_soon_threadsafe(lambda: (work(), done.set()))
        assert done.wait(10)

    def close(self):
        self.do(lambda: [connection.close() for connection in list(self.connections)])
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)


@pytest.fixture
def server():
    running = Server()
    yield running
    running.close()


class Client:
    """h2's own idea of a connection.

    Attributes:
        bodies: what came of each stream.
        trailers: what ended it.
        heads: what began it.
        refused: streams that were not taken.
        pongs: how many pings were answered.
    """

    def __init__(self, server, **settings):
        self.bodies, self.trailers, self.heads, self.refused, self.pongs = {}, {}, {}, set(), 0
        self.socket = socket.create_connection(("127.0.0.1", server.port), timeout=20)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        given = {getattr(SettingCodes, name): value for name, value in settings.items()}
        self.h2.local_settings = h2.settings.Settings(client=True, initial_values=given)
        self.h2.initiate_connection()
        self.flush()

    def flush(self):
        self.socket.sendall(self.h2.data_to_send())

    def receive(self):
        data = self.socket.recv(65_536)
        assert data, "the connection was closed"
        for event in self.h2.receive_data(data):
            match event:
                case h2.events.ResponseReceived():
                    self.heads[event.stream_id] = dict(event.headers)
                case h2.events.DataReceived():
                    self.bodies[event.stream_id] = self.bodies.get(event.stream_id, b"") + event.data
                    self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                case h2.events.TrailersReceived():
                    self.trailers[event.stream_id] = dict(event.headers)
                case h2.events.StreamReset():
                    self.refused |= {event.stream_id} if event.error_code == REFUSED else set()
                case h2.events.PingAckReceived():
                    self.pongs += 1
        self.flush()

    def ask(self, body, headers=REQUEST):
        """Send a request as flow control lets it, and return its stream."""
        stream = self.h2.get_next_available_stream_id()
        self.h2.send_headers(stream, headers)
        while body:
            room = min(self.h2.local_flow_control_window(stream), self.h2.max_outbound_frame_size, len(body))
            if room:
                self.h2.send_data(stream, body[:room])
                body = body[room:]
                self.flush()
            else:
                self.receive()
        self.h2.end_stream(stream)
        self.flush()
        return stream

    def answers(self, *streams):
        """The body of each stream, once all have ended as they should."""
        while not all(stream in self.trailers for stream in streams):
            self.receive()
        assert all(self.trailers[stream] == {"done": "yes"} for stream in streams)
        return [self.bodies.get(stream, b"") for stream in streams]

    def settle(self):
        """Wait until the server has taken all that was sent."""
        self.h2.ping(b"12345678")
        self.flush()
        while not self.pongs:
            self.receive()


def test_answers_are_what_another_implementation_understands(server):
    client = Client(server)
    bodies = [b"", b"a", b"b" * 100_000, bytes(range(256)) * 8_000]
    assert client.answers(*[client.ask(body) for body in bodies]) == bodies
    for number in range(300):  # the table of headers is the same for all, then another, then again
        more = [("x-number", str(number))] if number % 3 == 0 else []
        assert client.answers(client.ask(b"again", REQUEST + more)) == [b"again"]
    assert server.calls[-2].stream.head[b"te"] == b"trailers"
    assert server.calls[-3].stream.head[b"x-number"] == b"297"
    assert b"x-number" not in server.calls[-1].stream.head


def test_a_client_with_small_windows_gets_all_and_no_more_than_it_takes(server):
    client = Client(server, INITIAL_WINDOW_SIZE=10, MAX_FRAME_SIZE=16_384)
    streams = [client.ask(bytes([number]) * 500) for number in range(3)]
    assert client.answers(*streams) == [bytes([number]) * 500 for number in range(3)]


def test_a_window_that_grows_by_the_settings_lets_data_go(server):
    client = Client(server, INITIAL_WINDOW_SIZE=0)
    stream = client.ask(b"held up")
    while stream not in client.heads:
        client.receive()
    assert stream not in client.bodies
    client.h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 5})
    client.flush()
    assert client.answers(stream) == [b"held up"]


def test_padding_and_priority_are_taken_off(server):
    client = Client(server)
    stream = client.h2.get_next_available_stream_id()
    client.h2.send_headers(stream, REQUEST, priority_weight=10, priority_depends_on=0)
    client.h2.send_data(stream, b"padded", pad_length=200, end_stream=True)
    client.flush()
    assert client.answers(stream) == [b"padded"]


def test_a_call_given_up_is_told_and_one_that_goes_on_is_not_touched(server):
    client = Client(server)
    first, second = client.h2.get_next_available_stream_id(), 3
    client.h2.send_headers(first, REQUEST)
    client.h2.send_headers(second, REQUEST)
    client.h2.reset_stream(first)
    client.h2.send_data(second, b"on", end_stream=True)
    client.flush()
    assert client.answers(second) == [b"on"]
    assert [call.is_left for call in server.calls] == [True, False]


def test_all_calls_are_told_when_their_connection_is_lost(server):
    client = Client(server)
    client.h2.send_headers(1, REQUEST)
    client.settle()
    client.socket.close()
    while server.connections:
        server.do(lambda: None)
    assert [call.is_left for call in server.calls] == [True]


def test_a_connection_that_goes_answers_what_was_sent_before_and_closes(server):
    going, late = b"going\x00\x00\x00", frame(0, 1, 3, b"late")
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as client:
        client.sendall(PREFACE + SETTINGS + head(1, 5) + head(3) + frame(6, 0, 0, b"12345678"))
        received = b""
        while b"12345678" not in received:
            received += client.recv(65_536)
        server.do(lambda: [connection.go() for connection in server.connections])
        client.sendall(head(5))  # sent before the client was told
        while going not in received:
            received += client.recv(65_536)
        client.sendall(frame(6, 1, 0, going) + head(7, 5))  # it knows, and does it all the same
        client.sendall(frame(0, 1, 7, b"refused") + late + frame(0, 1, 5, b"too"))
        received += b"".join(iter(lambda: client.recv(65_536), b""))
    assert goodbyes(received) == [NO_ERROR, NO_ERROR]
    assert frame(7, 0, 0, WORD(5) + WORD(NO_ERROR)) in received
    assert frame(3, 0, 7, WORD(REFUSED)) in received
    assert [call.body for call in server.calls] == [b"", b"late", b"too"]
    assert frame(0, 0, 3, b"late") in received


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">L", len(payload))[1:] + bytes((kind, flags)) + struct.pack(">L", stream) + payload


def head(stream=1, flags=4, pairs=REQUEST):
    return frame(1, flags, stream, hpack.Encoder().encode(pairs))


WORD = struct.Struct(">L").pack
BROKEN = {
    "no HTTP/2": (b"GET / HTTP/1.1\r\nhost: here\r\n\r\n", PROTOCOL),
    "no settings first": (PREFACE + frame(6, 0, 0, b"8" * 8), PROTOCOL),
    "a frame over 16 kB": (PREFACE + SETTINGS + frame(0, 0, 1, b"x" * 16_385), SIZE),
    "data of no stream": (PREFACE + SETTINGS + frame(0, 0, 1, b"x"), PROTOCOL),
    "data of the connection": (PREFACE + SETTINGS + frame(0, 0, 0, b"x"), PROTOCOL),
    "an even number": (PREFACE + SETTINGS + head(2), PROTOCOL),
    "a number again": (PREFACE + SETTINGS + head(5, 5) + head(3, 5), CLOSED),
    "headers that are none": (PREFACE + SETTINGS + frame(1, 4, 1, b"\xff\xff\xff\xff\xff\xff"), COMPRESSION),
    "headers that stop": (PREFACE + SETTINGS + head(1, 0) + frame(6, 0, 0, b"8" * 8), PROTOCOL),
    "headers without end": (PREFACE + SETTINGS + head(1, 0) + frame(9, 0, 1, b"x" * 9_000) * 2, CALM),
    "headers of nothing": (PREFACE + SETTINGS + head(1, 0) + frame(9, 0, 1) * 2, CALM),
    "headers larger than they look": (
        PREFACE + SETTINGS + frame(1, 4, 1, b"\x40\x01a\x7f\xc9\x0f" + b"v" * 2_000 + b"\xbe" * 2_000),
        COMPRESSION,
    ),
    "a continuation of nothing": (PREFACE + SETTINGS + frame(9, 4, 1), PROTOCOL),
    "more padding than frame": (PREFACE + SETTINGS + head() + frame(0, 8, 1, b"\x05abc"), PROTOCOL),
    "a push": (PREFACE + SETTINGS + frame(5, 4, 1, WORD(2)), PROTOCOL),
    "a short ping": (PREFACE + SETTINGS + frame(6, 0, 0, b"1"), SIZE),
    "a window of nothing": (PREFACE + SETTINGS + frame(8, 0, 0, WORD(0)), PROTOCOL),
    "a window too large": (PREFACE + SETTINGS + frame(8, 0, 0, WORD(2**31 - 1)), FLOW_CONTROL),
    "settings of a stream": (PREFACE + frame(4, 0, 1), PROTOCOL),
    "half a setting": (PREFACE + frame(4, 0, 0, b"123"), SIZE),
    "a first window too large": (PREFACE + frame(4, 0, 0, struct.pack(">HL", 4, 2**31)), FLOW_CONTROL),
    "a frame size too small": (PREFACE + frame(4, 0, 0, struct.pack(">HL", 5, 1)), PROTOCOL),
    "a reset of no stream": (PREFACE + SETTINGS + frame(3, 0, 7, WORD(8)), PROTOCOL),
    "calls that we are made to give up": (
        PREFACE
        + SETTINGS
        + b"".join(head(number, 4) + frame(8, 0, number, WORD(0)) for number in range(1, 4 * MOST_WASTED, 2)),
        CALM,
    ),
    "settings without end": (PREFACE + SETTINGS * (MOST_WASTED + 2), CALM),
    "calls given up without end": (
        PREFACE
        + SETTINGS
        + b"".join(head(number, 4) + frame(3, 0, number, WORD(8)) for number in range(1, 4 * MOST_WASTED, 2)),
        CALM,
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_client_that_breaks_the_protocol_is_told_and_left(server, name):
    sent, code = BROKEN[name]
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as client:
        client.sendall(sent)
        received = b""
        with contextlib.suppress(ConnectionResetError):  # what it sent last was not read any more
            while data := client.recv(65_536):
                received += data
    assert goodbyes(received) == [code]
    while server.connections:
        server.do(lambda: None)


def goodbyes(received):
    """Codes of the GOAWAY frames in what was received."""
    codes = []
    while len(received) >= 9:
        size = int.from_bytes(received[:3], "big")
        if received[3] == 7:
            codes.append(int.from_bytes(received[13:17], "big"))
        received = received[9 + size :]
    return codes


@pytest.mark.parametrize(
    "pairs",
    [
        [(":method", "POST"), (":path", "/echo")],
        [*REQUEST, ("Upper", "case")],
        [*REQUEST, (":path", "/late")],
        [(":method", "POST"), *REQUEST],
        [*REQUEST, ("connection", "close")],
        [*REQUEST[:4], ("te", "gzip")],
        [(":method", "POST"), (":scheme", "http"), (":path", ""), ("te", "trailers")],
        [*REQUEST[:4], (":strange", "1")],
    ],
)
def test_a_head_that_no_request_may_have_ends_its_stream_only(server, pairs):
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as client:
        client.sendall(PREFACE + SETTINGS + head(1, 5, pairs) + head(3, 5) + frame(6, 0, 0, b"12345678"))
        received = b""
        while b"12345678" not in received:
            received += client.recv(65_536)
    assert frame(3, 0, 1, WORD(PROTOCOL)) in received
    assert [call.stream.number for call in server.calls] == [3]


@pytest.mark.parametrize("window", [0, 2**31 - 1])
def test_a_client_that_does_not_read_is_soon_answered_no_more(server, window):
    """By its windows, or by not emptying its socket: it cannot have the server hold answers without end."""
    silent = Client(server, INITIAL_WINDOW_SIZE=window)
    silent.h2.increment_flow_control_window(2**31 - 1 - 65_535)
    asked = [silent.ask(b"", [(":path", "/large"), *REQUEST[:2], *REQUEST[3:]]) for _ in range(8)]
    other = Client(server)
    assert other.answers(other.ask(b"at once")) == [b"at once"]
    assert len(server.calls) - 1 in (5, 6)  # 16 MB are over 4 answers, and the socket takes a bit
    silent.h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 2**31 - 1})
    silent.flush()
    taken = asked[: len(server.calls) - 1]
    assert silent.answers(*taken) == [LARGE] * len(taken)
    assert silent.refused == set(asked) - set(taken)
    assert silent.answers(silent.ask(b"and on it goes")) == [b"and on it goes"]


def test_a_frame_does_not_cost_a_look_at_every_call(server, monkeypatch):
    """The calls whose own windows are shut are not tried whenever that of their connection grows."""
    tried = []
    send_data = Http2Connection.send_data
    monkeypatch.setattr(
        Http2Connection, "send_data", lambda self, stream, data: tried.append(stream) or send_data(self, stream, data)
    )
    client = Client(server, INITIAL_WINDOW_SIZE=0)
    streams = [client.ask(b"held up") for _ in range(200)]
    client.settle()
    tried.clear()
    client.socket.sendall(frame(8, 0, 0, WORD(1)) * 100)
    client.settle()
    assert not tried
    client.h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 7})
    client.flush()
    assert client.answers(*streams) == [b"held up"] * 200


def test_data_for_calls_that_are_over_is_not_answered_without_end(server):
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as client:
        client.sendall(PREFACE + SETTINGS + head(1, 5))
        flood, sent = frame(0, 0, 1) * 100_000, 0
        client.settimeout(2)
        with contextlib.suppress(OSError):  # it is parted from; what it does not read would wait for ever
            for _ in range(20):
                client.sendall(flood)
                sent += 1
    assert sent < 20

"""HTTP/2 (RFC 9113) on asyncio, as far as a gRPC server that no browser asks needs it.

All that has arrived is taken at once and all answers of a moment leave in one write, which makes single calls
cheap. docs/decisions/grpc.md says why it is not a library.
"""

import asyncio
from collections.abc import Callable
from typing import Final

import hpack

from bento.http2_frames import (
    ACK,
    END_HEADERS,
    END_STREAM,
    LARGEST_FRAME_LIMIT,
    LARGEST_STREAM,
    LARGEST_WINDOW,
    SMALLEST_FRAME_LIMIT,
    WITH_PRIORITY,
    ConnectionFailedError,
    ErrorCode,
    Kind,
    Setting,
    frame,
    number,
    request_head,
    settings_frame,
    settings_in,
    unpadded,
)
from bento.http2_limits import (
    CONNECTION_WINDOW,
    FIRST_WINDOW,
    LONGEST_HEAD,
    MOST_KNOWN,
    MOST_STREAMS,
    MOST_UNREAD,
    MOST_WASTED,
    OLDEST_S,
    STREAM_WINDOW,
)
from bento.http2_link import Http2Link
from bento.http2_stream import Http2Stream, Receiver

PRIORITY_BYTES: Final = 5
_GOING: Final = b"going\x00\x00\x00"
_OURS: Final = (
    (Setting.MAX_CONCURRENT_STREAMS, MOST_STREAMS),
    (Setting.INITIAL_WINDOW_SIZE, STREAM_WINDOW),
    (Setting.MAX_HEADER_LIST_SIZE, LONGEST_HEAD),
)


class Http2Connection(Http2Link):
    """One client.

    Args:
        accept: makes the receiver of a new stream.
        connections: all of the server; this one is in it while it is open.

    Attributes:
        unread: bytes of answers that flow control holds up.
        blocked: streams that only the connection holds up: their own windows are open.
    """

    def __init__(self, accept: Callable[[Http2Stream], Receiver], connections: "set[Http2Connection]") -> None:
        super().__init__()
        self._accept, self._connections = accept, connections
        self.unread = 0
        self.blocked: dict[Http2Stream, None] = {}
        self._streams: dict[int, Http2Stream] = {}
        self._wasted = 0
        self._decoder = hpack.Decoder(max_header_list_size=LONGEST_HEAD)
        self._known_heads: dict[bytes, dict[bytes, bytes]] = {}
        self._block: tuple[int, int, bytes] | None = None
        self._settled = self._going = self._paused = False
        self._window = FIRST_WINDOW
        self._received_left = CONNECTION_WINDOW
        self._stream_window, self._frame_limit = FIRST_WINDOW, SMALLEST_FRAME_LIMIT
        self._take: dict[int, Callable[[int, int, bytes], None]] = {
            Kind.DATA: self._take_data,
            Kind.HEADERS: self._take_headers,
            Kind.PRIORITY: self._take_priority,
            Kind.RST_STREAM: self._take_reset,
            Kind.SETTINGS: self._take_settings,
            Kind.PUSH_PROMISE: self._take_push,
            Kind.PING: self._take_ping,
            Kind.GOAWAY: self._take_goaway,
            Kind.WINDOW_UPDATE: self._take_window,
            Kind.CONTINUATION: self._take_continuation,
        }

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Tell a new client our settings."""
        super().connection_made(transport)
        self._connections.add(self)
        self._aging = self._loop.call_later(OLDEST_S, self.go)
        self.write(settings_frame(_OURS))
        self.write(frame(Kind.WINDOW_UPDATE, 0, 0, number(CONNECTION_WINDOW - FIRST_WINDOW)))

    def connection_lost(self, error: Exception | None) -> None:
        """Let everyone know that nobody waits any more."""
        super().connection_lost(error)
        self._connections.discard(self)
        self._aging.cancel()
        for stream in list(self._streams.values()):
            stream.lost()

    def pause_writing(self) -> None:
        """Hold back: the client does not read."""
        self._paused = True

    def resume_writing(self) -> None:
        """Go on sending."""
        self._paused = False
        self._pump()

    def send_data(self, stream: Http2Stream, data: bytes | bytearray) -> int:
        """Send as much of a stream's data as its client takes now, and return how much that was."""
        room = 0 if self._paused else min(stream.window, self._window, len(data))
        if room <= 0:
            return 0
        for at in range(0, room, self._frame_limit):
            piece = bytes(data[at : min(at + self._frame_limit, room)])
            self.write(frame(Kind.DATA, 0, stream.number, piece))
        stream.window -= room
        self._window -= room
        return room

    def forget(self, stream: Http2Stream) -> None:
        """Take a stream out that is over."""
        self._streams.pop(stream.number, None)
        self.blocked.pop(stream, None)
        if self._going and not self._streams:
            self.close()

    def go(self) -> None:
        """Tell the client to send new calls elsewhere; those that are on their way are still taken."""
        self.write(frame(Kind.GOAWAY, 0, 0, number(LARGEST_STREAM) + number(ErrorCode.NO_ERROR)))
        self.write(frame(Kind.PING, 0, 0, _GOING))

    def take_frame(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        """Take one frame."""
        if self._block is not None:
            self._continue_block(kind, flags, stream, payload)
        elif not self._settled and kind != Kind.SETTINGS:
            raise ConnectionFailedError(ErrorCode.PROTOCOL_ERROR, "settings come first")
        elif take := self._take.get(kind):
            take(flags, stream, payload)

    def _take_data(self, flags: int, number_: int, payload: bytes) -> None:
        size = len(payload)
        self._received_left -= size
        if self._received_left < 0:
            raise ConnectionFailedError(ErrorCode.FLOW_CONTROL_ERROR, "more data than was granted")
        if self._received_left < CONNECTION_WINDOW // 2:
            grant = CONNECTION_WINDOW - self._received_left
            self._received_left += grant
            self.write(frame(Kind.WINDOW_UPDATE, 0, 0, number(grant)))
        stream = self._streams.get(number_)
        data = unpadded(flags, payload)
        if stream is None:
            self._must_be_over(number_)
            self.write(frame(Kind.RST_STREAM, 0, number_, number(ErrorCode.STREAM_CLOSED)))
            self._waste_if_unread()
            return
        stream.received_left -= size
        if stream.client_done:
            self._reset(stream, ErrorCode.STREAM_CLOSED)
        elif stream.received_left < 0:
            self._reset(stream, ErrorCode.FLOW_CONTROL_ERROR)
        else:
            stream.receiver.received(data)
            self._end(flags, stream)

    def _take_headers(self, flags: int, number_: int, payload: bytes) -> None:
        block = unpadded(flags, payload)
        if flags & WITH_PRIORITY:
            _depending(number_, block[:PRIORITY_BYTES])
            block = block[PRIORITY_BYTES:]
        if flags & END_HEADERS:
            self._head(flags, number_, block)
        else:
            self._block = (flags, number_, block)

    def _continue_block(self, kind: int, flags: int, number_: int, payload: bytes) -> None:
        """Take the next part of a header block: nothing may stand between."""
        begun, expected, block = self._block or (0, 0, b"")
        block += payload
        if kind != Kind.CONTINUATION or number_ != expected:
            raise ConnectionFailedError(ErrorCode.PROTOCOL_ERROR, "the header block is not whole")
        if len(block) > LONGEST_HEAD or not payload:
            raise ConnectionFailedError(ErrorCode.ENHANCE_YOUR_CALM, f"headers over {LONGEST_HEAD:,} bytes")
        self._block = (begun, number_, block)
        if flags & END_HEADERS:
            self._block = None
            self._head(begun, number_, block)

    def _head(self, flags: int, number_: int, block: bytes) -> None:
        """Begin a stream, or end one with the client's trailers."""
        stream = self._streams.get(number_)
        if stream is not None:
            self._decoded(block)
            if stream.client_done or not flags & END_STREAM:
                self._reset(stream, ErrorCode.STREAM_CLOSED if stream.client_done else ErrorCode.PROTOCOL_ERROR)
            else:
                self._end(flags, stream)
            return
        if number_ % 2 == 0 or number_ <= self.last:
            code = ErrorCode.PROTOCOL_ERROR if number_ % 2 == 0 else ErrorCode.STREAM_CLOSED
            raise ConnectionFailedError(code, "no new stream may have this number")
        head = self._decoded(block)  # also of those refused: the client's table goes on
        self.last = number_  # also of those refused: their data may be on its way
        if self._going:
            self._refuse(number_, ErrorCode.REFUSED_STREAM)
            return
        if head is None or not self._has_room():
            self._refuse(number_, ErrorCode.PROTOCOL_ERROR if head is None else ErrorCode.REFUSED_STREAM)
            return
        stream = self._streams[number_] = Http2Stream(self, number_, head, self._stream_window, STREAM_WINDOW)
        stream.receiver = self._accept(stream)
        self._end(flags, stream)

    def _has_room(self) -> bool:
        """Return whether a further call can be taken now."""
        return len(self._streams) < MOST_STREAMS and not self.overfull

    @property
    def overfull(self) -> bool:
        """Whether so many answers wait for the client that nothing more is computed for it."""
        return self.unread + self._out_bytes + self._transport.get_write_buffer_size() >= MOST_UNREAD

    def _decoded(self, block: bytes) -> dict[bytes, bytes] | None:
        """Return the headers of a block, None where a request may not have them.

        A block of nothing but references to the table leaves it as it is, and means the same until the table changes.
        """
        if (known := self._known_heads.get(block)) is not None:
            return known
        try:
            head = request_head(self._decoder.decode(block, raw=True))
        except hpack.HPACKError as error:
            raise ConnectionFailedError(ErrorCode.COMPRESSION_ERROR, "the headers cannot be read") from error
        if any(byte < 0x80 or byte == 0xFF for byte in block):
            self._known_heads.clear()
        elif head is not None and len(self._known_heads) < MOST_KNOWN:
            self._known_heads[block] = head
        return head

    def _end(self, flags: int, stream: Http2Stream) -> None:
        if flags & END_STREAM and not stream.closed:
            stream.client_done = True
            stream.receiver.ended()

    def _refuse(self, number_: int, code: ErrorCode) -> None:
        self.write(frame(Kind.RST_STREAM, 0, number_, number(code)))
        self._waste()

    def _reset(self, stream: Http2Stream, code: ErrorCode) -> None:
        """Give up a stream for what the client did wrong; it counts as if the client had given it up."""
        stream.reset(code)
        self._waste()

    def _must_be_over(self, number_: int) -> None:
        if number_ == 0 or number_ > self.last:
            raise ConnectionFailedError(ErrorCode.PROTOCOL_ERROR, "there is no such stream")

    def _take_priority(self, _: int, number_: int, payload: bytes) -> None:
        _depending(number_, payload)

    def _take_push(self, _: int, __: int, ___: bytes) -> None:
        raise ConnectionFailedError(ErrorCode.PROTOCOL_ERROR, "clients do not push")

    def _take_continuation(self, _: int, __: int, ___: bytes) -> None:
        raise ConnectionFailedError(ErrorCode.PROTOCOL_ERROR, "there is no header block to go on with")

    def _take_goaway(self, _: int, number_: int, __: bytes) -> None:
        """Nothing is opened from here, so that nothing has to stop."""
        if number_:
            raise ConnectionFailedError(ErrorCode.PROTOCOL_ERROR, "to go is of the connection")

    def _take_reset(self, _: int, number_: int, payload: bytes) -> None:
        _sized(payload, 4)
        self._must_be_over(number_)
        if (stream := self._streams.get(number_)) is not None:
            stream.lost()
            self._waste()

    def _take_settings(self, flags: int, number_: int, payload: bytes) -> None:
        self._settled = True
        if number_ or (flags & ACK and payload):
            code = ErrorCode.PROTOCOL_ERROR if number_ else ErrorCode.FRAME_SIZE_ERROR
            raise ConnectionFailedError(code, "settings are of the connection, and are acknowledged empty")
        if flags & ACK:
            return
        for name, value in dict(settings_in(payload)).items():  # each touches all streams: only the last counts
            self._set(name, value)
        self.write(frame(Kind.SETTINGS, ACK, 0))
        self._waste()
        self._pump()

    def _set(self, name: int, value: int) -> None:
        """Follow a setting of the client."""
        if name == Setting.INITIAL_WINDOW_SIZE:
            if value > LARGEST_WINDOW:
                raise ConnectionFailedError(ErrorCode.FLOW_CONTROL_ERROR, "the window is too large")
            for stream in self._streams.values():
                stream.window += value - self._stream_window
            self._stream_window = value
            open_ = (stream for stream in self._streams.values() if stream.waiting and stream.window > 0)
            self.blocked = dict.fromkeys(open_)
        elif name == Setting.MAX_FRAME_SIZE:
            if not SMALLEST_FRAME_LIMIT <= value <= LARGEST_FRAME_LIMIT:
                raise ConnectionFailedError(ErrorCode.PROTOCOL_ERROR, "the frame size is out of bounds")
            self._frame_limit = value
        elif name == Setting.ENABLE_PUSH and value > 1:
            raise ConnectionFailedError(ErrorCode.PROTOCOL_ERROR, "push is on or off")

    def _take_ping(self, flags: int, number_: int, payload: bytes) -> None:
        _sized(payload, 8)
        if number_:
            raise ConnectionFailedError(ErrorCode.PROTOCOL_ERROR, "pings are of the connection")
        if not flags & ACK:
            self.write(frame(Kind.PING, ACK, 0, payload))
            self._waste_if_unread()
        elif payload == _GOING:
            self._going = True
            self.write(frame(Kind.GOAWAY, 0, 0, number(self.last) + number(ErrorCode.NO_ERROR)))
            if not self._streams:
                self.close()

    def _take_window(self, _: int, number_: int, payload: bytes) -> None:
        _sized(payload, 4)
        more = int.from_bytes(payload, "big") & LARGEST_WINDOW
        if number_ == 0:
            self._window += more
            if not more or self._window > LARGEST_WINDOW:
                code = ErrorCode.FLOW_CONTROL_ERROR if more else ErrorCode.PROTOCOL_ERROR
                raise ConnectionFailedError(code, "a window grows by at least 1 up to 2 GB")
            self._pump()
            return
        self._must_be_over(number_)
        if (stream := self._streams.get(number_)) is not None:
            stream.window += more
            if not more or stream.window > LARGEST_WINDOW:
                self._reset(stream, ErrorCode.FLOW_CONTROL_ERROR if more else ErrorCode.PROTOCOL_ERROR)
            elif stream.waiting:
                stream.pump()

    def _pump(self) -> None:
        """Send what was held up, each stream in its turn."""
        for stream in list(self.blocked):
            if self._paused or self._window <= 0:
                return
            del self.blocked[stream]
            self.blocked[stream] = None
            stream.pump()

    def _waste(self) -> None:
        """Count what costs us and brings the client nothing; a client that does little else has to go."""
        self._wasted += 1
        if self._wasted > MOST_WASTED + self.last // 4:
            raise ConnectionFailedError(ErrorCode.ENHANCE_YOUR_CALM, "too many calls given up")

    def _waste_if_unread(self) -> None:
        if self._paused:
            self._waste()


def _depending(number_: int, payload: bytes) -> None:
    """Check what is said of a stream's priority; nothing else comes of it.

    Raises:
        ConnectionFailedError: where it is of no stream, or of one that depends on itself.
    """
    _sized(payload, PRIORITY_BYTES)
    if number_ in (0, int.from_bytes(payload[:4], "big") & LARGEST_STREAM):
        raise ConnectionFailedError(ErrorCode.PROTOCOL_ERROR, "no stream depends on itself")


def _sized(payload: bytes, size: int) -> None:
    """Refuse a frame of another size.

    Raises:
        ConnectionFailedError: FRAME_SIZE_ERROR.
    """
    if len(payload) != size:
        raise ConnectionFailedError(ErrorCode.FRAME_SIZE_ERROR, f"{size} bytes were expected")

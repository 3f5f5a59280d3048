"""HTTP as bytes on a socket: what no well-behaved client sends."""

import json
import socket
import struct

from tests.service.service_process import Service


def connected(service: Service) -> socket.socket:
    host, port = service.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=30)


def post(body: bytes, path: str = "/predict", version: str = "1.1", length: int | None = None, more: str = "") -> bytes:
    """A POST as it goes over the wire; `length` announces another body than the one sent."""
    announced = len(body) if length is None else length
    head = f"POST {path} HTTP/{version}\r\nhost: meter\r\ncontent-type: application/json\r\n{more}"
    return f"{head}content-length: {announced}\r\n\r\n".encode() + body


def read_answer(connection: socket.socket, before: bytes = b"") -> tuple[int, dict[str, str], bytes, bytes]:
    """One answer: status, headers, body, and what came after it."""
    data = before
    while b"\r\n\r\n" not in data:
        data += _more(connection)
    head, _, rest = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    length = int(headers.get("content-length", 0))
    while len(rest) < length:
        rest += _more(connection)
    return int(first.split()[1]), headers, rest[:length], rest[length:]


def is_closed(connection: socket.socket) -> bool:
    """Whether the server has nothing more to say on a connection and closed it; waits for that."""
    try:
        while connection.recv(65_536):
            pass
    except ConnectionError:
        pass
    return True


def reset(connection: socket.socket) -> None:
    """Leave as a client does that was killed: with a reset in place of a farewell."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def as_json(value: object) -> bytes:
    return json.dumps(value).encode()


def _more(connection: socket.socket) -> bytes:
    data = connection.recv(65_536)
    assert data, "the server closed the connection in the middle of an answer"
    return data

"""An ASGI application with msgspec and a micro-batcher, and nothing else: what is left when everything is left out."""

import asyncio
from typing import Any

import msgspec

from benchmarks.serving.contenders.work import Values, Work

MOST = 512


class Reading(msgspec.Struct):
    """A snapshot."""

    voltage_v: float
    temperature_c: float | None
    power_factor: float | None
    load_kw: float
    frequency_hz: float | None
    local_hour: int
    local_day_of_week: int


class Answer(msgspec.Struct):
    """What is asked for."""

    units_kwh: float
    low_kwh: float
    high_kwh: float
    status: str


class MicroBatcher:
    """Answers together whatever arrived in one turn of the event loop."""

    def __init__(self) -> None:
        self._work = Work()
        self._waiting: list[tuple[Reading, asyncio.Future[Values]]] = []

    def ask(self, reading: Reading) -> "asyncio.Future[Values]":
        """Return the future values of a reading."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Values] = loop.create_future()
        self._waiting.append((reading, future))
        if len(self._waiting) == 1:
            loop.call_soon(self._answer)
        return future

    def _answer(self) -> None:
        """Answer those who wait."""
        now, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._answer)
        values = self._work.predict([reading for reading, _ in now])
        for (_, future), one in zip(now, values, strict=True):
            if not future.done():
                future.set_result(one)


batcher = MicroBatcher()
decode = msgspec.json.Decoder(Reading).decode
encode = msgspec.json.Encoder().encode


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answer every request as one for a prediction."""
    if scope["type"] != "http":
        return
    parts, more = [], True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    status, body = 200, b""
    try:
        body = encode(Answer(*await batcher.ask(decode(b"".join(parts)))))
    except msgspec.DecodeError as error:
        status, body = 422, encode({"detail": str(error)})
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})

"""The route that forecasts, and what the meters' routes share with it: one queue, one batcher, one model a batch."""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final, NamedTuple

from bento.asked import Asked, asked_by
from bento.champion import ChampionSource
from bento.forecast_answers import forecast_each
from bento.forecast_decoding import decode_forecast
from bento.forecast_model import ForecastModel, a_forecast
from bento.forecast_schemas import Forecast
from bento.handlers import STALE, WARM_UP_BATCHES, spared
from bento.keys import Caller
from bento.metrics import ServingMetrics
from bento.private import MicroBatcher, OverloadedError, turn
from bento.routes import Request
from bento.wire import Answer, RefusedRequestError, encode

FORECAST_LIMIT: Final = 8_388_608
"""Bytes of a request: 56 days of minutes as objects, and room."""

MOST_WAITING: Final = 128
"""Forecasts that may wait: at about 4 ms each for a week of hours, half a second."""

LARGEST_BATCH: Final = 16
"""Forecasts computed together: more would keep single readings waiting for the interpreter, and gain little."""


class Waiting(NamedTuple):
    """A forecast in the queue.

    Attributes:
        asked: what is to be computed.
        gone: whether whoever asked has left.
    """

    asked: Asked
    gone: Callable[[], bool]


class Forecasting:
    """Answers forecasts in micro-batches. Requests are read in one thread and computed in another.

    Args:
        source: whose champion forecasts.
        metrics: what is counted.
    """

    def __init__(self, source: ChampionSource[ForecastModel], metrics: ServingMetrics) -> None:
        self._source, self._metrics = source, metrics
        self._batched: MicroBatcher[Waiting, Any] = MicroBatcher(self._answer, LARGEST_BATCH)
        self._reading, self._computing = (
            ThreadPoolExecutor(max_workers=1, thread_name_prefix=name) for name in ("read", "forecast")
        )
        self._read = 0

    async def post(self, request: Request) -> Answer:
        """Answer `POST /forecast`.

        Raises:
            RefusedRequestError: 400, 403, 422, 429 or 503.
        """
        model = self.model()
        known = model.forecaster.intervals, model.forecaster.uses_weather
        asked = await self.beside(_read, request.body, request.caller, *known)
        return self.answer(await self.forecast(asked, request.gone))

    async def beside(self, read: Callable[..., Asked], *given: Any) -> Asked:
        """Return what `read` makes of a request, beside the event loop: a history takes milliseconds.

        Raises:
            RefusedRequestError: 429 where too many wait already, and what `read` raises.
        """
        if self._read + self._batched.waiting >= MOST_WAITING:
            raise self._overload()
        self._read += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._reading, read, *given)
        finally:
            self._read -= 1

    async def forecast(self, asked: Asked, gone: Callable[[], bool]) -> Forecast:
        """Return a forecast, computed together with those that wait beside it.

        Args:
            asked: what is wanted.
            gone: whether whoever asked has left: then nothing is computed.

        Raises:
            RefusedRequestError: 429 or 503.
        """
        self.model()
        try:
            outcome = await turn(self._batched(Waiting(asked, gone)))
        except OverloadedError:
            raise self._overload() from None
        if outcome is None:
            raise RefusedRequestError(400, "the client left")
        return outcome

    def answer(self, forecast: Forecast) -> Answer:
        """Return a forecast as it is sent."""
        return Answer(encode(forecast), headers=STALE if self._source.stale else ())

    def model(self) -> ForecastModel:
        """Return the model that forecasts.

        Raises:
            RefusedRequestError: 503 while there is none.
        """
        model = self._source.champion
        if model is None:
            detail = f"no forecast model is loaded: {self._source.reason}"
            raise RefusedRequestError(503, detail, headers=((b"retry-after", b"5"),))
        return model

    async def warm_up(self) -> None:
        """Let the batcher learn before the first client comes."""
        if model := self._source.champion:
            for _ in range(WARM_UP_BATCHES):
                await self._batched(Waiting(a_forecast(model), lambda: False))

    def close(self) -> None:
        """Stop the threads."""
        for thread in (self._reading, self._computing):
            thread.shutdown(wait=False, cancel_futures=True)

    def _overload(self) -> RefusedRequestError:
        self._metrics.rejected()
        detail = "too many forecasts are waiting; try again in a second"
        return RefusedRequestError(429, detail, headers=((b"retry-after", b"1"),))

    async def _answer(self, items: Sequence[Waiting]) -> list[Any]:
        """Answer a micro-batch with one model from first to last; nothing is computed for who has left."""
        model = self.model()
        there = [number for number, item in enumerate(items) if not item.gone()]
        asked = [items[number].asked for number in there]
        loop = asyncio.get_running_loop()
        compute = partial(forecast_each, forecaster=model.forecaster, version=model.version)
        answers = await loop.run_in_executor(self._computing, spared, asked, compute)
        outcomes: list[Any] = [None] * len(items)
        for number, answer in zip(there, answers, strict=True):
            outcomes[number] = answer
        self._metrics.forecasts(len(there), model.version)
        return outcomes


def _read(body: bytes, caller: Caller, intervals: Sequence[int], uses_weather: bool) -> Asked:
    """Return what the body of a request asks for, where its meter may be seen."""
    request = decode_forecast(body)
    caller.require(request.meter_id)
    return asked_by(request, intervals, time.time(), uses_weather)

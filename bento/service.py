"""The BentoML service. `bentoml serve bento.service:MeterPrediction` from the folder above; `meter serve` does that."""

import asyncio
import gc
import os
from collections.abc import Iterator
from typing import Any, Final

os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")
os.environ.setdefault("DO_NOT_TRACK", "1")

import bentoml
import msgspec

from bento.answers import answer_each
from bento.champion import ChampionSource, load_champion
from bento.cors import Cors
from bento.data_docs import data_docs_folder
from bento.decoding import decode_reading
from bento.draining import drain_before_stopping
from bento.exchange import take_short_way
from bento.explaining import explaining
from bento.forecast_model import load_forecast_model, try_forecast
from bento.forecasting import FORECAST_LIMIT, Forecasting
from bento.grpc_methods import PredictionMethods
from bento.grpc_server import GrpcServer
from bento.handlers import LARGEST_MICRO_BATCH, Predicting, try_out
from bento.keys import Keys
from bento.lean import LeanApp
from bento.meters import MeterPages
from bento.metrics import ServingMetrics
from bento.pages import page_routes
from bento.private import DROP_AFTER_MS, AsgiApp, OutsideService
from bento.routes import Route, Routes
from bento.short_way import PATHS, ShortWay
from bento.tracing import Tracing
from bento.wire import RefusedRequestError, wrong_values
from meter_core.contracts.models import REGISTERED_MODELS
from meter_core.settings import Settings
from meter_core.store.lookups import Lookups

ONE_LIMIT: Final = 262_144
"""Bytes of one reading: 1,344 values with all their digits, and room."""

MANY_LIMIT: Final = 33_554_432
"""Bytes of a batch: 10,000 readings with three weeks of hours each."""


class Worker:
    """What one worker process holds."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.metrics = ServingMetrics()
        self.source = ChampionSource(
            settings, REGISTERED_MODELS["reading"], load_champion, try_out, self.metrics.model_of
        )
        self.predicting = Predicting(self.source, self.metrics)
        self.ahead = ChampionSource(
            settings, REGISTERED_MODELS["ahead"], load_forecast_model, try_forecast, self.metrics.model_of
        )
        self.forecasting = Forecasting(self.ahead, self.metrics)
        self.meters = MeterPages(Lookups(settings.database_url) if settings.database_url else None, self.forecasting)
        self.keys = Keys(settings.api_keys_file)
        self.tracing = Tracing(settings.trace_share)
        count = self.metrics.request
        methods = PredictionMethods(self.predicting, self.keys, count, ONE_LIMIT, MANY_LIMIT)
        self.grpc = GrpcServer(settings, methods, lambda: self.source.ready, self.tracing, count)
        self._tasks: list[asyncio.Task[None]] = []

    def app(self, inside: AsgiApp) -> LeanApp:
        """Return the application around BentoML's."""
        take_short_way(PATHS, ShortWay(self.predicting, self.keys, self.tracing, self.metrics.request))
        cors = Cors(self.settings.cors_origins)
        return LeanApp(inside, Routes(self._routes()), self.keys, cors, self.tracing, self.metrics.request)

    async def start(self) -> None:
        """Load the champion and warm up before the first request is taken."""
        await self.meters.start()
        await asyncio.gather(self.source.start(self.predicting.warm_up), self.ahead.start(self.forecasting.warm_up))
        self._tasks.append(asyncio.create_task(self.keys.follow()))
        await self.grpc.start()
        drain_before_stopping(self.settings.drain_seconds)
        gc.collect()
        gc.freeze()  # what is loaded by now stays: looking for garbage in it would stop every request for 30 ms

    async def stop(self) -> None:
        """Stop what runs beside the requests."""
        await self.grpc.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(self.source.stop(), self.ahead.stop(), self.meters.stop())
        self.predicting.close()
        self.forecasting.close()
        await asyncio.to_thread(self.tracing.close)

    def _routes(self) -> Iterator[Route]:
        """Yield all that is answered outside BentoML's middleware."""
        yield Route("POST", "/predict", self.predicting.one, ONE_LIMIT)
        yield Route("POST", "/predict_batch", self.predicting.many, MANY_LIMIT)
        yield Route("POST", "/explain", explaining(self.predicting), ONE_LIMIT)
        yield Route("POST", "/forecast", self.forecasting.post, FORECAST_LIMIT)
        yield from self.meters.routes()
        # With keys nothing is shown to just anyone, and a link in a browser brings no key.
        yield from page_routes(self.source, None if self.keys.closed else data_docs_folder(self.settings))


@bentoml.service(
    service_class=OutsideService,
    workers=1,
    logging={"access": {"enabled": False}},
    image=bentoml.images.Image(base_image="python:3.11-slim", distro="none", python_version="3.11"),
)
class MeterPrediction:
    """Predicts the energy of the interval that starts with a reading."""

    worker: Worker

    @classmethod
    def asgi(cls, inside: AsgiApp) -> LeanApp:
        """Return the worker's application: the lean routes outside BentoML's."""
        cls.worker = Worker(Settings())
        return cls.worker.app(inside)

    @bentoml.on_startup
    async def start(self) -> None:
        """Load the champion and warm up before the first request is taken."""
        await self.worker.start()

    @bentoml.on_shutdown
    async def stop(self) -> None:
        """Stop what runs beside the requests."""
        await self.worker.stop()

    async def __is_ready__(self) -> bool:
        """Answer `/readyz`: a model is loaded, or the registry says that there is none yet."""
        return self.worker.source.ready

    @bentoml.api(
        batchable=True, max_batch_size=LARGEST_MICRO_BATCH, max_latency_ms=DROP_AFTER_MS, route="/bentoml/predict"
    )
    async def predict(self, readings: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Predict readings through BentoML's own adaptive batching, for its clients; `/predict` is the same, faster.

        A reading that is wrong gets its problem in place of a prediction, so that it does not fail its neighbours.
        """
        return [self._answer(reading) for reading in readings]

    def _answer(self, reading: dict[str, Any]) -> dict[str, Any]:
        """Return one prediction or problem as plain values."""
        champion = self.worker.source.champion
        if champion is None:
            return {"status": 503, "detail": self.worker.source.reason}
        try:
            answer = answer_each([decode_reading(msgspec.json.encode(reading))], champion)[0]
            if isinstance(answer, list):
                raise wrong_values(answer)
        except RefusedRequestError as refusal:
            return {"status": refusal.status, "detail": refusal.detail, "errors": msgspec.to_builtins(refusal.errors)}
        return msgspec.to_builtins(answer)

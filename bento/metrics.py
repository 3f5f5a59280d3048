"""Prometheus metrics of the lean route: BentoML's own count only what passes its middleware. Always on."""

import os
from typing import Any, Final

from bento.champion import ChampionSource, ModelState

LATENCY_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
BATCH_BUCKETS: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
NEWEST: Final = "mostrecent"
"""A gauge is one figure, not one for each process that once wrote it."""

FORECAST_BATCH_BUCKETS: Final = (1, 2, 4, 8, 16)
AGE_BUCKETS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25)


class ServingMetrics:
    """Counters of one worker. Made inside the worker: prometheus_client decides on import where it counts."""

    def __init__(self) -> None:
        from prometheus_client import Counter, Gauge, Histogram

        _know_the_process()
        self._requests = Counter("meter_requests", "Requests by route and status.", ("route", "status"))
        self._seconds = Histogram(
            "meter_request_seconds", "From the request read to the answer written.", ("route",), buckets=LATENCY_BUCKETS
        )
        self._batch = Histogram("meter_batch_size", "Single readings answered together.", buckets=BATCH_BUCKETS)
        self._age = Histogram(
            "meter_queue_age_seconds", "How long the first reading of a batch had waited.", buckets=AGE_BUCKETS
        )
        self._rejected = Counter("meter_rejected", "Requests refused because too many were waiting.")
        self._abandoned = Counter("meter_abandoned", "Readings not computed because their client had left.")
        self._answered = Counter("meter_readings", "Readings answered, by model version.", ("model_version",))
        self._versions = Gauge(
            "meter_model_info", "1 for the version that answers.", ("model", "model_version"), multiprocess_mode=NEWEST
        )
        self._refused = Gauge(
            "meter_model_refused", "1 while the champion cannot be used.", ("model",), multiprocess_mode=NEWEST
        )
        self._stale = Gauge(
            "meter_model_stale",
            "1 while the registry has not confirmed the version that answers.",
            ("model",),
            multiprocess_mode=NEWEST,
        )
        self._shown: dict[str, str] = {}
        self._forecasts = Counter("meter_forecasts", "Forecasts made, by model version.", ("model_version",))
        self._forecast_batch = Histogram(
            "meter_forecast_batch_size", "Forecasts computed together.", buckets=FORECAST_BATCH_BUCKETS
        )
        self._children: dict[tuple[str, int], tuple[Counter, Histogram]] = {}

    def request(self, route: str, status: int, seconds: float) -> None:
        """Count a request."""
        children = self._children.get((route, status))
        if children is None:
            children = self._requests.labels(route, str(status)), self._seconds.labels(route)
            self._children[route, status] = children
        children[0].inc()
        children[1].observe(seconds)

    def batch(self, size: int, abandoned: int, age_s: float, model_version: str) -> None:
        """Count a batch of single readings: answered, left by their clients, and how long the first had waited."""
        self._age.observe(age_s)
        if abandoned:
            self._abandoned.inc(abandoned)
        if size:
            self._batch.observe(size)
            self.answered(size, model_version)

    def rejected(self) -> None:
        """Count a request that was refused because too many were waiting."""
        self._rejected.inc()

    def answered(self, size: int, model_version: str) -> None:
        """Count readings answered."""
        self._answered.labels(model_version).inc(size)

    def model_of(self, source: ChampionSource[Any]) -> None:
        """Show which version of a model answers, and what is wrong with its champion."""
        version = source.champion.version if source.champion else ""
        shown = self._shown.get(source.name, "")
        if shown and shown != version:
            self._versions.labels(source.name, shown).set(0)
        if version:
            self._versions.labels(source.name, version).set(1)
        self._shown[source.name] = version
        self._refused.labels(source.name).set(source.state is ModelState.REFUSED)
        self._stale.labels(source.name).set(source.stale)

    def forecasts(self, size: int, model_version: str) -> None:
        """Count forecasts made together."""
        if size:
            self._forecast_batch.observe(size)
            self._forecasts.labels(model_version).inc(size)


def _know_the_process() -> None:
    """Count without asking for the number of the process each time, which costs more than counting: no worker forks.

    With another name than the default's files have, because BentoML may have opened those.
    """
    from prometheus_client import values

    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        name = f"{os.getpid()}-worker"
        values.ValueClass = values.MultiProcessValue(lambda: name)

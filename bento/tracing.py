"""Traces of a sample of requests, sent by OTLP where `OTEL_EXPORTER_OTLP_ENDPOINT` names a collector.

Who is in the sample is decided before anything is made: a request outside it costs one random number. A caller's
`traceparent` decides where it sends one, so that a trace that began elsewhere is whole.
"""

import os
import random
import time
from collections.abc import Mapping
from typing import Any, Final

ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
SERVICE: Final = "meter-prediction"
"""Unless OTEL_SERVICE_NAME says another."""


class Tracing:
    """The sampler and the way to the collector.

    Args:
        share: of the requests without a `traceparent` that are traced, 0 to 1. Nothing is without a collector.
    """

    def __init__(self, share: float) -> None:
        self._provider = _provider() if share > 0 and any(map(os.environ.get, ENDPOINTS)) else None
        self._tracer: Any = self._provider.get_tracer("meter") if self._provider else None
        self._share = share

    def wanted(self, head: Mapping[bytes, bytes]) -> bool:
        """Return whether a request belongs to the sample."""
        if self._tracer is None:
            return False
        parent = head.get(b"traceparent")
        return random.random() < self._share if parent is None else parent[-1:] in b"13579bdf"  # noqa: S311

    def request(
        self, head: Mapping[bytes, bytes], method: str, route: str, status: int, identity: bytes, seconds: float
    ) -> None:
        """Record a request that has just been answered, where it belongs to the sample; no meter id, no value.

        Args:
            head: its headers.
            method: of HTTP.
            route: with names in place of what stood in the path.
            status: of the answer.
            identity: under which it was answered.
            seconds: it took.
        """
        if self.wanted(head):
            about: dict[str, str | int] = {"http.request.method": method, "http.route": route}
            about |= {"http.response.status_code": status, "http.request.header.x-request-id": identity.decode()}
            self.record(head, f"{method} {route}", about, seconds)

    def record(
        self, head: Mapping[bytes, bytes], name: str, attributes: Mapping[str, str | int], seconds: float
    ) -> None:
        """Record a request that has just been answered.

        Args:
            head: its headers.
            name: method and route.
            attributes: by OpenTelemetry's names; no meter id, no value.
            seconds: it took.
        """
        from opentelemetry.trace import SpanKind
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        carried = {name.decode("latin-1"): value.decode("latin-1") for name, value in head.items()}
        context = TraceContextTextMapPropagator().extract(carried)
        end_ns = time.time_ns()
        span = self._tracer.start_span(
            name, context, SpanKind.SERVER, attributes=attributes, start_time=end_ns - int(seconds * 1e9)
        )
        span.end(end_ns)

    def close(self) -> None:
        """Send what waits to be sent."""
        if self._provider:
            self._provider.shutdown()


def _provider() -> Any:
    """Return OpenTelemetry's provider: it sends in batches from a thread of its own."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.sampling import ALWAYS_ON

    provider = TracerProvider(
        ALWAYS_ON, Resource.create({"service.name": os.environ.get("OTEL_SERVICE_NAME", SERVICE)})
    )
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider

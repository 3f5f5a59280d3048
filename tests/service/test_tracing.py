"""A sample of requests reaches an OTLP collector: a real HTTP receiver, decoded with OpenTelemetry's own messages."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from bento.tracing import Tracing
from tests.service.readings import SATURDAY_EVENING
from tests.service.service_process import keep_as_last_copy, running_service

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture
def collector():
    spans = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                import gzip

                body = gzip.decompress(body)
            sent = ExportTraceServiceRequest.FromString(body)
            spans.extend(span for one in sent.resource_spans for scope in one.scope_spans for span in scope.spans)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            """Stay quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", spans
    server.shutdown()
    thread.join()
    server.server_close()


def test_traced_requests_arrive_with_route_and_status_and_nobodys_data(predictor, tmp_path, collector):
    url, spans = collector
    keep_as_last_copy(predictor, tmp_path)
    settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": url, "METER_TRACE_SHARE": "1", "OTEL_BSP_SCHEDULE_DELAY": "200"}
    with running_service(tmp_path, settings=settings) as service:
        parent = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
        service.client.post("/predict", json=SATURDAY_EVENING | {"meter_id": "M-secret"}, headers=parent)
        service.post("/predict", {})
        unsampled = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-00", "x-request-id": "not-this-one"}
        service.client.post("/predict", json=SATURDAY_EVENING, headers=unsampled)
        service.get("/model")
        service.wait_for(lambda: len(spans) >= 3)
    names = [(span.name, _attributes(span)["http.response.status_code"]) for span in spans]
    assert names == [("POST /predict", 200), ("POST /predict", 422), ("GET /model", 200)]
    assert spans[0].trace_id.hex() == TRACE
    assert 0 < spans[0].end_time_unix_nano - spans[0].start_time_unix_nano < 60e9
    assert "M-secret" not in str(spans)


def test_without_a_collector_nothing_is_traced(monkeypatch):
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    assert not Tracing(1.0).wanted({})
    assert not Tracing(1.0).wanted({b"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01".encode()})


def test_the_share_is_that_of_the_requests(monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    tracing = Tracing(0.1)
    traced = sum(tracing.wanted({}) for _ in range(20_000))
    assert 1_700 < traced < 2_300  # ten standard deviations of what chance gives
    tracing.close()


def _attributes(span):
    return {one.key: one.value.int_value or one.value.string_value for one in span.attributes}

"""gRPC gives what HTTP gives, bit for bit, to gRPC's own client; errors, streams and tools as users expect them."""

import os
import signal
import threading

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from grpc_status import rpc_status

from meter_core.rpc import prediction_pb2 as pb
from tests.service.grpc_client import as_http, client, columns, message, rows, without_paths
from tests.service.readings import SATURDAY_EVENING, at, made_up
from tests.service.test_lean_imports import worker_of

METER = "UCI-SCEAUX-01"
TIMED = [
    at("2009-03-29T00:30:00+00:00", "Europe/Paris", meter_id=METER, recent_kwh=[0.5, None] * 672),
    at("2020-01-05T18:29:59Z", "Asia/Kolkata", is_weekend=True, pf_issue=False, load_intensity=55.8),
]


@pytest.fixture(scope="module")
def stub(service):
    channel, stub = client(service.grpc)
    with channel:
        yield stub


@pytest.fixture(scope="module")
def channel(service):
    with grpc.insecure_channel(service.grpc) as channel:
        yield channel


def refused(call, code):
    """The violations of a call that is refused, by field."""
    with pytest.raises(grpc.RpcError) as error:
        call()
    assert error.value.code() is code, error.value
    found = {}
    for detail in getattr(rpc_status.from_call(error.value), "details", ()):
        bad = error_details_pb2.BadRequest()
        if detail.Unpack(bad):
            found |= {violation.field: violation.description for violation in bad.field_violations}
    return error.value, found


def metric(service, name):
    found = [line for line in service.get("/metrics").text.splitlines() if line.startswith(name)]
    return float(found[0].rsplit(" ", 1)[1]) if found else 0.0


def test_one_reading_gets_what_http_answers_bit_for_bit(service, stub):
    for reading in [SATURDAY_EVENING, *TIMED, *made_up(30)]:
        assert as_http(stub.Predict(message(reading))) == service.post("/predict", reading).json()


@pytest.mark.parametrize("readings", [made_up(64), TIMED])
def test_a_batch_gets_what_http_answers_in_the_layout_asked(service, stub, readings):
    expected = service.post("/predict_batch", {"readings": readings}).json()
    objects = pb.Readings(readings=map(message, readings))
    answer = stub.PredictBatch(pb.PredictBatchRequest(readings=objects))
    assert [as_http(one) for one in answer.predictions.predictions] == expected["predictions"]
    assert answer.model_version == expected["model_version"]

    table = stub.PredictBatch(pb.PredictBatchRequest(columns=columns(readings)))
    assert without_paths(rows(table.columns, table.model_version)) == without_paths(expected["predictions"])
    assert {len(answer["warnings"]) for answer in expected["predictions"]} != {0} or readings is TIMED


@pytest.mark.parametrize(
    "wrong",
    [
        {"voltage_v": -1.5},
        {"power_factor": 1.01},
        {"local_hour": 24},
        {"interval_minutes": 15},
        {"meter_id": ""},
        {"recent_kwh": [0.1] * 1345},
        {"is_weekend": False, "load_intensity": 60},
        {"voltage_v": -1.5, "local_day_of_week": 9, "temperature_c": 99.5},
        {"zone": "Europe/Pari"},
    ],
)
def test_what_is_wrong_is_told_as_over_http(service, stub, wrong):
    reading = SATURDAY_EVENING | wrong
    expected = service.post("/predict", reading).json()
    error, fields = refused(lambda: stub.Predict(message(reading)), grpc.StatusCode.INVALID_ARGUMENT)
    assert fields == {note["path"]: f"{note['message']}; {note['remedy']}" for note in expected["errors"]}
    assert error.details() == expected["detail"]


def test_what_is_missing_or_no_number_is_told(stub):
    reading = message(SATURDAY_EVENING)
    reading.ClearField("load_kw")
    reading.voltage_v = float("nan")
    _, fields = refused(lambda: stub.Predict(reading), grpc.StatusCode.INVALID_ARGUMENT)
    assert "load_kw is missing" in fields["load_kw"]
    assert "voltage_v is null: not a number" in fields["voltage_v"]
    reading = message(SATURDAY_EVENING | {"power_factor": float("inf")})
    assert (
        "inf: more than 1"
        in refused(lambda: stub.Predict(reading), grpc.StatusCode.INVALID_ARGUMENT)[1]["power_factor"]
    )


def test_what_is_wrong_in_a_batch_is_told_with_its_place(stub):
    good, bad = SATURDAY_EVENING, SATURDAY_EVENING | {"load_kw": 2e6}
    batch = pb.PredictBatchRequest(readings=pb.Readings(readings=[message(good), message(bad)]))
    assert set(refused(lambda: stub.PredictBatch(batch), grpc.StatusCode.INVALID_ARGUMENT)[1]) == {
        "readings[1].load_kw"
    }

    table = pb.PredictBatchRequest(columns=columns([good, bad, good | {"is_weekend": False}]))
    fields = refused(lambda: stub.PredictBatch(table), grpc.StatusCode.INVALID_ARGUMENT)[1]
    assert set(fields) == {"columns.load_kw[1]"}
    table = pb.PredictBatchRequest(columns=columns([good, good | {"is_weekend": False}]))
    fields = refused(lambda: stub.PredictBatch(table), grpc.StatusCode.INVALID_ARGUMENT)[1]
    assert set(fields) == {"columns.is_weekend[1]"}

    short = columns([good, good])
    del short.local_hour[1:]
    short.ClearField("voltage_v")
    fields = refused(
        lambda: stub.PredictBatch(pb.PredictBatchRequest(columns=short)), grpc.StatusCode.INVALID_ARGUMENT
    )[1]
    assert "has 1 values where another column has 2" in fields["columns.local_hour"]
    assert "is missing" in fields["columns.voltage_v"]


@pytest.mark.parametrize("layout", ["readings", "columns", "nothing"])
def test_an_empty_batch_is_refused(stub, layout):
    given = {"readings": pb.Readings(), "columns": pb.ReadingColumns()}
    batch = pb.PredictBatchRequest(**{layout: given[layout]} if layout in given else {})
    assert refused(lambda: stub.PredictBatch(batch), grpc.StatusCode.INVALID_ARGUMENT)[1]


@pytest.mark.parametrize("layout", ["readings", "columns"])
def test_more_than_ten_thousand_is_too_many(stub, layout):
    many = [SATURDAY_EVENING] * 10_001
    given = columns(many) if layout == "columns" else pb.Readings(readings=map(message, many))
    error, _ = refused(
        lambda: stub.PredictBatch(pb.PredictBatchRequest(**{layout: given})), grpc.StatusCode.INVALID_ARGUMENT
    )
    assert "10,000" in error.details()


def test_errors_without_end_fit_into_what_clients_take(stub):
    table = columns([SATURDAY_EVENING | {"load_kw": 2e6}] * 3_000)
    error, fields = refused(
        lambda: stub.PredictBatch(pb.PredictBatchRequest(columns=table)), grpc.StatusCode.INVALID_ARGUMENT
    )
    assert 10 < len(fields) < 100
    assert f"the details hold the first {len(fields)}" in error.details()


def test_a_wrong_reading_does_not_end_a_stream(service, stub):
    readings = made_up(60)
    readings[30] = readings[30] | {"voltage_v": -1.5}
    readings[31] = readings[31] | {"interval_minutes": 15}
    requests = (pb.PredictStreamRequest(id=2**63 + n, reading=message(one)) for n, one in enumerate(readings))
    replies = list(stub.PredictStream(requests))
    assert [reply.id for reply in replies] == [2**63 + n for n in range(60)]
    for number, (reply, reading) in enumerate(zip(replies, readings, strict=True)):
        expected = service.post("/predict", reading).json()
        if number in (30, 31):
            assert (reply.problem.status, reply.problem.detail) == (422, expected["detail"])
            assert [note.path for note in reply.problem.errors] == [note["path"] for note in expected["errors"]]
        else:
            assert as_http(reply.prediction) == expected


def test_each_answer_of_a_stream_comes_without_a_further_reading(stub):
    """A client that sends its next reading only after the answer to the one before."""
    answered = threading.Semaphore(1)

    def one_by_one():
        for number in range(20):
            assert answered.acquire(timeout=30)
            yield pb.PredictStreamRequest(id=number, reading=message(SATURDAY_EVENING))

    numbers = []
    for reply in stub.PredictStream(one_by_one(), timeout=60):
        numbers.append(reply.id)
        answered.release()
    assert numbers == list(range(20))


def test_a_long_stream_is_answered_whole(stub):
    """More than the windows of flow control hold, so that both sides have to grant each other more."""
    reading = message(SATURDAY_EVENING | {"recent_kwh": [0.25] * 100})
    requests = (pb.PredictStreamRequest(id=number, reading=reading) for number in range(3_000))
    assert [reply.id for reply in stub.PredictStream(requests)] == list(range(3_000))


def test_a_batch_longer_than_the_windows(service, stub):
    readings = [message(SATURDAY_EVENING | {"recent_kwh": [0.25] * 1_344})] * 400
    answer = stub.PredictBatch(pb.PredictBatchRequest(readings=pb.Readings(readings=readings)))
    expected = service.post("/predict", SATURDAY_EVENING | {"recent_kwh": [0.25] * 1_344}).json()
    assert {one.units_kwh for one in answer.predictions.predictions} == {expected["units_kwh"]}
    assert len(answer.predictions.predictions) == 400


def test_calls_at_once_do_not_touch_each_other(service, stub):
    readings = made_up(40)
    expected = [service.post("/predict", reading).json() for reading in readings]
    calls = [(number, stub.Predict.future(message(readings[number]))) for _ in range(10) for number in range(40)]
    for number, call in calls:
        assert as_http(call.result()) == expected[number]


@pytest.mark.parametrize("leave", ["deadline", "cancel"])
def test_nothing_is_computed_for_who_has_left(service, stub, leave):
    """The worker is held while the calls come and their clients leave: it finds both when it goes on."""
    stub.Predict(message(SATURDAY_EVENING))
    before, answered = metric(service, "meter_abandoned_total"), metric(service, "meter_readings_total")
    worker = int(worker_of(service.process.pid).name)
    os.kill(worker, signal.SIGSTOP)
    try:
        calls = [stub.Predict.future(message(SATURDAY_EVENING), timeout=0.3) for _ in range(5)]
        if leave == "cancel":
            calls = [stub.Predict.future(message(SATURDAY_EVENING)) for _ in range(5)]
            threading.Event().wait(0.2)  # until they are on their way: a call cancelled before is never sent
            for call in calls:
                call.cancel()
        else:
            assert {call.code() for call in calls} == {grpc.StatusCode.DEADLINE_EXCEEDED}
    finally:
        os.kill(worker, signal.SIGCONT)
    service.wait_for(lambda: metric(service, "meter_abandoned_total") >= before + 5)
    assert metric(service, "meter_readings_total") == answered
    assert stub.Predict(message(SATURDAY_EVENING)).model_version == "7"


def test_what_is_no_message_of_ours(channel, stub):
    for method in ("Predict", "PredictBatch"):
        raw = channel.unary_unary(f"/meter.v1.Prediction/{method}")
        error, _ = refused(lambda raw=raw: raw(b"\xff\xff\xff"), grpc.StatusCode.INVALID_ARGUMENT)
        assert "prediction.proto" in error.details()
    stream = channel.stream_stream("/meter.v1.Prediction/PredictStream")
    refused(lambda: list(stream(iter([b"\xff\xff\xff"]))), grpc.StatusCode.INVALID_ARGUMENT)
    refused(lambda: channel.unary_unary("/meter.v1.Prediction/Guess")(b""), grpc.StatusCode.UNIMPLEMENTED)
    for count in (0, 2):
        raw = channel.stream_unary("/meter.v1.Prediction/Predict")
        refused(lambda raw=raw, n=count: raw(iter([b""] * n)), grpc.StatusCode.INVALID_ARGUMENT)
    packed = message(SATURDAY_EVENING | {"recent_kwh": [0.5] * 1_000})
    refused(lambda: stub.Predict(packed, compression=grpc.Compression.Gzip), grpc.StatusCode.UNIMPLEMENTED)


def test_a_message_over_the_limit_is_not_read(stub):
    long = message(SATURDAY_EVENING | {"recent_kwh": [0.5] * 40_000})
    error, _ = refused(lambda: stub.Predict(long), grpc.StatusCode.INVALID_ARGUMENT)
    assert "262,144" in error.details()
    assert stub.Predict(message(SATURDAY_EVENING)).model_version == "7"


def test_a_calls_id_comes_back_and_calls_are_counted(service, stub):
    before = metric(service, 'meter_requests_total{route="grpc:Predict",status="200"}')
    _, call = stub.Predict.with_call(message(SATURDAY_EVENING), metadata=[("x-request-id", "mine-7")])
    assert ("x-request-id", "mine-7") in [(key, value) for key, value in call.trailing_metadata()]
    assert metric(service, 'meter_requests_total{route="grpc:Predict",status="200"}') == before + 1
    assert (("x-model-stale", "true") in call.trailing_metadata()) == (metric(service, "meter_model_stale") == 1)


def test_health_and_reflection(channel):
    health = health_pb2_grpc.HealthStub(channel)
    for name in ("", "meter.v1.Prediction"):
        asked = health_pb2.HealthCheckRequest(service=name)
        assert health.Check(asked).status == health_pb2.HealthCheckResponse.SERVING
    watching = health.Watch(health_pb2.HealthCheckRequest())
    assert next(watching).status == health_pb2.HealthCheckResponse.SERVING
    watching.cancel()
    refused(lambda: health.Check(health_pb2.HealthCheckRequest(service="x")), grpc.StatusCode.NOT_FOUND)

    tools = ProtoReflectionDescriptorDatabase(channel)
    assert set(tools.get_services()) > {"meter.v1.Prediction", "grpc.health.v1.Health"}
    found = tools.FindFileContainingSymbol("meter.v1.Prediction")
    assert [method.name for method in found.service[0].method] == ["Predict", "PredictBatch", "PredictStream"]

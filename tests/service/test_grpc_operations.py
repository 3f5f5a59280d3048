"""gRPC with keys, and what becomes of calls when the service is told to stop."""

import signal
import threading

import grpc
import pytest

from meter_core.contracts.api_keys import new_key, write_keys
from meter_core.rpc import prediction_pb2 as pb
from tests.service.grpc_client import client, message
from tests.service.readings import SATURDAY_EVENING
from tests.service.service_process import keep_as_last_copy, running_service

ONE = message(SATURDAY_EVENING)


def with_meter(name):
    return message(SATURDAY_EVENING | {"meter_id": name})


def code_of(call, *arguments, key=None, **more):
    """The code of a call that is refused."""
    metadata = [("authorization", f"Bearer {key}")] if key else []
    with pytest.raises(grpc.RpcError) as error:
        list(call(*arguments, metadata=metadata, **more))  # of a stream the refusal comes with its answers
    return error.value.code()


def test_keys_open_as_over_http(predictor, tmp_path):
    keep_as_last_copy(predictor, tmp_path)
    every, some = new_key("every", None, ""), new_key("some", ["M-1"], "")
    write_keys(tmp_path / "keys.json", [every[1], some[1]])
    with running_service(tmp_path, settings={"METER_API_KEYS_FILE": str(tmp_path / "keys.json")}) as service:
        channel, stub = client(service.grpc)
        batch = pb.PredictBatchRequest(readings=pb.Readings(readings=[with_meter("M-1"), with_meter("M-2")]))
        for key in (None, "mk_wrong"):
            assert code_of(stub.Predict, ONE, key=key) is grpc.StatusCode.UNAUTHENTICATED
            assert code_of(stub.PredictBatch, batch, key=key) is grpc.StatusCode.UNAUTHENTICATED
            assert code_of(stub.PredictStream, iter(()), key=key) is grpc.StatusCode.UNAUTHENTICATED
        assert stub.Predict(ONE, metadata=[("x-api-key", every[0])]).model_version == "7"
        mine = [("authorization", f"Bearer {some[0]}")]
        assert stub.Predict(with_meter("M-1"), metadata=mine).meter_id == "M-1"
        assert code_of(stub.Predict, with_meter("M-2"), key=some[0]) is grpc.StatusCode.PERMISSION_DENIED
        assert code_of(stub.PredictBatch, batch, key=some[0]) is grpc.StatusCode.PERMISSION_DENIED
        requests = [pb.PredictStreamRequest(id=n, reading=with_meter(f"M-{n}")) for n in (1, 2)]
        first, second = stub.PredictStream(iter(requests), metadata=mine)
        assert (first.prediction.meter_id, second.problem.status) == ("M-1", 403)
        channel.close()
        assert "M-2" not in service.log.read_text()


def test_calls_that_run_when_the_service_is_told_to_stop_are_answered(predictor, tmp_path):
    keep_as_last_copy(predictor, tmp_path)
    with running_service(tmp_path) as service:
        channel, stub = client(service.grpc)
        expected = stub.Predict(ONE)
        more = threading.Event()

        def readings():
            for number in range(5):
                yield pb.PredictStreamRequest(id=number, reading=ONE)
            more.wait(60)  # a stream whose client has no more to say for now

        stream = stub.PredictStream(readings())
        assert [next(stream).prediction for _ in range(5)] == [expected] * 5
        many = pb.PredictBatchRequest(readings=pb.Readings(readings=[ONE] * 10_000))
        batches = [stub.PredictBatch.future(many) for _ in range(4)]
        service.wait_for(lambda: batches[0].done())

        service.process.send_signal(signal.SIGTERM)
        with pytest.raises(grpc.RpcError) as error:
            next(stream)
        assert error.value.code() is grpc.StatusCode.UNAVAILABLE
        assert "open the stream again" in error.value.details()
        answers = [batch.result().predictions.predictions for batch in batches]
        assert [len(answer) for answer in answers] == [10_000] * 4
        assert answers[3][9_999] == expected
        more.set()
        assert service.process.wait(20) == 0
        channel.close()
    assert "Traceback" not in service.log.read_text()

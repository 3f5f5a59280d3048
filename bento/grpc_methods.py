"""The methods of meter.v1.Prediction: what HTTP answers, by the same queue, batcher, checks and keys."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from bento.champion import Champion
from bento.columns import of_readings
from bento.decoding import limited
from bento.grpc_calls import Call, Done, UnaryCall
from bento.grpc_columns import columns_message, columns_of
from bento.grpc_entries import require_few_entries
from bento.grpc_messages import parsed, prediction_message, raw_reading
from bento.grpc_stream import PredictionStream
from bento.handlers import Predicting
from bento.http2_stream import Http2Stream
from bento.keys import Caller, Keys
from bento.notes import in_columns, in_list
from bento.plain_readings import reading_from, readings_from
from bento.schemas import Prediction
from bento.wire import BodySpace, RefusedRequestError
from meter_core.rpc import prediction_pb2 as pb

SERVICE: Final[str] = pb.DESCRIPTOR.services_by_name["Prediction"].full_name


class PredictionMethods:
    """Answers calls.

    Args:
        predicting: answers readings.
        keys: who may ask.
        count: called with route, status and seconds of each reading of a stream.
        one_limit: bytes of a message with one reading.
        many_limit: bytes of a batch.
    """

    methods = ("Predict", "PredictBatch", "PredictStream")

    def __init__(
        self,
        predicting: Predicting,
        keys: Keys,
        count: Callable[[str, int, float], None],
        one_limit: int,
        many_limit: int,
    ) -> None:
        self._predicting, self._keys, self._count = predicting, keys, count
        self._one_limit, self._many_limit = one_limit, many_limit
        self._space = BodySpace()
        self._streams: set[PredictionStream] = set()
        self._batches: set[asyncio.Task[None]] = set()

    def open(self, method: str, stream: Http2Stream, done: Done) -> Call:
        """Return the call of a method that a stream begins.

        Raises:
            RefusedRequestError: 401 without a key: nothing is kept for who has none.
        """
        caller = self._keys.caller(stream.head)
        if method == "Predict":
            return UnaryCall(stream, self._one_limit, self._space, done, partial(self._predict, caller))
        if method == "PredictBatch":
            return UnaryCall(stream, self._many_limit, self._space, done, partial(self._predict_batch, caller))
        return self._open_stream(stream, done)

    def stop_streams(self) -> None:
        """Let each stream answer what it has taken, and end."""
        for stream in list(self._streams):
            stream.stop()

    def _predict(self, caller: Caller, call: Call, body: bytes) -> None:
        """Put a reading into the queue."""
        reading = reading_from(raw_reading(parsed(pb.Reading, body)))
        self._predicting.ask(reading, caller, call.gone).add_done_callback(partial(self._finish, call))

    def _finish(self, call: Call, future: "asyncio.Future[Any]") -> None:
        """Answer a reading whose turn has come."""
        try:
            reply = prediction_message(self._predicting.settled(future)).SerializeToString()
        except Exception as error:
            call.fail(error)
        else:
            call.reply(reply, self._predicting.stale())

    def _predict_batch(self, caller: Caller, call: Call, body: bytes) -> None:
        """Have a batch answered beside the event loop."""
        task = asyncio.create_task(self._many(call, body, caller))
        self._batches.add(task)
        task.add_done_callback(self._batches.discard)

    async def _many(self, call: Call, body: bytes, caller: Caller) -> None:
        try:
            reply = await self._predicting.in_thread(partial(self._batch, call, body, caller))
        except Exception as error:
            call.fail(error)
        else:
            call.reply(reply, self._predicting.stale())

    def _batch(self, call: Call, body: bytes, caller: Caller, champion: Champion) -> bytes:
        """Return the answer of a batch in the layout it came in."""
        if call.gone():
            raise RefusedRequestError(408, "nobody waits for the answer any more")
        require_few_entries(body)
        request = parsed(pb.PredictBatchRequest, body)
        if request.WhichOneof("layout") == "columns":
            columns = self._predicting.columns(columns_of(request.columns), in_columns, caller, champion)
            reply = pb.PredictBatchReply(columns=columns_message(columns), model_version=champion.version)
        else:
            limited("readings", len(request.readings.readings))
            readings = readings_from([raw_reading(message) for message in request.readings.readings])
            columns = self._predicting.columns(of_readings(readings), in_list, caller, champion)
            messages = [prediction_message(Prediction(*row)) for row in zip(*columns, strict=True)]
            predictions = pb.Predictions(predictions=messages)
            reply = pb.PredictBatchReply(predictions=predictions, model_version=champion.version)
        return reply.SerializeToString()

    def _open_stream(self, stream: Http2Stream, done: Done) -> Call:
        def over(ended: Call, status: int) -> None:
            self._streams.discard(call)
            done(ended, status)

        who = partial(self._keys.caller, stream.head)
        call = PredictionStream(stream, self._one_limit, self._space, over, self._predicting, who, self._count)
        self._streams.add(call)
        return call

"""One `PredictStream` call: readings are taken while others are computed, and answered in order."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from bento.grpc_calls import Call, Done
from bento.grpc_messages import parsed, prediction_message, problem_message, raw_reading
from bento.handlers import Predicting
from bento.http2_stream import Http2Stream
from bento.keys import Caller
from bento.plain_readings import reading_from
from bento.wire import BodySpace, RefusedRequestError
from meter_core.rpc import prediction_pb2 as pb

MOST_TAKEN: Final = 256
"""Readings of a stream that may wait for their answer; more stay with the sender."""

MOST_UNREAD: Final = 65_536
"""Bytes of answers that the client has not taken; until it does no further reading is."""

ROUTE: Final = "grpc:PredictStream/reading"


class Asked(NamedTuple):
    """A reading whose answer is due.

    Attributes:
        number: its id.
        since_s: when it came, monotonic seconds.
        outcome: a future of one, or a refusal.
    """

    number: int
    since_s: float
    outcome: Any


class PredictionStream(Call):
    """Readings in, answers out.

    Args:
        predicting: answers readings.
        who: says who asks; asked again for each reading, for a key may be taken back while the stream is open.
        count: called with route, status and seconds of each reading.
    """

    def __init__(
        self,
        stream: Http2Stream,
        limit: int,
        space: BodySpace,
        done: Done,
        predicting: Predicting,
        who: Callable[[], Caller],
        count: Callable[[str, int, float], None],
    ) -> None:
        super().__init__(stream, limit, space, done)
        self._predicting, self._who, self._count = predicting, who, count
        self._due: deque[Asked] = deque()
        self._stopped = self._all_taken = self._telling = False
        self._begin()

    def stop(self) -> None:
        """Take no more readings, and end after the last answer."""
        self._stopped = True
        self._end_if_over()

    def has_room(self) -> bool:
        """Return whether a further reading can be taken now."""
        return not self._stopped and len(self._due) < MOST_TAKEN and self._stream.waiting < MOST_UNREAD

    def message(self, body: bytes) -> None:
        """Put a reading into the queue; what is wrong with it does not end the stream.

        Raises:
            RefusedRequestError: where it cannot be read, so that nobody knows its id.
        """
        request, now_s = parsed(pb.PredictStreamRequest, body), time.perf_counter()
        try:
            reading = reading_from(raw_reading(request.reading))
            outcome: Any = self._predicting.ask(reading, self._who(), self.gone)
        except RefusedRequestError as refusal:
            self._due.append(Asked(request.id, now_s, refusal))
            self._tell_soon()
        else:
            self._due.append(Asked(request.id, now_s, outcome))
            outcome.add_done_callback(self._came)

    def complete(self) -> None:
        """End after the last answer."""
        self._all_taken = True
        self._end_if_over()

    def _tell_soon(self) -> None:
        """Send refusals in the loop's next turn: thousands that came at once must not hold up everyone else."""
        if not self._telling:
            self._telling = True
            asyncio.get_running_loop().call_soon(self._tell)

    def _tell(self) -> None:
        self._telling = False
        self._came(None)

    def _came(self, _: object) -> None:
        """Send what can be sent, and take what now has room."""
        if self._due and not self._over:
            self._send_due()
            self.take()

    def _send_due(self) -> None:
        """Send the answers that are there, up to the first that is not."""
        ready = []
        while self._due and (isinstance(self._due[0].outcome, RefusedRequestError) or self._due[0].outcome.done()):
            ready.append(self._reply(self._due.popleft()))
        if ready:
            self.send(ready)
        self._end_if_over()

    def _end_if_over(self) -> None:
        if self._due or self._over:
            return
        if self._all_taken:
            self.end()
        elif self._stopped:
            detail = "the service stops; open the stream again"
            self.fail(RefusedRequestError(503, detail, headers=((b"retry-after", b"1"),)))

    def _reply(self, asked: Asked) -> bytes:
        """Return the answer of a reading, or its problem."""
        status = 200
        try:
            if isinstance(asked.outcome, RefusedRequestError):
                raise asked.outcome
            prediction = prediction_message(self._predicting.settled(asked.outcome))
            reply = pb.PredictStreamReply(id=asked.number, prediction=prediction)
        except RefusedRequestError as refusal:
            status = refusal.status
            reply = pb.PredictStreamReply(id=asked.number, problem=problem_message(refusal))
        self._count(ROUTE, status, time.perf_counter() - asked.since_s)
        return reply.SerializeToString()

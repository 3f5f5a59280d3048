"""The routes that predict, and what gRPC shares with them: one queue, one batcher, one champion a batch."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, NamedTuple, TypeVar

import msgspec

from bento.answers import Checked, answer_each, checked, prediction_columns
from bento.champion import Champion, ChampionSource
from bento.columns import Columns
from bento.decoding import decode_batch, decode_reading
from bento.keys import Caller
from bento.metrics import ServingMetrics
from bento.notes import Where
from bento.private import MicroBatcher, OverloadedError, turn
from bento.routes import Request
from bento.schemas import Note, Prediction, Predictions, PredictionTable, Reading
from bento.wire import Answer, RefusedRequestError, encode, wrong_values

logger = logging.getLogger("bentoml.meter")

Item = TypeVar("Item")

MOST_WAITING: Final = 2_048
"""Single readings that may wait; one more is refused, so that latency does not run away."""

A_BURST: Final = 1_024
"""So many may wait however long the first of them has: a thousand at once are answered, also after a stall."""

OLDEST_S: Final = 0.1
"""While more than a burst waits and the first has waited longer, new readings are refused."""

MOST_BATCHES: Final = 8
"""Requests of many readings that may wait for their thread."""

LARGEST_MICRO_BATCH: Final = 512
WARM_UP_BATCHES: Final = 12
"""BentoML's batcher learns from its first ten or so batches and is slow until then."""

STALE: Final = ((b"x-model-stale", b"true"),)
"""On predictions by a model that may have a successor: the registry has not confirmed it."""

A_READING: Final = Reading(
    voltage_v=230.0,
    temperature_c=None,
    power_factor=None,
    load_kw=1.0,
    frequency_hz=None,
    local_hour=12,
    local_day_of_week=2,
)


class Waiting(NamedTuple):
    """A reading in the queue.

    Attributes:
        reading: its types and bounds are right.
        gone: whether whoever asked has left.
        since_s: when it came, monotonic seconds.
    """

    reading: Reading
    gone: Callable[[], bool]
    since_s: float


Outcome = Prediction | list[Note] | Exception | None
"""Of a reading in a batch: its prediction, what is wrong with it, what failed, or nothing where nobody waits."""


class Predicting:
    """Answers single readings in micro-batches, and batches in a thread of their own.

    Args:
        source: who answers.
        metrics: what is counted.
    """

    def __init__(self, source: ChampionSource[Champion], metrics: ServingMetrics) -> None:
        self._source, self._metrics = source, metrics
        self._batched: MicroBatcher[Waiting, Outcome] = MicroBatcher(self._answer, LARGEST_MICRO_BATCH)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="predict_batch")
        self._batches = 0

    async def one(self, request: Request) -> Answer:
        """Answer `POST /predict`.

        Raises:
            RefusedRequestError: 400, 403, 422, 429 or 503.
        """
        outcome = await self._turn(self.begin(request.body, request.caller, request.gone))
        return Answer(encode(_settled(outcome)), headers=self.stale())

    async def many(self, request: Request) -> Answer:
        """Answer `POST /predict_batch`.

        Raises:
            RefusedRequestError: 400, 403, 413, 422, 429 or 503.
        """

        def answered(champion: Champion) -> bytes:
            values, where, as_table = decode_batch(request.body)
            columns = self.columns(values, where, request.caller, champion)
            return _encoded(columns, as_table, champion.version)

        return Answer(await self.in_thread(answered), headers=self.stale())

    async def prediction(self, reading: Reading, caller: Caller, gone: Callable[[], bool]) -> Prediction:
        """Return the prediction of one reading, computed together with those that wait beside it.

        Args:
            reading: types and bounds are right.
            caller: has to be allowed to see its meter.
            gone: whether whoever asked has left: then nothing is computed.

        Raises:
            RefusedRequestError: 403, 422, 429 or 503.
        """
        return _settled(await self._turn(self.ask(reading, caller, gone)))

    def ask(self, reading: Reading, caller: Caller, gone: Callable[[], bool]) -> "asyncio.Future[Outcome]":
        """Do what `prediction` does until it has to wait; `settled` does the rest.

        Raises:
            RefusedRequestError: 403, 429 or 503.
        """
        self._require_room()
        return self._ask(reading, caller, gone)

    def settled(self, future: "asyncio.Future[Outcome]") -> Prediction:
        """Return the prediction of a reading whose turn has come.

        Raises:
            RefusedRequestError: 422, 429 or 503.
        """
        if future.cancelled():
            raise self._overload()
        return _settled(future.result())

    def begin(self, body: bytes, caller: Caller, gone: Callable[[], bool]) -> "asyncio.Future[Outcome]":
        """Do what `one` does until it has to wait; `finish` does the rest.

        Raises:
            RefusedRequestError: 400, 403, 422, 429 or 503.
        """
        self._require_room()
        return self._ask(decode_reading(body), caller, gone)

    def finish(self, future: "asyncio.Future[Outcome]") -> Answer:
        """Return the answer of a reading whose turn has come.

        Raises:
            RefusedRequestError: 422, 429 or 503.
        """
        return Answer(encode(self.settled(future)), headers=self.stale())

    async def in_thread(self, work: Callable[[Champion], Any]) -> Any:
        """Return what `work` makes of the present champion, done beside the event loop.

        Raises:
            RefusedRequestError: 429 where too many wait already, 503 without a champion, and what `work` raises.
        """
        champion = self.champion()
        if self._batches >= MOST_BATCHES:
            raise self._overload()
        self._batches += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work, champion)
        finally:
            self._batches -= 1

    def columns(self, values: Columns, where: Where, caller: Caller, champion: Champion) -> list[Sequence[Any]]:
        """Return the fields of `Prediction` in order, each with its n values; for `in_thread`.

        Raises:
            RefusedRequestError: 403 or 422.
        """
        found = self.usable(values, where, caller, champion)
        return prediction_columns(values, found, champion)

    def usable(self, values: Columns, where: Where, caller: Caller, champion: Champion) -> Checked:
        """Return readings that are all right and that the caller may ask for, counted as answered; for `in_thread`.

        Raises:
            RefusedRequestError: 403 or 422.
        """
        for meter_id in set(values["meter_id"]):
            caller.require(meter_id)
        found = checked(values, champion, where)
        if found.wrong:
            raise wrong_values([note for row in sorted(found.wrong) for note in found.wrong[row]])
        self._metrics.answered(len(found.batch), champion.version)
        return found

    async def warm_up(self) -> None:
        """Let predictor and batcher learn before the first client comes."""
        if champion := self._source.champion:
            reading = _a_reading(champion)
            for _ in range(WARM_UP_BATCHES):
                await self._batched(Waiting(reading, _here, time.perf_counter()))

    def close(self) -> None:
        """Stop the thread."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def champion(self) -> Champion:
        """Return who answers.

        Raises:
            RefusedRequestError: 503 while there is nobody.
        """
        champion = self._source.champion
        if champion is None:
            raise RefusedRequestError(503, self._source.reason, headers=((b"retry-after", b"5"),))
        return champion

    def _ask(self, reading: Reading, caller: Caller, gone: Callable[[], bool]) -> "asyncio.Future[Outcome]":
        """Put a reading into the queue.

        Raises:
            RefusedRequestError: 403 or 503.
        """
        self.champion()
        caller.require(reading.meter_id)
        return self._batched(Waiting(reading, gone, time.perf_counter()))

    async def _turn(self, future: "asyncio.Future[Outcome]") -> Outcome:
        """Wait for a reading's turn.

        Raises:
            RefusedRequestError: 429 where the batcher dropped it.
        """
        try:
            return await turn(future)
        except OverloadedError:
            raise self._overload() from None

    def _require_room(self) -> None:
        """Refuse a reading that would have to wait too long.

        Raises:
            RefusedRequestError: 429.
        """
        waiting = self._batched.waiting
        if waiting >= MOST_WAITING or (waiting > A_BURST and self._batched.age_s > OLDEST_S):
            raise self._overload()

    def _overload(self) -> RefusedRequestError:
        self._metrics.rejected()
        detail = "too many readings are waiting; try again in a second, or send many at once to /predict_batch"
        return RefusedRequestError(429, detail, headers=((b"retry-after", b"1"),))

    def stale(self) -> Sequence[tuple[bytes, bytes]]:
        """Return the headers of a prediction: whether its model may have a successor."""
        return STALE if self._source.stale else ()

    async def _answer(self, items: Sequence[Waiting]) -> list[Outcome]:
        """Answer a micro-batch with one champion from first to last; nothing is computed for who has left."""
        champion = self.champion()
        there = [row for row, item in enumerate(items) if not item.gone()]
        outcomes: list[Outcome] = [None] * len(items)
        readings = [items[row].reading for row in there]
        answers = spared(readings, lambda some: answer_each(some, champion)) if there else []
        for row, answer in zip(there, answers, strict=True):
            outcomes[row] = answer
        self._metrics.batch(
            len(there), len(items) - len(there), time.perf_counter() - items[0].since_s, champion.version
        )
        return outcomes


def _settled(outcome: Outcome) -> Prediction:
    """Return the prediction that a reading came to.

    Raises:
        RefusedRequestError: 422 for what is wrong with it, 503 where there was nobody to answer.
    """
    if isinstance(outcome, Prediction):
        return outcome
    if isinstance(outcome, Exception):
        raise outcome
    raise wrong_values(outcome) if outcome else RefusedRequestError(400, "the client left")


def spared(items: Sequence[Item], answer: Callable[[Sequence[Item]], Sequence[Any]]) -> Sequence[Any]:
    """Return the answers of items; where something fails, each is tried alone to spare the others."""
    try:
        return answer(items)
    except Exception as error:
        if len(items) == 1:
            logger.exception("one of those that wait could not be answered")
            return [error]
        return [outcome for item in items for outcome in spared([item], answer)]


def _encoded(columns: list[Sequence[Any]], as_table: bool, version: str) -> bytes:
    """Return predictions in the layout they were asked in."""
    rows = zip(*columns, strict=True)
    if as_table:
        return encode(PredictionTable(list(Prediction.__struct_fields__), list(rows), version))
    return encode(Predictions([Prediction(*row) for row in rows], version))


def _here() -> bool:
    """Whether the client of a request without one has left."""
    return False


def try_out(champion: Champion) -> None:
    """Answer readings with a champion before anyone else is answered with it: its first batch is the slowest."""
    for size in (1, LARGEST_MICRO_BATCH):
        answer_each([_a_reading(champion)] * size, champion)


def _a_reading(champion: Champion) -> Reading:
    """Return a reading that the champion can answer."""
    return msgspec.structs.replace(A_READING, interval_minutes=int(champion.interval_minutes[0]))

"""The routes that predict."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from bento.answers import answer_each, checked, predict, prediction_columns
from bento.champion import Champion, ChampionSource
from bento.decoding import decode_batch, decode_reading
from bento.metrics import ServingMetrics
from bento.private import OverloadedError, micro_batcher
from bento.schemas import Note, Prediction, Predictions, PredictionTable, Reading
from bento.wire import RefusedRequestError, encode, wrong_values

MOST_WAITING: Final = 4_096
"""Single readings that may wait; one more is refused, so that latency does not run away."""

LARGEST_MICRO_BATCH: Final = 512
WARM_UP_BATCHES: Final = 12
"""BentoML's batcher learns from its first ten or so batches and is slow until then."""

A_READING: Final = Reading(
    voltage_v=230.0,
    temperature_c=None,
    power_factor=None,
    load_kw=1.0,
    frequency_hz=None,
    local_hour=12,
    local_day_of_week=2,
)


class Predicting:
    """Answers single readings in micro-batches, and batches in a thread of their own.

    Args:
        source: who answers.
        metrics: what is counted.
    """

    def __init__(self, source: ChampionSource, metrics: ServingMetrics) -> None:
        self._source, self._metrics = source, metrics
        self._batched = micro_batcher(self._answer, LARGEST_MICRO_BATCH)
        self._waiting = 0
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="predict_batch")

    async def one(self, body: bytes) -> bytes:
        """Answer `POST /predict`.

        Raises:
            RefusedRequestError: 400, 422, 429 or 503.
        """
        self._champion()
        answer = await self._in_batch(decode_reading(body))
        if isinstance(answer, list):
            raise wrong_values(answer)
        return encode(answer)

    async def many(self, body: bytes) -> bytes:
        """Answer `POST /predict_batch`.

        Raises:
            RefusedRequestError: 400, 413, 422 or 503.
        """
        champion = self._champion()
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._answer_many, body, champion)

    async def warm_up(self) -> None:
        """Let predictor and batcher learn before the first client comes."""
        if champion := self._source.champion:
            minutes = int(champion.interval_minutes[0])
            reading = Reading(**{**_fields(A_READING), "interval_minutes": minutes})
            for _ in range(WARM_UP_BATCHES):
                await self._batched(reading)

    def close(self) -> None:
        """Stop the thread."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _champion(self) -> Champion:
        champion = self._source.champion
        if champion is None:
            raise RefusedRequestError(503, self._source.reason, headers=((b"retry-after", b"5"),))
        return champion

    async def _in_batch(self, reading: Reading) -> Prediction | list[Note]:
        """Wait for a reading's turn in a micro-batch."""
        if self._waiting >= MOST_WAITING:
            raise _overload()
        self._waiting += 1
        try:
            return await self._batched(reading)
        except OverloadedError as error:
            raise _overload() from error
        finally:
            self._waiting -= 1

    async def _answer(self, readings: Sequence[Reading]) -> list[Prediction | list[Note]]:
        """Answer a micro-batch with one champion from first to last."""
        champion = self._champion()
        answers = answer_each(readings, champion)
        self._metrics.batch(len(readings), champion.version)
        return answers

    def _answer_many(self, body: bytes, champion: Champion) -> bytes:
        """Answer a batch in the layout it was asked in."""
        values, where, as_table = decode_batch(body)
        found = checked(values, champion, where)
        if found.wrong:
            raise wrong_values([note for row in sorted(found.wrong) for note in found.wrong[row]])
        self._metrics.answered(len(found.batch), champion.version)
        if as_table:
            rows = list(zip(*prediction_columns(values, found, champion), strict=True))
            return encode(PredictionTable(list(Prediction.__struct_fields__), rows, champion.version))
        return encode(Predictions(predict(values, found, champion), champion.version))


def _overload() -> RefusedRequestError:
    detail = (
        f"{MOST_WAITING} readings are waiting already; try again in a second, or send them together to /predict_batch"
    )
    return RefusedRequestError(429, detail, headers=((b"retry-after", b"1"),))


def _fields(reading: Reading) -> dict[str, Any]:
    return {name: getattr(reading, name) for name in reading.__struct_fields__}

"""What is known of single meters: which there are, what they used, what they will use; from the configured database."""

import logging
import time
from collections.abc import Awaitable, Iterator, Sequence
from typing import Any, Final, TypeVar

import numpy as np

from bento.asked import asked_of
from bento.consumption import as_csv, consumption, spans_of
from bento.decoding import why_wrong
from bento.forecast_schemas import Horizon, MeterEntry, Meters
from bento.forecasting import Forecasting
from bento.notes import remedy_of, shortened, wrong_type
from bento.parameters import parameters
from bento.routes import Request, Route
from bento.schemas import MeterId, Note
from bento.wire import Answer, RefusedRequestError, encode, wrong_values
from meter_core.calendar import iso_local
from meter_core.contracts.readings import QUALITIES, TARGET_QUALITIES
from meter_core.store.errors import StoreError
from meter_core.store.lookups import KnownMeter, Lookups

logger = logging.getLogger("bentoml.meter")

Found = TypeVar("Found")

SHOWN_METERS: Final = 100
MOST_METERS: Final = 1_000
DEFAULT_HORIZON: Final = "24h"
CSV: Final = b"text/csv; charset=utf-8"


class MeterPages:
    """Answers questions about single meters.

    Args:
        lookups: the database; None where none is configured.
        forecasting: forecasts what is found there.
    """

    def __init__(self, lookups: Lookups | None, forecasting: Forecasting) -> None:
        self._lookups, self._forecasting = lookups, forecasting
        self._away = False

    def routes(self) -> Iterator[Route]:
        """Yield the routes of the meters."""
        yield Route("GET", "/meters", self.list)
        yield Route("GET", "/meters/{meter_id}/consumption", self.consumption)
        yield Route("GET", "/meters/{meter_id}/forecast", self.forecast)

    async def start(self) -> None:
        """Be ready to ask; nothing is connected before the first question."""
        if self._lookups:
            await self._lookups.open()

    async def stop(self) -> None:
        """Close what is connected."""
        if self._lookups:
            await self._lookups.close()

    async def list(self, request: Request) -> Answer:
        """Answer `GET /meters`.

        Raises:
            RefusedRequestError: 422 or 503.
        """
        given = parameters(request.query, ("limit", "after"))
        limit = _limit(given.get("limit", str(SHOWN_METERS)))
        after = given.get("after", "")
        if after and not _may_be_meter(after):
            raise wrong_values([Note("after", shortened(after), "after is no meter's id", remedy_of("meter_id"))])
        found = await self._answered(self._database().meters(request.caller.meters, after, limit + 1))
        shown = [_entry(meter) for meter in found[:limit]]
        return Answer(encode(Meters(shown, shown[-1].meter_id if len(found) > limit else None)))

    async def consumption(self, request: Request) -> Answer:
        """Answer `GET /meters/{meter_id}/consumption`, as CSV where that is wanted.

        Raises:
            RefusedRequestError: 404, 422 or 503.
        """
        given = parameters(request.query, ("from", "until", "interval", "format"))
        as_text = _csv_wanted(given.get("format"), request.head)
        meter = await self._meter(request, QUALITIES)
        spans = spans_of(given, meter, time.time())
        answer = consumption(meter, spans, await self._answered(self._database().energy(meter.meter_id, spans.edges_s)))
        return Answer(as_csv(answer), CSV) if as_text else Answer(encode(answer))

    async def forecast(self, request: Request) -> Answer:
        """Answer `GET /meters/{meter_id}/forecast`.

        Raises:
            RefusedRequestError: 404, 422, 429 or 503.
        """
        given = parameters(request.query, ("horizon",))
        horizon = _horizon(given.get("horizon", DEFAULT_HORIZON))
        model = self._forecasting.model()
        meter = await self._meter(request, TARGET_QUALITIES)
        if meter.newest_ts_s is None:
            message, remedy = "nothing measured is stored of this meter", "ingest its readings, or POST /forecast"
            raise wrong_values([Note("meter_id", None, message, remedy)])
        stamps_s, kwh = await self._answered(self._database().history(meter))
        forecaster, now_s = model.forecaster, time.time()
        weather = await self._answered(self._database().weather(meter, now_s)) if forecaster.uses_weather else None
        asked = await self._forecasting.beside(
            asked_of, meter, stamps_s, kwh, horizon, forecaster.intervals, now_s, weather, forecaster.uses_weather
        )
        return self._forecasting.answer(await self._forecasting.forecast(asked, request.gone))

    async def _meter(self, request: Request, qualities: Sequence[str]) -> KnownMeter:
        """Return the meter of a path with its newest value of such a quality.

        Raises:
            RefusedRequestError: 404 where there is none or the key may not see it: the same, so that nobody learns
                which meters there are.
        """
        meter_id = request.params["meter_id"]
        meter = None
        if _may_be_meter(meter_id):
            meter = await self._answered(self._database().meter(meter_id, request.caller.meters, qualities))
        if meter is None:
            raise RefusedRequestError(404, "no such meter is known here; GET /meters lists those that this key may see")
        return meter

    def _database(self) -> Lookups:
        """Return the database.

        Raises:
            RefusedRequestError: 503 where none is configured.
        """
        if self._lookups is None:
            detail = "no database is configured, so no meter is known; set METER_DATABASE_URL, or POST /forecast"
            raise RefusedRequestError(503, detail, headers=((b"retry-after", b"60"),))
        return self._lookups

    async def _answered(self, question: Awaitable[Found]) -> Found:
        """Return what the database answers.

        Raises:
            RefusedRequestError: 503 while it cannot be reached; the log says why, once.
        """
        try:
            found = await question
        except StoreError as error:
            if not self._away:
                logger.warning("readings: %s", error)
            self._away = True
            detail = "the database of readings cannot be reached or asked now; the service's log says why"
            raise RefusedRequestError(503, detail, headers=((b"retry-after", b"5"),)) from None
        if self._away:
            logger.warning("readings: the database answers again")
        self._away = False
        return found


def _may_be_meter(text: str) -> bool:
    """Return whether a meter may have this id; PostgreSQL's texts hold no NUL."""
    return why_wrong(text, MeterId) is None and "\0" not in text


def _entry(meter: KnownMeter) -> MeterEntry:
    until_s = meter.known_until_s
    until = None if until_s is None else iso_local(np.array([until_s]), meter.zone)[0]
    return MeterEntry(meter.meter_id, meter.zone, meter.interval_minutes, until)


def _limit(text: str) -> int:
    """Return how many meters are wanted."""
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= MOST_METERS):
        remedy = f"give a whole number from 1 to {MOST_METERS:,}"
        raise wrong_values([Note("limit", shortened(text), "limit is no number of meters that can be listed", remedy)])
    return int(text)


def _horizon(text: str) -> Any:
    """Return a horizon as a request's body has it."""
    horizon = int(text) if text.isascii() and text.isdigit() and len(text) < 9 else text
    if (reason := why_wrong(horizon, Horizon)) is not None:
        raise wrong_values([wrong_type("horizon", "horizon", horizon, reason)])
    return horizon


def _csv_wanted(wanted: str | None, head: Any) -> bool:
    """Return whether CSV is wanted: by `format`, else by what the client accepts."""
    if wanted not in (None, "csv", "json"):
        raise wrong_values([Note("format", shortened(wanted), "format is neither csv nor json", "give csv or json")])
    return wanted == "csv" if wanted else head.get(b"accept", b"").startswith(b"text/csv")

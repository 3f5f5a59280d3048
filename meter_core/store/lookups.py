"""What the service asks about single meters: read only, beside its event loop's other work, and never for long.

Without pandas and SQLAlchemy: the service loads this.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np
import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg_pool import AsyncConnectionPool
from pydantic import SecretStr

from meter_core.contracts.forecasts import FORECAST_HOURS, HISTORY_REACH_DAYS
from meter_core.contracts.readings import (
    DEFAULT_CHANNEL,
    QUALITIES,
    QUALITY_RANK,
    TARGET_QUALITIES,
    FloatArray,
    IntArray,
)
from meter_core.features.weather import REACH_DAYS, PlaceWeather
from meter_core.store.connection import Database
from meter_core.store.errors import DatabaseUnavailableError
from meter_core.store.queries import query

CONNECTIONS: Final = 4
CONNECT_S: Final = 2
STATEMENT_S: Final = 3
LONGEST_S: Final = 5.0
"""After which a question is given up, whatever it waits for: a server that is stopped answers no timeout of its own."""

MOST_WAITING: Final = 32
IDLE_S: Final = 60.0
RANKED: Final = sorted(QUALITY_RANK, key=lambda quality: QUALITY_RANK[quality])

AsyncConnection = psycopg.AsyncConnection[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class KnownMeter:
    """A metering point and its newest value.

    Attributes:
        meter_id: names it.
        zone: IANA name.
        newest_ts_s: UTC seconds, start of the newest interval with a value; None where there is none.
        interval_minutes: length of that interval.
        country: where it stands, two letters; None where nobody said.
        subdivision: of the country.
    """

    meter_id: str
    zone: str
    newest_ts_s: int | None
    interval_minutes: int | None
    country: str | None = None
    subdivision: str | None = None

    @property
    def known_until_s(self) -> int | None:
        """UTC seconds, end of the newest interval with a value."""
        if self.newest_ts_s is None or self.interval_minutes is None:
            return None
        return self.newest_ts_s + self.interval_minutes * 60


@dataclass(frozen=True, slots=True)
class Energy:
    """What is known of the energy of one span.

    Attributes:
        kwh: of its known values.
        minutes: that they cover.
        quality: the poorest among them.
    """

    kwh: float
    minutes: int
    quality: str


class Lookups(Database):
    """Questions to one database, over a few connections that are opened when they are needed.

    Args:
        url: as `Database` takes it.

    Raises:
        WrongDatabaseUrlError: where it is not one.
    """

    def __init__(self, url: str | SecretStr) -> None:
        super().__init__(url)
        options = f"-c TimeZone=UTC -c statement_timeout={STATEMENT_S}s -c default_transaction_read_only=on"
        given = str(self._parts.get("options") or "")
        self._pool: AsyncConnectionPool[AsyncConnection] = AsyncConnectionPool(
            make_conninfo(
                self._conninfo,
                options=f"{given} {options}".strip(),
                connect_timeout=CONNECT_S,
                application_name="meter service",
            ),
            kwargs={"autocommit": True},
            min_size=0,
            max_size=CONNECTIONS,
            open=False,
            check=AsyncConnectionPool.check_connection,
            timeout=CONNECT_S,
            reconnect_timeout=CONNECT_S,
            max_waiting=MOST_WAITING,
            max_idle=IDLE_S,
        )

    async def open(self) -> None:
        """Be ready to connect; nothing is connected yet."""
        await self._pool.open(wait=False)

    async def close(self) -> None:
        """Close all connections."""
        await self._pool.close()

    async def meters(self, allowed: Collection[str] | None, after: str, limit: int) -> list[KnownMeter]:
        """Return meters in the order of their ids.

        Args:
            allowed: only these; None for all.
            after: the id after which to begin, empty for the first.
            limit: how many at most.

        Raises:
            DatabaseUnavailableError: it cannot be reached, does not answer in time, or has no schema.
        """
        asked = {"after": after, "limit": limit, "qualities": list(QUALITIES)} | _meters(allowed)
        return [_meter(*row) for row in await self._rows(_with_newest("meters_from"), asked)]

    async def meter(
        self, meter_id: str, allowed: Collection[str] | None, qualities: Sequence[str] = QUALITIES
    ) -> KnownMeter | None:
        """Return one meter; None where there is none, or none that may be seen.

        Args:
            meter_id: which.
            allowed: the meters that may be seen; None for all.
            qualities: that the newest value may have.

        Raises:
            DatabaseUnavailableError: as `meters`.
        """
        asked = {"meter_id": meter_id, "qualities": list(qualities)} | _meters(allowed)
        rows = await self._rows(_with_newest("one_meter"), asked)
        return _meter(*rows[0]) if rows else None

    async def history(self, meter: KnownMeter) -> tuple[IntArray, FloatArray]:
        """Return (n,) UTC seconds and kWh of the measured values that a forecast from the newest one looks at.

        Args:
            meter: with the newest measured value.

        Raises:
            DatabaseUnavailableError: as `meters`.
        """
        last = datetime.fromtimestamp(meter.newest_ts_s or 0, UTC)
        asked = {
            "meter_id": meter.meter_id,
            "channel": DEFAULT_CHANNEL,
            "since": last - timedelta(days=HISTORY_REACH_DAYS + 1),  # days of the local clock may be an hour longer
            "last": last,
            "interval_minutes": meter.interval_minutes,
            "qualities": list(TARGET_QUALITIES),
        }
        ((ts_s, kwh),) = await self._rows(query("values_until"), asked)
        return np.array(ts_s or [], dtype=np.int64), np.array(kwh or [], dtype=np.float64)

    async def weather(self, meter: KnownMeter, known_at_s: float) -> PlaceWeather | None:
        """Return the weather where a meter stands, as far as a forecast from its newest value looks; None without any.

        Args:
            meter: with the newest measured value.
            known_at_s: UTC seconds of the moment at which it has to be known.

        Raises:
            DatabaseUnavailableError: as `meters`.
        """
        origin = datetime.fromtimestamp(meter.known_until_s or 0, UTC)
        asked = {
            "meter_id": meter.meter_id,
            "since": origin - timedelta(days=REACH_DAYS + 1),
            "until": origin + timedelta(hours=FORECAST_HOURS, days=1),
            "known_at": datetime.fromtimestamp(known_at_s, UTC),
        }
        ((valid_s, issued_s, temperature_c, observed),) = await self._rows(query("weather_of_meter"), asked)
        if not valid_s:
            return None
        times = np.array(valid_s, dtype=np.int64), np.array(issued_s, dtype=np.int64)
        return PlaceWeather(*times, np.array(temperature_c, dtype=np.float64), np.array(observed, dtype=bool))

    async def energy(self, meter_id: str, edges_s: IntArray) -> dict[int, Energy]:
        """Return what is known of each span between two edges, by its number; spans of which nothing is are left out.

        Args:
            meter_id: which meter.
            edges_s: (k + 1,) UTC seconds, ascending.

        Raises:
            DatabaseUnavailableError: as `meters`.
        """
        edges = [datetime.fromtimestamp(edge, UTC) for edge in edges_s.tolist()]
        asked = {
            "meter_id": meter_id,
            "channel": DEFAULT_CHANNEL,
            "edges": edges,
            "since": edges[0],
            "until": edges[-1],
            "ranked": RANKED,
        }
        rows = await self._rows(query("energy_between"), asked)
        return {span: Energy(kwh, minutes, RANKED[rank]) for span, kwh, minutes, rank in rows}

    async def _rows(self, statement: Any, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
        """Return what a statement finds."""
        async with self._connection() as connection:
            return await (await connection.execute(statement, parameters)).fetchall()

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[AsyncConnection]:
        """Yield a connection that answered a moment ago."""
        try:
            with self.translated():
                async with asyncio.timeout(LONGEST_S), self._pool.connection() as connection:
                    yield connection
        except TimeoutError:
            raise DatabaseUnavailableError(
                f"{self.name} did not answer within {LONGEST_S:.0f} s; see that it runs and is not overloaded"
            ) from None


def _with_newest(name: str) -> sql.Composed:
    """Return a statement that asks for meters with their newest values."""
    return sql.SQL(query(name)).format(newest_value=sql.SQL(query("newest_value")))


def _meters(allowed: Collection[str] | None) -> dict[str, Any]:
    """Return the parameters that every question for meters has."""
    return {"meters": None if allowed is None else sorted(allowed), "channel": DEFAULT_CHANNEL}


def _meter(
    meter_id: str,
    zone: str,
    newest: datetime | None,
    interval_minutes: int | None,
    country: str | None,
    subdivision: str | None,
) -> KnownMeter:
    """Return a row as a meter."""
    newest_ts_s = None if newest is None else int(newest.timestamp())
    return KnownMeter(meter_id, zone, newest_ts_s, interval_minutes, country, subdivision)

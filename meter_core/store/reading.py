"""Readings out of PostgreSQL as one frame, by binary COPY: the standing values, or those known at an instant."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
import pandas as pd
import psycopg
from psycopg import sql

from meter_core.contracts.readings import AUXILIARY, CHANNELS
from meter_core.public_holidays import holiday_calendar
from meter_core.store.binary_rows import decoded
from meter_core.store.connection import Connection
from meter_core.store.delivered_rows import QUALITIES_BY_RANK
from meter_core.store.queries import query

COPIED: Final = {
    "meter": "int4",
    "channel": "int2",
    "reading_ts": "timestamptz",
    "interval_minutes": "int4",
    "units_kwh": "float8",
    **dict.fromkeys(AUXILIARY, "float8"),
    "quality": "int2",
    "source_version": "int8",
    "available_ts": "timestamptz",
    "source_file_id": "int8",
}
"""Columns of `copy_readings` and their types."""

BEGINNING: Final = datetime(1, 1, 2, tzinfo=UTC)
END: Final = datetime(9999, 12, 30, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which readings.

    Attributes:
        since: Earliest reading_ts; None: from the first.
        until: reading_ts is before it; None: to the last.
        meters: Only these; None: all.
        as_known_at: The values by what could be known then (`available_ts`), since displaced ones included.
        as_stored_at: Likewise by what this system had stored then (`recorded_at`). A replay of a past prediction
            gives both; without either, the standing values.
        not_predicted_by: Only those without a prediction of this model's (name, version).
        most: Only so many, the first by meter and channel; None: all.
    """

    since: datetime | None = None
    until: datetime | None = None
    meters: Sequence[str] | None = None
    as_known_at: datetime | None = None
    as_stored_at: datetime | None = None
    not_predicted_by: tuple[str, str] | None = None
    most: int | None = None


def readings(connection: Connection, wanted: Wanted) -> pd.DataFrame:
    """Return readings, sorted by meter, channel and time.

    Returns:
        (n, 17) the canonical columns, missing as NaN; and `channel`, `zone`, `holidays` (a calendar), `quality`,
        `source_version`, `available_ts`, `source` (the profile) and `source_file_id`. Instants are datetime64[us, UTC].
    """
    parameters = _parameters(wanted)
    connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    meters = connection.execute(query("meters_of_readings"), parameters).fetchall()
    profiles: dict[int, str] = dict(connection.execute(query("profiles_of_files")).fetchall())
    statement = _statement(wanted)
    stream = bytearray()
    with psycopg.ClientCursor(connection).copy(statement, parameters) as copy:
        for block in copy:
            stream += block
    return _frame(decoded(stream, COPIED), meters, profiles)


def _parameters(wanted: Wanted) -> dict[str, Any]:
    """Return the SQL parameters."""
    model_name, model_version = wanted.not_predicted_by or (None, None)
    return {
        "channels": list(CHANNELS),
        "qualities": QUALITIES_BY_RANK,
        "since": wanted.since or BEGINNING,
        "until": wanted.until or END,
        "meters": None if wanted.meters is None else list(wanted.meters),
        "available_until": wanted.as_known_at or END,
        "recorded_until": wanted.as_stored_at or END,
        "model_name": model_name,
        "model_version": model_version,
        "most": wanted.most,
    }


def _statement(wanted: Wanted) -> sql.Composed:
    """Put the statement together from its fragments."""
    replayed = wanted.as_known_at or wanted.as_stored_at
    return sql.SQL(query("copy_readings")).format(
        versions=sql.SQL(query("as_known")) if replayed else sql.Identifier("meter_reading"),
        condition=sql.SQL(query("not_predicted") if wanted.not_predicted_by else "true"),
        first=sql.SQL("" if wanted.most is None else query("first_readings")),
    )


def _frame(columns: dict[str, Any], meters: list[tuple[Any, ...]], profiles: dict[int, str]) -> pd.DataFrame:
    """Return the columns as a frame, codes turned back into texts."""
    order = np.lexsort((columns["reading_ts"], columns["channel"], columns["meter"]))
    columns = {name: values[order] for name, values in columns.items()}
    files, file = np.unique(columns["source_file_id"], return_inverse=True)
    frame = {
        "meter_id": _texts([meter_id for meter_id, *_ in meters], columns["meter"]),
        "reading_ts": _stamps(columns["reading_ts"]),
        "interval_minutes": columns["interval_minutes"].astype(np.int64),
        "units_kwh": columns["units_kwh"],
        **{name: columns[name] for name in AUXILIARY},
        "channel": _texts(list(CHANNELS), columns["channel"] - 1),
        "zone": _texts([zone for _, zone, *_ in meters], columns["meter"]),
        "holidays": _texts([holiday_calendar(*place) for _, _, *place in meters], columns["meter"]),
        "quality": _texts(QUALITIES_BY_RANK, columns["quality"] - 1),
        "source_version": columns["source_version"],
        "available_ts": _stamps(columns["available_ts"]),
        "source": _texts([profiles[int(number)] for number in files], file),
        "source_file_id": columns["source_file_id"],
    }
    return pd.DataFrame(frame)


def _texts(names: list[str], codes: np.ndarray) -> Any:
    """Return (n,) texts of codes."""
    return pd.array(names, dtype="str").take(codes)


def _stamps(microseconds: np.ndarray) -> Any:
    """Return (n,) instants in UTC."""
    return pd.DatetimeIndex(microseconds.view("datetime64[us]"), tz="UTC")

"""Weather from Open-Meteo (open-meteo.com): forecasts, forecasts of earlier days, and the archive.

The public servers answer without a key for uses that are not commercial; with METER_OPEN_METEO_KEY those for customers
are asked, with METER_OPEN_METEO_URL a server of one's own. Data of Open-Meteo is CC BY 4.0: name it where it is shown.
"""

import logging
import re
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final
from urllib.parse import quote, quote_plus

import httpx
import numpy as np
from pydantic import SecretStr

from meter_core.calendar import DAY_S
from meter_core.contracts.errors import UnavailableError, UnreachableError, UsageError
from meter_core.contracts.readings import FloatArray, IntArray
from meter_core.contracts.weather import (
    COLDEST_C,
    EARLIEST_S,
    HOTTEST_C,
    LATEST_S,
    OBSERVED_AFTER_S,
    Place,
    WeatherValues,
)

NAME: Final = "open-meteo"
VARIABLE: Final = "temperature_2m"
FORECAST_DAYS: Final = 9
"""Days that a forecast is asked for, today among them: a week ahead from any hour of any zone."""

EARLIER_DAYS: Final = range(1, 8)
"""How many days before an hour its forecasts were made that are kept of the past."""

PUBLISHED_AFTER_S: Final = 6 * 3_600
"""So long after its start a run of a weather model counts as published: hours after it, never before."""

CHUNK_DAYS: Final = 90
TIMEOUT_S: Final = 20.0
TRIES: Final = 4
FIRST_WAIT_S: Final = 1.0
"""Doubled after each try."""

LONGEST_WAIT_S: Final = 60.0
"""However long a server that is asked too often says to wait."""

REASON_CHARACTERS: Final = 200
"""Of what a server says, in a message."""

SETTINGS_REMEDY: Final = "see METER_OPEN_METEO_KEY and METER_OPEN_METEO_URL"
OF_SETTINGS: Final = frozenset({401, 402, 403, 404, 407})

HOSTS: Final = {"forecast": "api", "earlier": "previous-runs-api", "archive": "archive-api"}
PATHS: Final = {"forecast": "/v1/forecast", "earlier": "/v1/forecast", "archive": "/v1/archive"}
_KEY: Final = re.compile(r"(apikey=)[^&\s\"']+")
_USER: Final = re.compile(r"(?<=//)[^/@\s]+@")


class WithoutKey(logging.Filter):
    """Hides the key, and a user's name and password, in what the HTTP client logs of addresses."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Replace them; every record is kept."""
        record.msg, record.args = _USER.sub("", _KEY.sub(r"\1...", record.getMessage())), ()
        return True


logging.getLogger("httpx").addFilter(WithoutKey())


class OpenMeteo:
    """Asks Open-Meteo for hourly temperatures.

    Args:
        key: of a customer; None: the public servers.
        url: of a server of one's own, without path; None: theirs.
        sleep: waits between tries.
        now: UTC seconds.

    Raises:
        UsageError: the address of the server is none.
    """

    def __init__(
        self,
        key: SecretStr | None = None,
        url: str | None = None,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._key, self._url, self._sleep, self._now = key, url and _checked(url), sleep, now

    def forecast(self, place: Place) -> WeatherValues:
        """Return the newest forecast, issued now; so are its hours that are past: a model's, which no station measured.

        Raises:
            UsageError: the place has no coordinates, or the request was refused.
            UnreachableError: there is no way to Open-Meteo.
            UnavailableError: it gives no answer, or one that it does not document.
        """
        hourly = self._hourly("forecast", place, [VARIABLE], {"forecast_days": FORECAST_DAYS, "past_days": 1})
        at_s = hourly["time"].astype(np.int64)
        issued_s = np.full(len(at_s), int(self._now()))
        return _values(place, at_s, issued_s, np.zeros(len(at_s), dtype=bool), hourly[VARIABLE])

    def history(self, place: Place, since: date, until: date) -> WeatherValues:
        """Return what was measured and what had been forecast one to seven days before, day by day.

        A forecast of n days before counts as issued `PUBLISHED_AFTER_S` after the instant 24 n hours before its hour,
        when its run may just have begun; a measured value is known after an hour.
        Of days before 2024 (for some models before 2021) Open-Meteo has kept no forecasts: then there are none.

        Args:
            place: with coordinates.
            since: first day, UTC.
            until: the day after the last.

        Raises:
            UsageError: as `forecast`.
            UnreachableError: as `forecast`.
            UnavailableError: as `forecast`.
        """
        parts, first = [], since
        while first < until:
            last = min(first + timedelta(days=CHUNK_DAYS), until) - timedelta(days=1)
            parts += self._days(place, {"start_date": first.isoformat(), "end_date": last.isoformat()})
            first = last + timedelta(days=1)
        return WeatherValues.joined(NAME, parts)

    def _days(self, place: Place, days: Mapping[str, Any]) -> list[WeatherValues]:
        """Return what is known of some days: measured, and forecast so many days before."""
        measured = self._hourly("archive", place, [VARIABLE], days)
        at_s = measured["time"].astype(np.int64)
        parts = [_values(place, at_s, at_s + OBSERVED_AFTER_S, np.ones(len(at_s), dtype=bool), measured[VARIABLE])]
        names = {f"{VARIABLE}_previous_day{n}": n for n in EARLIER_DAYS}
        earlier = self._hourly("earlier", place, list(names), days)
        at_s = earlier["time"].astype(np.int64)
        for name, n in names.items():
            issued_s = at_s - n * DAY_S + PUBLISHED_AFTER_S
            parts.append(_values(place, at_s, issued_s, np.zeros(len(at_s), dtype=bool), earlier[name]))
        return parts

    def _hourly(
        self, api: str, place: Place, variables: Sequence[str], more: Mapping[str, Any]
    ) -> dict[str, FloatArray]:
        """Return `time` and the variables of an answer, equally long."""
        if place.latitude is None or place.longitude is None:
            raise UsageError(
                f"place {place.place!r} has no coordinates; `meter weather place {place.place} --latitude ... "
                "--longitude ...` says where it is, or load its weather from files"
            )
        asked = {"latitude": place.latitude, "longitude": place.longitude, "hourly": ",".join(variables)}
        answer = self._asked(api, asked | {"timeformat": "unixtime", "timezone": "GMT", **more})
        return _columns(answer, variables)

    def _asked(self, api: str, parameters: dict[str, Any]) -> Any:
        """Return an answer; what may pass is tried again."""
        if self._key is not None:
            parameters["apikey"] = self._key.get_secret_value()
        wait_s, address = FIRST_WAIT_S, self._address(api)
        kind: type[UnavailableError]
        for left in range(TRIES - 1, -1, -1):
            told_s = 0.0
            try:
                response = httpx.get(address, params=parameters, timeout=TIMEOUT_S)
            except httpx.RequestError as error:
                reason = type(error).__name__
                kind = UnreachableError if isinstance(error, httpx.TransportError) else UnavailableError
            else:
                if response.status_code == 200:
                    return _json(response)
                reason, kind = f"status {response.status_code}, {self._reason(response)}", UnavailableError
                if response.status_code < 500 and response.status_code != 429:
                    remedy = _remedy(response.status_code)
                    raise UsageError(f"Open-Meteo at {_USER.sub('', address)} refused the request: {reason}; {remedy}")
                told_s = _told_to_wait_s(response)
            if left:
                self._sleep(max(wait_s, told_s))
                wait_s *= 2
        raise kind(
            f"Open-Meteo at {_USER.sub('', address)} did not answer after {TRIES} tries ({reason}); see that this "
            "machine reaches it, or load weather from files: `meter weather load FILE`. Predictions go on without it"
        )

    def _reason(self, response: httpx.Response) -> str:
        """Return why a request was refused, as the answer says, without the key that it may repeat."""
        said = _json(response)
        words = str(said.get("reason", "without a reason")) if isinstance(said, dict) else "without a reason"
        key = self._key.get_secret_value() if self._key else ""
        for secret in filter(None, (key, quote(key, safe=""), quote_plus(key))):
            words = words.replace(secret, "...")
        return words[:REASON_CHARACTERS]

    def _address(self, api: str) -> str:
        """Return the address of one of their services."""
        if self._url:
            return self._url.rstrip("/") + PATHS[api]
        return f"https://{'customer-' if self._key else ''}{HOSTS[api]}.open-meteo.com{PATHS[api]}"


def _checked(url: str) -> str:
    """Return the address of a server as it was given.

    Raises:
        UsageError: it is none that can be asked.
    """
    try:
        parts = httpx.URL(url)
        parts.host.encode("idna")
    except (httpx.InvalidURL, UnicodeError):
        parts = httpx.URL()
    if parts.scheme in ("http", "https") and parts.host and (parts.port or 0) <= 65_535 and not parts.query:
        return url
    shown = _USER.sub("", _KEY.sub(r"\1...", url)).rpartition("@")[2]  # before an @ may stand a password in any form
    raise UsageError(
        f"METER_OPEN_METEO_URL is {shown!r}, which is no web address of a server; set it to one such as "
        "http://weather.example.org:8080, without path, or unset it for the servers of Open-Meteo"
    )


def _values(
    place: Place, valid_s: IntArray, issued_s: IntArray, observed: np.ndarray, temperature_c: FloatArray
) -> WeatherValues:
    """Return what there is of a column; hours without a value are left out."""
    there = ~np.isnan(temperature_c)
    names = np.full(int(there.sum()), place.place, dtype=object)
    return WeatherValues(NAME, names, valid_s[there], issued_s[there], observed[there], temperature_c[there])


def _columns(answer: Any, variables: Sequence[str]) -> dict[str, FloatArray]:
    """Return the columns of an answer.

    Raises:
        UnavailableError: it does not have them.
    """
    try:
        hourly, units = answer["hourly"], answer["hourly_units"]
        columns = {name: np.array(hourly[name], dtype=np.float64) for name in ("time", *variables)}
        right = {units["time"]} == {"unixtime"} and {units[name] for name in variables} == {"\N{DEGREE SIGN}C"}
        if right and len({column.shape for column in columns.values()}) == 1 and _possible(columns, variables):
            return columns
    except (KeyError, TypeError, ValueError, OverflowError):
        pass
    raise UnavailableError(
        "Open-Meteo answered without equally long hourly columns of seconds (1900 to 2199) and degrees Celsius "
        f"({COLDEST_C:g} to {HOTTEST_C:g}); see whether its service changed, or load weather from files: "
        "`meter weather load FILE`"
    )


def _possible(columns: Mapping[str, FloatArray], variables: Sequence[str]) -> bool:
    """Say whether all instants and temperatures can be; a temperature may be missing, an instant not."""
    instants = ((columns["time"] >= EARLIEST_S) & (columns["time"] < LATEST_S)).all()
    degrees = np.concatenate([columns[name] for name in variables])
    return bool(instants and (np.isnan(degrees) | ((degrees >= COLDEST_C) & (degrees <= HOTTEST_C))).all())


def _json(response: httpx.Response) -> Any:
    """Return what a body holds, None where it is no JSON."""
    try:
        return response.json()
    except ValueError:
        return None


def _remedy(status: int) -> str:
    """Return what to do about a refusal: it is the settings of the server, or what was asked for."""
    return SETTINGS_REMEDY if status < 400 or status in OF_SETTINGS else "see the place's coordinates and the days"


def _told_to_wait_s(response: httpx.Response) -> float:
    """Return the seconds that a server says to wait, at most `LONGEST_WAIT_S`; 0 where it says none."""
    said = response.headers.get("Retry-After", "")
    return min(float(said), LONGEST_WAIT_S) if said.isascii() and said.isdigit() else 0.0

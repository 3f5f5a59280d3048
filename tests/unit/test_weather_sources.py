"""Weather from files, and from a server that answers as Open-Meteo documents it.

The answers below were written by hand after its documentation (there is no network here): they are no recordings.
"""

import gzip
import json
import logging
from contextlib import contextmanager
from datetime import UTC, date, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import SecretStr

from meter_core.contracts.errors import UnavailableError, UnreachableError, UsageError
from meter_core.contracts.weather import Place
from meter_core.sources import SourceError
from meter_core.sources.open_meteo import OpenMeteo
from meter_core.sources.weather_file import read_weather

MELBOURNE = Place("melbourne", -37.81, 144.96)
NOW_S = int(datetime(2026, 11, 24, 9, 30, tzinfo=UTC).timestamp())
MIDNIGHT_S = NOW_S - 9 * 3600 - 1800
HEAD = {"latitude": -37.8, "longitude": 145.0, "generationtime_ms": 0.05, "utc_offset_seconds": 0, "timezone": "GMT"}


def hourly(begins_s, count, **columns):
    units = {"time": "unixtime", **dict.fromkeys(columns, "\N{DEGREE SIGN}C")}
    return {**HEAD, "hourly_units": units, "hourly": {"time": [begins_s + 3600 * n for n in range(count)], **columns}}


@contextmanager
def server(*answers):
    """Gives each request the next answer, the last one for ever; yields its address and what was asked."""
    asked, left = [], list(answers)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(urlsplit(self.path))
            status, body, *headers = left.pop(0) if len(left) > 1 else left[0]
            self.send_response(status)
            for header in headers:
                self.send_header(*header)
            self.end_headers()
            self.wfile.write(body if isinstance(body, bytes) else json.dumps(body).encode())

        def log_message(self, *_):
            pass

    listening = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=listening.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.server_port}", asked
    finally:
        listening.shutdown()
        listening.server_close()


def client(url, key=None, waits=None):
    return OpenMeteo(key, url, sleep=(waits if waits is not None else []).append, now=lambda: NOW_S)


def test_a_forecast_is_issued_when_it_was_fetched_and_no_hour_of_it_was_measured():
    with server((200, hourly(MIDNIGHT_S, 12, temperature_2m=[*range(10, 21), None]))) as (url, asked):
        found = client(url).forecast(MELBOURNE)
    query = parse_qs(asked[0].query)
    assert asked[0].path == "/v1/forecast"
    assert (query["latitude"], query["longitude"], query["hourly"]) == (["-37.81"], ["144.96"], ["temperature_2m"])
    assert (query["timeformat"], query["timezone"]) == (["unixtime"], ["GMT"])
    assert "apikey" not in query
    assert len(found) == 11  # the hour without a value is left out
    assert set(found.issued_s.tolist()) == {NOW_S}
    assert not found.observed.any()  # 00:00 to 09:00 are past at 09:30, but a model's
    assert found.temperature_c.tolist() == [float(n) for n in range(10, 21)]
    assert found.place.tolist() == ["melbourne"] * 11


def test_the_past_comes_as_measured_and_as_it_was_forecast_days_before():
    day = int(datetime(2026, 11, 1, tzinfo=UTC).timestamp())
    before = {f"temperature_2m_previous_day{n}": [10.0 + n, None] for n in range(1, 8)}
    answers = (200, hourly(day, 2, temperature_2m=[9.0, 8.0])), (200, hourly(day, 2, **before))
    with server(*answers) as (url, asked):
        found = client(url).history(MELBOURNE, date(2026, 11, 1), date(2026, 11, 2))
    assert [each.path for each in asked] == ["/v1/archive", "/v1/forecast"]
    assert parse_qs(asked[0].query)["end_date"] == ["2026-11-01"]
    rows = sorted(zip(found.issued_s - found.valid_s, found.observed, found.temperature_c, strict=True))
    published = 6 * 3600  # after the instant n days before
    assert rows == [(-24 * 3600 * n + published, False, 10.0 + n) for n in range(7, 0, -1)] + [
        (3600, True, 8.0), (3600, True, 9.0),
    ]  # fmt: skip


def test_long_pasts_are_asked_for_in_parts():
    day = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())
    columns = {"temperature_2m": [1.0]} | {f"temperature_2m_previous_day{n}": [1.0] for n in range(1, 8)}
    with server((200, hourly(day, 1, **columns))) as (url, asked):
        client(url).history(MELBOURNE, date(2026, 1, 1), date(2026, 4, 11))
    days = [(query["start_date"][0], query["end_date"][0]) for query in (parse_qs(each.query) for each in asked[::2])]
    assert days == [("2026-01-01", "2026-03-31"), ("2026-04-01", "2026-04-10")]


def test_what_passes_is_tried_again_and_what_stays_says_what_to_do():
    waits = []
    good = (200, hourly(MIDNIGHT_S, 1, temperature_2m=[7.5]))
    with server((503, b""), (429, {"error": True, "reason": "Minutely limit exceeded"}), good) as (url, _):
        assert client(url, waits=waits).forecast(MELBOURNE).temperature_c.tolist() == [7.5]
    assert waits == [1.0, 2.0]
    with server((503, b"")) as (url, asked), pytest.raises(UnavailableError, match=r"4 tries.*meter weather load FILE"):
        client(url).forecast(MELBOURNE)
    assert len(asked) == 4
    with pytest.raises(UnavailableError, match="did not answer after 4 tries"):
        client("http://127.0.0.1:9").forecast(MELBOURNE)


def test_a_refusal_says_why_and_is_not_repeated():
    body = {"error": True, "reason": "Latitude must be in range of -90 to 90"}
    with server((400, body)) as (url, asked), pytest.raises(UsageError, match="Latitude must be in range"):
        client(url).forecast(MELBOURNE)
    assert len(asked) == 1
    with pytest.raises(UsageError, match="--latitude"):
        client(url).forecast(Place("nowhere"))


@pytest.mark.parametrize(
    "body",
    [
        b"<html>", {}, {"hourly": {"time": [1]}, "hourly_units": {"time": "unixtime"}}, [],
        hourly(MIDNIGHT_S, 3, temperature_2m=[1.0]),
        hourly(MIDNIGHT_S, 1, temperature_2m=[-999.0]), hourly(MIDNIGHT_S, 1, temperature_2m=[float("inf")]),
        hourly(MIDNIGHT_S * 1000, 1, temperature_2m=[1.0]),
        hourly(MIDNIGHT_S, 1, temperature_2m=[1.0]) | {"hourly": {"time": [None], "temperature_2m": [1.0]}},
        hourly(MIDNIGHT_S, 1, temperature_2m=[1.0]) | {"hourly_units": {"time": "unixtime", "temperature_2m": "F"}},
    ],
)  # fmt: skip
def test_an_answer_of_another_shape_is_named(body):
    with server((200, body)) as (url, _), pytest.raises(UnavailableError, match="degrees Celsius"):
        client(url).forecast(MELBOURNE)


def test_the_key_is_sent_and_never_logged(caplog):
    caplog.set_level(logging.DEBUG)
    with server((400, {"error": True, "reason": "no"})) as (url, asked), pytest.raises(UsageError) as refused:
        client(url, SecretStr("s3cret")).forecast(MELBOURNE)
    assert parse_qs(asked[0].query)["apikey"] == ["s3cret"]
    assert "apikey=..." in caplog.text
    assert "s3cret" not in caplog.text + str(refused.value)


@pytest.mark.parametrize("status", [301, 401, 403, 404])
def test_a_server_that_is_not_ours_to_ask_names_the_settings(status):
    with (
        server((status, b"")) as (url, _),
        pytest.raises(UsageError, match="METER_OPEN_METEO_KEY and METER_OPEN_METEO"),
    ):
        client(url).forecast(MELBOURNE)


def test_a_server_says_how_long_to_wait_up_to_a_minute():
    waits = []
    good = (200, hourly(MIDNIGHT_S, 1, temperature_2m=[7.5]))
    said = [(429, b"", ("Retry-After", each)) for each in ("20", "3600", "Fri, 31 Dec 2027 23:59:59 GMT")]
    with server(*said, good) as (url, _):
        client(url, waits=waits).forecast(MELBOURNE)
    assert waits == [20.0, 60.0, 4.0]


def test_an_answer_that_cannot_be_decoded_is_not_a_way_that_is_closed():
    with (
        server((200, b"no gzip", ("Content-Encoding", "gzip"))) as (url, _),
        pytest.raises(UnavailableError) as garbled,
    ):
        client(url).forecast(MELBOURNE)
    assert not isinstance(garbled.value, UnreachableError)
    with pytest.raises(UnreachableError):
        client("http://127.0.0.1:9").forecast(MELBOURNE)


def test_a_key_that_is_repeated_and_a_password_in_the_address_are_hidden(caplog):
    caplog.set_level(logging.DEBUG)
    body = {"error": True, "reason": "apikey s3 cret/ or s3%20cret%2F is unknown"}
    with server((403, body)) as (url, _), pytest.raises(UsageError) as refused:
        client(url.replace("//", "//ann:pa55@"), SecretStr("s3 cret/")).forecast(MELBOURNE)
    assert "apikey ... or ... is unknown" in str(refused.value)
    with server((503, b"")) as (url, _), pytest.raises(UnavailableError) as away:
        client(url.replace("//", "//ann:pa55@")).forecast(MELBOURNE)
    assert "pa55" not in caplog.text + str(refused.value) + str(away.value)


@pytest.mark.parametrize(
    "url",
    [
        "http://h:abc", "http://h:99999", "weather.example.org", "//weather.example.org", "ftp://weather.example.org",
        "http://", "http://..", "http://h\n", "http://h?key=1",
    ],
)  # fmt: skip
def test_an_address_that_is_none_names_the_variable_the_value_and_what_to_do(url):
    with pytest.raises(UsageError) as refused:
        client(url)
    assert f"METER_OPEN_METEO_URL is {url!r}" in str(refused.value)
    assert "set it to one such as http" in str(refused.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("ftp://ann:pa55@h", "ftp://h"),
        ("ann:pa55@h:8080", "h:8080"),
        ("http:/ann:pa55@h", "h"),
        ("http://ann:pa/55@h:x", "h:x"),
    ],
)
def test_a_wrong_address_is_told_without_the_password_in_it(url, shown):
    with pytest.raises(UsageError, match=f"METER_OPEN_METEO_URL is '{shown}'"):
        client(url)


def test_a_customer_has_servers_of_their_own():
    assert OpenMeteo()._address("archive") == "https://archive-api.open-meteo.com/v1/archive"
    keyed = OpenMeteo(SecretStr("k"))
    assert keyed._address("forecast") == "https://customer-api.open-meteo.com/v1/forecast"
    assert keyed._address("earlier") == "https://customer-previous-runs-api.open-meteo.com/v1/forecast"


@pytest.mark.parametrize("packed", [False, True])
def test_a_file_of_forecasts_and_measurements(tmp_path, packed):
    text = (
        "place,issued_at,valid_at,temperature_c\n"
        "oslo,2026-01-01T00:00:00Z,2026-01-01T06:00:00Z,-3.5\n"
        "oslo,,2026-01-01T07:00:00+01:00,-4\n"
        "oslo,,2026-01-01T08:00:00Z,\n"
    )
    file = tmp_path / "weather.csv"
    file.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    found = read_weather(file)
    at = int(datetime(2026, 1, 1, 6, tzinfo=UTC).timestamp())
    assert found.valid_s.tolist() == [at, at]  # 07:00+01:00 is 06:00Z
    assert found.issued_s.tolist() == [at - 6 * 3600, at + 3600]
    assert (found.observed.tolist(), found.temperature_c.tolist()) == ([False, True], [-3.5, -4.0])


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("x,,2026-01-01T00:00,5", "line 2: valid_at is '2026-01-01T00:00'; write an instant with offset"),
        ("x,gestern,2026-01-01T00:00Z,5", "issued_at is 'gestern'"),
        ("x,,2026-01-01T00:00Z,280", "temperature_c is '280'; give degrees Celsius"),
        ("x,,2026-01-01T00:00Z,warm", "temperature_c is 'warm'"),
        (",,2026-01-01T00:00Z,5", "line 2: it names no place"),
        ("a\0b,,2026-01-01T00:00Z,5", r"line 2: place is 'a\x00b'"),
        (
            "x,,2026-01-01T00:00Z,12,5",
            "line 2: it has 5 cells, the header 4 columns; give as many, decimals with a point",
        ),
        ("x,2026-01-01T00:00Z,5", "line 2: it has 3 cells"),
        ("x,,1826-01-01T00:00Z,5", "valid_at is '1826-01-01T00:00Z'; write an instant of the years 1900 to 2199"),
        ("x,9999-12-31T23:59Z,2026-01-01T00:00Z,5", "issued_at is '9999-12-31T23:59Z'"),
        ("", "holds no temperature"),
    ],
)
def test_a_file_that_is_wrong_names_line_value_and_remedy(tmp_path, rows, words):
    file = tmp_path / "weather.csv"
    file.write_text(f"place,issued_at,valid_at,temperature_c\n{rows}\n")
    with pytest.raises(SourceError) as refused:
        read_weather(file)
    assert words in str(refused.value)


def test_a_file_without_a_column_or_that_is_not_there(tmp_path):
    file = tmp_path / "weather.csv"
    file.write_text("place,valid_at\n")
    with pytest.raises(SourceError, match="no column temperature_c"):
        read_weather(file)
    with pytest.raises(SourceError, match="no CSV of weather"):
        read_weather(tmp_path / "none.csv")


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("place,issue_at,valid_at,temperature_c", "line 1: the column 'issue_at' is none of weather"),
        ("place,issued_at,valid_at,temperature_c,temperature_c", "line 1: the column temperature_c is there 2 times"),
    ],
)
def test_a_header_with_other_columns_is_refused(tmp_path, header, words):
    file = tmp_path / "weather.csv"
    file.write_text(f"{header}\nx,2026-01-01T00:00Z,2026-01-02T00:00Z,5,6\n")
    with pytest.raises(SourceError, match=words):
        read_weather(file)


def test_a_damaged_gzip_is_named(tmp_path):
    file = tmp_path / "weather.csv.gz"
    whole = bytearray(gzip.compress(b"place,valid_at,temperature_c\nx,2026-01-01T00:00Z,5\n" * 50))
    whole[12:20] = b"\xff" * 8
    file.write_bytes(bytes(whole))
    with pytest.raises(SourceError, match=r"weather.csv.gz: no CSV of weather"):
        read_weather(file)

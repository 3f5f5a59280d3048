"""The page of a whole file: what is read, sent, shown and given back."""

import csv
import io
import math

import pytest
from playwright.sync_api import expect

from tests.service.measured_hours import FORTNIGHT

ROWS = list(csv.DictReader(io.StringIO(FORTNIGHT.read_text())))
PLAIN = "load_kw,voltage_v,local_hour,local_day_of_week\n"


@pytest.fixture
def batch_page(service, open_page):
    def opened(name, text):
        page = open_page(service, "/batch", accept_downloads=True)
        page.set_input_files("#file", {"name": name, "mimeType": "text/csv", "buffer": text.encode()})
        return page

    return opened


def predicted(page):
    page.locator("#predict").click()
    expect(page.locator("#results")).to_be_visible()


def downloaded(page, delimiter=","):
    with page.expect_download() as waiting:
        page.locator("#download").click()
    text = waiting.value.path().read_text()
    return waiting.value.suggested_filename, list(csv.DictReader(io.StringIO(text), delimiter=delimiter))


def as_sent(rows):
    """The file's rows as a client of the API would send them."""
    names = [name for name in rows[0] if name != "units_kwh"]
    texts = ("meter_id", "reading_ts", "zone")
    value = {name: (str if name in texts else int if name == "interval_minutes" else float) for name in names}
    return {
        "columns": names,
        "rows": [[value[name](row[name]) if row[name] else None for name in names] for row in rows],
    }


def test_the_sample_is_predicted_shown_and_given_back(service, open_page):
    answer = service.post("/predict_batch", as_sent(ROWS)).json()
    units = [row[0] for row in answer["rows"]]
    page = open_page(service, "/batch", accept_downloads=True)
    page.locator("#sample").click()
    expect(page.locator("#preview-title")).to_have_text("measured_fortnight.csv")
    expect(page.locator("#format")).to_contain_text(f"{len(ROWS)} lines, apart by commas")
    expect(page.locator("#columns .measured")).to_contain_text("units_kwh")
    assert page.locator("#first-rows tbody tr").first.inner_text().split("\t") == list(ROWS[0].values())
    predicted(page)
    expect(page.locator("#totals")).to_contain_text(f"{sum(units):.1f} kWh")
    expect(page.locator("#totals")).to_contain_text(f"{sum(float(row['units_kwh'] or 0) for row in ROWS):.1f} kWh")
    errors = [abs(float(row["units_kwh"]) - kwh) for row, kwh in zip(ROWS, units, strict=True) if row["units_kwh"]]
    expect(page.locator("#totals")).to_contain_text(f"{sum(errors) / len(errors):.3f} kWh")
    six = [kwh for row, kwh in zip(ROWS, units, strict=True) if row["reading_ts"][11:13] == "06"]
    expect(page.locator("#hours title").nth(6)).to_contain_text(f"06:00: {sum(six) / len(six):.2f} kWh predicted")
    statuses = [row[answer["columns"].index("status")] for row in answer["rows"]]
    assert [int(text.split("\t")[-1]) for text in page.locator("#statuses tr").all_inner_texts()] == [
        statuses.count(name) for name in ("Low", "Normal", "High")
    ]

    name, rows = downloaded(page)
    assert name == "measured_fortnight_predicted.csv"
    assert [float(row["predicted_units_kwh"]) for row in rows] == units
    assert [{column: row[column] for column in ROWS[0]} for row in rows] == ROWS


def test_semicolons_decimal_commas_and_quotes_are_read_and_written_alike(batch_page, service):
    header, values = "Load_kW;voltage v;local_hour;local_day_of_week;remark", ("2,79", "237,52", "18", "5")
    page = batch_page("export.csv", f'{header}\r\n{";".join(values)};"one ""line""; and\r\nmore"\r\n1;230;3;0;\r\n')
    expect(page.locator("#format")).to_contain_text("2 lines, apart by semicolons, decimal commas")
    expect(page.locator("#columns .ignored")).to_contain_text("remark")
    predicted(page)
    asked = {"columns": [*PLAIN.strip().split(","), "temperature_c", "power_factor", "frequency_hz"]}
    asked["rows"] = [[2.79, 237.52, 18, 5, None, None, None], [1, 230, 3, 0, None, None, None]]
    units = [row[0] for row in service.post("/predict_batch", asked).json()["rows"]]
    _, rows = downloaded(page, ";")
    assert [float(row["predicted_units_kwh"].replace(",", ".")) for row in rows] == units
    assert rows[0]["remark"] == 'one "line"; and\r\nmore'.replace("\r\n", "\n")
    assert rows[0]["Load_kW"] == "2,79"


def test_wrong_lines_are_listed_by_line_and_column_and_the_others_predicted(batch_page):
    page = batch_page("wrong.csv", f"{PLAIN}1,230,3,0\n\nabc,230,3,0\n1,-5,3,0\n1,230,24,0\n2,230,4,1\n")
    predicted(page)
    expect(page.locator("#errors-title")).to_have_text("3 lines left out")
    said = [row.split("\t") for row in page.locator("#error-list tbody tr").all_inner_texts()]
    assert [row[:2] for row in said] == [["4", "load_kw"], ["5", "voltage_v"], ["6", "local_hour"]]
    assert "is not a number" in said[0][2]
    assert "less than 0 cannot be" in said[1][2]
    _, rows = downloaded(page)
    assert [bool(row["predicted_units_kwh"]) for row in rows] == [True, False, False, False, True]
    assert [bool(row["not_predicted_because"]) for row in rows] == [False, True, True, True, False]


def test_a_long_file_goes_in_pieces_and_stops_when_told(batch_page):
    page = batch_page("long.csv", PLAIN + "1,230,3,0\n" * 20_001)
    sent, held = [], []

    def hold(route):
        sent.append(len(route.request.post_data_json["rows"]))
        held.append(route) if len(sent) == 2 else route.continue_()

    page.route("**/predict_batch", hold)
    page.locator("#predict").click()
    expect(page.locator("#done")).to_have_text("10,000 of 20,001")
    assert page.locator("progress").evaluate("(bar) => bar.value / bar.max") == pytest.approx(10_000 / 20_001)
    page.locator("#stop").click()
    expect(page.locator("#ended")).to_contain_text("Stopped")
    expect(page.locator("#totals")).to_contain_text("10,000 intervals")
    expect(page.locator("#announced")).to_have_text("10,000 lines predicted, 10,001 lines not.")
    held[0].abort()
    predicted(page)
    expect(page.locator("#totals")).to_contain_text("20,001 intervals")
    assert sent == [10_000, 10_000, 10_000, 10_000, 1]


def test_what_cannot_be_read_is_said_before_anything_is_sent(batch_page):
    page = batch_page("few.csv", "load_kw,meter_id\n1,A\n")
    expect(page.locator("#missing")).to_contain_text("voltage_v, reading_ts (or local_hour and local_day_of_week)")
    expect(page.locator("#predict")).to_be_disabled()
    page.set_input_files("#file", {"name": "empty.csv", "mimeType": "text/csv", "buffer": b"load_kw,voltage_v\n"})
    expect(page.locator("#notice")).to_contain_text("no readings below it")


def test_a_dropped_file_without_a_zone_asks_for_it(service, open_page):
    page = open_page(service, "/batch", timezone_id="Asia/Tokyo", accept_downloads=True)
    text = "reading_ts,load_kw,voltage_v\\n2026-01-05T18:00:00Z,1,230\\n"
    drop = f"""(zone) => {{
      const data = new DataTransfer();
      data.items.add(new File(["{text}"], "dropped.csv", {{ type: "text/csv" }}));
      zone.dispatchEvent(new DragEvent("drop", {{ dataTransfer: data, bubbles: true, cancelable: true }}));
    }}"""
    page.locator("#drop").evaluate(drop)
    expect(page.locator("#zone")).to_have_value("Asia/Tokyo")
    page.fill("#zone", "Europe/Paris")
    predicted(page)
    reading = {"load_kw": 1, "voltage_v": 230, "temperature_c": None, "power_factor": None, "frequency_hz": None}
    answer = service.post("/predict", reading | {"reading_ts": "2026-01-05T18:00:00Z", "zone": "Europe/Paris"}).json()
    _, rows = downloaded(page)
    assert math.isclose(float(rows[0]["predicted_units_kwh"]), answer["units_kwh"], rel_tol=1e-12)
    expect(page.locator("#hours title").nth(19)).to_contain_text("19:00:")  # 18:00 UTC in Paris
    expect(page.locator("#hours title").nth(19)).not_to_contain_text("none")

"""The page of meters: what one used and will use, on its own clock; without a database, a history that is pasted."""

import csv
import io
import re
from datetime import datetime

import pytest
from playwright.sync_api import expect

from tests.service.forecast_world import HOME, ZONE
from tests.service.measured_hours import presets

DASH = "\N{EN DASH}"


@pytest.fixture
def meter_page(known, open_page):
    """The page of one home, in a browser on the other side of the world."""
    page = open_page(
        known, f"/consumption#meter={HOME}", timezone_id="Asia/Tokyo", accept_downloads=True, reduced_motion="reduce"
    )
    expect(page.locator("#series svg")).to_be_visible()
    return page


def kwh(value):
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"


def words(stamp):
    """The hour from a stamp, as the page says it."""
    start = datetime.fromisoformat(stamp)
    return f"{start:%a} {start.day} {start:%b} {start:%Y}, {start:%H:%M} {DASH} {(start.hour + 1) % 24:02d}:00"


def test_what_was_measured_and_what_is_expected_on_the_meters_clock(known, meter_page):
    consumption = known.get(f"/meters/{HOME}/consumption").json()
    forecast = known.get(f"/meters/{HOME}/forecast?horizon=48h").json()
    tiles = meter_page.locator("#totals")
    expect(tiles).to_contain_text(f"{kwh(consumption['total']['units_kwh'])} kWh")
    total = forecast["total"]
    expect(tiles).to_contain_text(f"80 % between {kwh(total['low_kwh'])} and {kwh(total['high_kwh'])} kWh")
    assert ZONE in tiles.inner_text().replace("\N{ZERO WIDTH SPACE}", "")
    chart = meter_page.get_by_role("slider")
    chart.focus()
    meter_page.keyboard.press("Home")
    first = consumption["values"][0]
    expect(chart).to_have_attribute(
        "aria-valuetext", f"{words(first['reading_ts'])}: {kwh(first['units_kwh'])} kWh measured"
    )
    meter_page.keyboard.press("End")
    last = forecast["forecast"][-1]
    said = f"{words(last['reading_ts'])}: {kwh(last['units_kwh'])} kWh expected, 80 % between "
    expect(meter_page.locator("#readout")).to_have_text(f"{said}{kwh(last['low_kwh'])} and {kwh(last['high_kwh'])}")
    meter_page.keyboard.press("PageDown")
    expect(meter_page.locator("#readout")).to_contain_text(words(forecast["forecast"][-25]["reading_ts"]))


def test_what_the_forecast_warns_of_stands_beside_it(known, meter_page):
    (warning,) = known.get(f"/meters/{HOME}/forecast?horizon=48h").json()["warnings"]
    notice = meter_page.locator("#forecast-notice")
    expect(notice).to_contain_text("days old, and the forecast begins where it ends")
    assert warning["message"][1:] in notice.inner_text()


def test_the_pointer_reads_the_hour_it_stands_on(known, meter_page):
    values = known.get(f"/meters/{HOME}/consumption").json()["values"]
    begins = float(meter_page.locator(".dayline").first.get_attribute("x1"))
    meter_page.locator("#series").hover(position={"x": begins + 1, "y": 100})
    midnight = next(one for one in values[1:] if one["reading_ts"][11:13] == "00")
    expect(meter_page.locator("#readout")).to_contain_text(words(midnight["reading_ts"]))


def test_days_are_summed_by_the_service(known, meter_page):
    days = known.get(f"/meters/{HOME}/consumption?interval=day").json()["values"]
    expected = known.get(f"/meters/{HOME}/forecast?horizon=48h").json()["days"]
    shown = [text.split("\n")[0] for text in meter_page.locator("#days tbody td:last-child").all_inner_texts()]
    known_days = [DASH if day["units_kwh"] is None else kwh(day["units_kwh"]) for day in days]
    assert shown == known_days + [kwh(day["units_kwh"]) for day in expected]


def test_the_same_as_a_table_and_as_a_file(known, meter_page):
    consumption = known.get(f"/meters/{HOME}/consumption").json()["values"]
    meter_page.get_by_text("All values as a table").click()
    rows = meter_page.locator("#values-table tbody tr")
    expect(rows).to_have_count(len(consumption) + 48)
    assert rows.first.inner_text().split("\t")[0] == words(consumption[0]["reading_ts"])
    with meter_page.expect_download() as waiting:
        meter_page.locator("#download").click()
    kept = list(csv.DictReader(io.StringIO(waiting.value.path().read_text())))
    assert [row["reading_ts"] for row in kept[: len(consumption)]] == [one["reading_ts"] for one in consumption]
    assert [float(row["measured_kwh"]) for row in kept if row["measured_kwh"]] == [
        one["units_kwh"] for one in consumption if one["units_kwh"] is not None
    ]
    assert all(float(row["low_kwh"]) <= float(row["high_kwh"]) for row in kept[-48:])


def test_a_meter_is_found_by_part_of_its_id_and_looked_further_ahead(known, meter_page):
    meter_page.fill("#search", "-0")
    expect(meter_page.locator("#known")).to_have_text("9 meters of 10")
    meter_page.fill("#search", "tana-07")
    meter_page.keyboard.press("Enter")
    expect(meter_page.locator("#shown-title")).to_have_text("FONTANA-07")
    assert meter_page.url.endswith("#meter=FONTANA-07")
    meter_page.select_option("#horizon", "168h")
    expect(meter_page.locator("#totals")).to_contain_text("next 7 days")
    meter_page.fill("#search", "nobody")
    meter_page.keyboard.press("Enter")
    expect(meter_page.locator("#notice")).to_contain_text("No such meter is known here")
    expect(meter_page.locator("#shown")).to_be_hidden()


def test_without_a_forecast_model_what_was_measured_still_stands_there(bare, open_page):
    page = open_page(bare, f"/consumption#meter={HOME}")
    expect(page.locator("#forecast-notice")).to_contain_text("No forecast:")
    expect(page.locator("#forecast-notice code")).to_have_text("meter train --task ahead")
    expect(page.locator("#series .measured-line")).not_to_have_count(0)
    expect(page.locator("#series .forecast-line")).to_have_count(0)


def test_a_pasted_history_is_forecast_with_its_gaps_as_gaps(known, open_page):
    page = open_page(known, "/consumption")
    page.get_by_text("Forecast from a history you paste").click()
    page.locator("#paste-sample").click()
    page.locator("#paste-go").click()
    expect(page.locator("#shown-title")).to_have_text("The history you pasted")
    expect(page.locator("#series .forecast-line")).to_have_count(1)
    recent = presets()["presets"][0]["recent_kwh"]
    expect(page.locator("#series .gap")).to_have_count(recent[-168:].count(None))
    expect(page.locator("#totals")).to_contain_text("Sun 13 Dec 2009, 18:00")  # on the clock of Paris
    page.locator("#history").fill("2026-11-01T00:00:00+01:00,0.4\nyesterday,0.5")
    page.locator("#paste-go").click()
    expect(page.locator("#paste-error")).to_contain_text(re.compile("Line 2: .yesterday. is not a time"))


def test_without_a_database_it_says_so_and_offers_to_paste(service, open_page):
    page = open_page(service, "/consumption")
    expect(page.locator("#notice")).to_contain_text("no database is configured", ignore_case=True)
    expect(page.locator("#history")).to_be_visible()
    page.locator("#paste-sample").click()
    page.locator("#paste-go").click()
    expect(page.locator("#paste-error")).to_be_visible()  # nor is there a model that forecasts

"""The page of one prediction: what it computes, asks, shows and says, by mouse and by keyboard, wide and on a phone."""

import re

import pytest
from playwright.sync_api import expect

from meter_core.contracts.features import DERIVED, FEATURES
from meter_core.features.snapshot import snapshot_matrix
from tests.service.measured_hours import presets
from tests.service.readings import SATURDAY_EVENING, batch_of

PHONE = {"width": 390, "height": 844}
ODD = SATURDAY_EVENING | {"voltage_v": 251, "power_factor": 0.84, "temperature_c": 40.5, "local_day_of_week": 2}
"""Made up: every flag raised but the weekend."""


def fill(page, reading):
    for name in ("voltage_v", "temperature_c", "power_factor", "load_kw", "frequency_hz"):
        page.fill(f"#{name}", "" if reading[name] is None else str(reading[name]))
    for name in ("local_hour", "local_day_of_week"):
        page.select_option(f"#{name}", str(reading[name]))


def kwh(value):
    return f"{value:.2f}"


def test_the_twelve_inputs_are_there_each_with_its_label_and_the_derived_ones_read_only(service, open_page):
    page = open_page(service)
    for name in FEATURES:
        assert page.locator(f"#{name}").count() == 1
        assert page.locator(f"label[for={name}]").inner_text().strip()
        assert (page.locator(f"#{name}").get_attribute("readonly") is not None) == (name in DERIVED)
    unlabelled = "[...document.querySelectorAll('input, select, textarea')].filter((one) => !one.labels.length).length"
    assert page.evaluate(unlabelled) == 0


@pytest.mark.parametrize("reading", [SATURDAY_EVENING, ODD], ids=["measured", "odd"])
def test_derived_values_fill_themselves_in_as_the_service_computes_them(service, open_page, reading):
    page = open_page(service)
    fill(page, reading)
    matrix = snapshot_matrix(batch_of(reading, reading["local_hour"], reading["local_day_of_week"]))[0]
    for name in DERIVED:
        value = matrix[FEATURES.index(name)]
        words = (
            "\N{EN DASH}"
            if value != value
            else f"{value:.1f}"
            if name == "load_intensity"
            else ("no", "yes")[int(value)]
        )
        expect(page.locator(f"#{name}")).to_have_value(words)


def test_why_there_may_be_a_newer_model_is_said_in_the_services_words_also_beside_an_answer(service, open_page):
    page = open_page(service)
    notice = page.locator("#notice")
    expect(notice).to_contain_text("No registry is set (MLFLOW_TRACKING_URI)")
    expect(notice).to_contain_text("the last copy answers")
    page.get_by_role("button", name="Winter evening").click()
    expect(page.locator("#units")).not_to_be_empty()
    expect(notice).to_contain_text("There may be a newer model")


def test_a_measured_hour_is_predicted_and_drawn(service, open_page):
    hour = next(one for one in presets()["presets"] if one["title"] == "Winter evening")
    asked = {name: hour[name] for name in (*SATURDAY_EVENING, "meter_id", "recent_kwh")}
    answer = service.post("/predict", asked).json()
    page = open_page(service)
    page.get_by_role("button", name="Winter evening").click()
    expect(page.locator("#units")).to_have_text(kwh(answer["units_kwh"]))
    expect(page.locator("#badge")).to_have_attribute("data-status", answer["status"])
    expect(page.locator("#badge")).to_contain_text(answer["status"])
    drawn = page.locator("#range svg").get_attribute("aria-label")
    for figure in (
        answer["units_kwh"],
        answer["low_kwh"],
        answer["high_kwh"],
        answer["usual_low_kwh"],
        answer["usual_high_kwh"],
    ):
        assert kwh(figure) in drawn
    assert f"measured {kwh(hour['measured_kwh'])} kWh" in drawn
    assert page.locator("#range .band").count() == page.locator("#range .usual").count() == 1
    assert page.locator("#recent .bar").count() > 40
    expect(page.locator("#explain")).to_contain_text(
        f"{kwh(answer['usual_low_kwh'])} to {kwh(answer['usual_high_kwh'])} kWh"
    )
    expect(page.locator("#provenance")).to_contain_text("among those it learned from")


def test_what_moved_the_prediction_is_a_table_that_adds_up(service, open_page):
    hour = next(one for one in presets()["presets"] if one["title"] == "Winter evening")
    asked = {name: hour[name] for name in (*SATURDAY_EVENING, "meter_id", "recent_kwh")}
    answer = service.post("/explain", asked).json()
    page = open_page(service)
    page.get_by_role("button", name="Winter evening").click()
    expect(page.locator("#units")).to_have_text(kwh(answer["units_kwh"]))
    table = page.get_by_role("table", name="What moved this prediction")
    names = ["Load", "Recent use"]
    for name, one in zip(names, answer["contributions"], strict=False):  # the two largest, in this order
        assert name.split()[0].lower() == one["group"]
    figures = [
        float(text.replace("\N{MINUS SIGN}", "-")) for text in table.locator("tbody td:last-child").all_inner_texts()
    ]
    assert len(figures) == len(answer["contributions"]) + 2
    assert figures[0] == pytest.approx(answer["reference_kwh"], abs=0.005)
    assert figures[1:-1] == pytest.approx([one["kwh"] for one in answer["contributions"]], abs=0.005)
    assert figures[-1] == pytest.approx(answer["units_kwh"], abs=0.005)
    # Each bar begins where the one before ended, on one scale.
    edges = page.evaluate(
        """[...document.querySelectorAll(".moved .share")].map((one) =>
           ["x", "width"].map((name) => Number(one.getAttribute(name))))"""
    )
    (_, typical), (load, grown) = edges[0], edges[1]
    assert load == pytest.approx(typical)
    assert grown / typical == pytest.approx(answer["contributions"][0]["kwh"] / answer["reference_kwh"], rel=1e-6)


def test_the_range_is_drawn_to_scale(service, open_page):
    """The band's edges and the point, read back from their places on the axis."""
    page = open_page(service)
    fill(page, SATURDAY_EVENING)
    page.get_by_role("button", name="Predict").click()
    page.wait_for_selector("#range svg")
    answer = service.post("/predict", SATURDAY_EVENING).json()
    place = page.evaluate(
        """() => {
          const lines = [...document.querySelectorAll("#range .gridline")].map((one) => Number(one.getAttribute("x1")));
          const words = [...document.querySelectorAll("#range svg > text[y]")].map((one) => one.textContent);
          const ticks = words.filter((word) => /^[0-9.]+( kWh)?$/.test(word)).map(parseFloat);
          const band = document.querySelector("#range .band");
          const [x, width] = ["x", "width"].map((name) => Number(band.getAttribute(name)));
          const point = Number(document.querySelector("#range .point").getAttribute("cx"));
          return { lines, ticks, low: x, high: x + width, point };
        }"""
    )
    (left, *_, right), (first, *_, last) = place["lines"], place["ticks"]

    def value_at(x):
        return first + (x - left) / (right - left) * (last - first)

    for drawn, true in (("low", "low_kwh"), ("high", "high_kwh"), ("point", "units_kwh")):
        assert value_at(place[drawn]) == pytest.approx(answer[true], abs=1e-6)


def test_after_the_first_answer_a_changed_value_is_predicted_by_itself(service, open_page):
    page = open_page(service)
    fill(page, SATURDAY_EVENING)
    page.get_by_role("button", name="Predict").click()
    expect(page.locator("#units")).to_have_text(kwh(service.post("/predict", SATURDAY_EVENING).json()["units_kwh"]))
    changed = SATURDAY_EVENING | {"load_kw": 0.3, "local_hour": 4}
    fill(page, changed)
    expect(page.locator("#units")).to_have_text(kwh(service.post("/predict", changed).json()["units_kwh"]))
    expect(page.locator("#sentence")).to_contain_text("Saturday 04:00")


def test_by_keyboard_alone(service, open_page):
    page = open_page(service)
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.locator("#load_kw").focus()
    visited = []
    for text in ("2.79", "237.52", "0.9979"):
        visited.append(page.evaluate("document.activeElement.id"))
        page.keyboard.type(text)
        page.keyboard.press("Tab")
    assert visited == ["load_kw", "voltage_v", "power_factor"]
    page.keyboard.press("Enter")
    expect(page.locator("#answer")).to_be_visible()


def test_each_error_stands_beside_its_field(service, open_page):
    page = open_page(service)
    fill(page, SATURDAY_EVENING | {"power_factor": 1.4, "voltage_v": -5})
    page.get_by_role("button", name="Predict").click()
    for name, words in (("power_factor", "More than 1 cannot be"), ("voltage_v", "Less than 0 cannot be")):
        field = page.locator(f"#{name}")
        expect(field).to_have_attribute("aria-invalid", "true")
        expect(field).to_have_attribute("aria-describedby", re.compile(f"{name}-error"))
        expect(page.locator(f"#{name}-error")).to_contain_text(words)
    expect(page.locator("#voltage_v")).to_be_focused()
    expect(page.locator("#load_kw")).to_have_attribute("aria-invalid", "false")
    fill(page, SATURDAY_EVENING)
    page.get_by_role("button", name="Predict").click()
    expect(page.locator("#answer")).to_be_visible()
    expect(page.locator(".field-error")).to_have_count(0)


def test_an_empty_form_says_what_is_needed_and_asks_nobody(service, open_page):
    page = open_page(service)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.get_by_role("button", name="Predict").click()
    expect(page.locator("#load_kw-error")).to_contain_text("Load now is needed")
    expect(page.locator("#voltage_v-error")).to_contain_text("Voltage is needed")
    assert asked == []


def test_wrong_history_opens_its_drawer_and_says_where(service, open_page):
    page = open_page(service)
    fill(page, SATURDAY_EVENING)
    page.locator("summary").click()
    page.fill("#recent_kwh", "0.4, 0.5 abc -")
    page.locator("summary").click()
    page.get_by_role("button", name="Predict").click()
    expect(page.locator("#recent_kwh-error")).to_be_visible()


def test_unusual_values_are_marked_and_still_predicted(service, open_page):
    page = open_page(service)
    fill(page, SATURDAY_EVENING | {"load_kw": 5.4})
    expect(page.locator("#load_kw-note")).to_contain_text("Unusual: mostly 0 to 5")
    page.get_by_role("button", name="Predict").click()
    expect(page.locator("#warnings .warning")).to_contain_text("Load now is 5.4, outside the usual 0 to 5 kW")


def test_on_a_phone_the_answer_comes_into_view(service, open_page):
    page = open_page(service, viewport=PHONE, reduced_motion="reduce")
    page.get_by_role("button", name="Winter evening").click()
    expect(page.locator("#units")).to_be_in_viewport()


def test_without_a_model_the_page_says_so_kindly(bare, open_page):
    page = open_page(bare)
    expect(page.locator("#notice")).to_contain_text("No model is loaded")
    expect(page.locator("#notice")).to_contain_text("meter train")
    fill(page, SATURDAY_EVENING)
    page.get_by_role("button", name="Predict").click()
    expect(page.locator("#predict")).to_have_attribute("aria-busy", "false")
    expect(page.locator("#answer")).to_be_hidden()
    expect(page.locator("#notice")).to_be_visible()

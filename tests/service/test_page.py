"""The page in a real browser: what it computes, asks, shows and says, by mouse and by keyboard, wide and on a phone."""

import re
import shutil

import pytest
from playwright.sync_api import expect, sync_playwright

from meter_core.contracts.features import DERIVED, FEATURES
from meter_core.features.snapshot import snapshot_matrix
from tests.service.measured_hours import presets
from tests.service.readings import SATURDAY_EVENING, batch_of
from tests.service.service_process import running_service

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PHONE = {"width": 390, "height": 844}
WIDE = {"width": 1280, "height": 900}
ODD = SATURDAY_EVENING | {"voltage_v": 251, "power_factor": 0.84, "temperature_c": 40.5, "local_day_of_week": 2}
"""Made up: every flag raised but the weekend."""


@pytest.fixture(scope="module")
def browser():
    if not shutil.which(CHROMIUM):
        pytest.skip(f"{CHROMIUM} is not there: apt-get install chromium")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield started
        started.close()


@pytest.fixture
def open_page(browser):
    """Opens the page of a service; at the end there was no request elsewhere and no error in its scripts."""
    contexts, foreign, broken = [], [], []

    def opened(service, viewport=WIDE, **options):
        context = browser.new_context(viewport=viewport, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("request", lambda request: None if request.url.startswith(service.url) else foreign.append(request.url))
        page.on("pageerror", lambda error: broken.append(str(error)))
        page.goto(service.url)
        page.wait_for_selector(".chip")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert foreign == []
    assert broken == []


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


def test_the_card_shows_scores_beside_baselines_and_empty_features(service, open_page):
    page = open_page(service)
    rows = page.locator(".scores tr")
    expect(rows).to_have_count(5)
    assert [row.split("\t")[0].strip() for row in rows.all_inner_texts()] == [
        "This model, gradient boosting",
        "This model, not told recent use",
        "Load now and profile",
        "Not chosen: linear regression",
        "Overall mean",
    ]  # the best first
    widths = page.evaluate(
        "[...document.querySelectorAll('.scores .track rect')].map((one) => Number(one.getAttribute('width')))"
    )
    assert widths == pytest.approx([100 * rmse / 0.84 for rmse in (0.46, 0.48, 0.5, 0.55, 0.84)])
    assert set(page.locator(".tags .absent").all_inner_texts()) == {"temperature_c", "frequency_hz", "high_temp"}
    expect(page.locator("#card")).to_contain_text("1 Jan 2009 \N{EN DASH} 31 Dec 2009")


@pytest.mark.parametrize("viewport", [PHONE, WIDE, {"width": 320, "height": 640}], ids=["phone", "wide", "small"])
def test_nothing_runs_over_the_edge(service, open_page, viewport):
    page = open_page(service, viewport)
    page.get_by_role("button", name="Heavy load").click()
    expect(page.locator("#answer")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    right = page.evaluate(
        "Math.max(...[...document.querySelectorAll('#range text')].map((one) => one.getBoundingClientRect().right))"
    )
    assert right <= viewport["width"]


def test_on_a_phone_the_answer_comes_into_view(service, open_page):
    page = open_page(service, PHONE, reduced_motion="reduce")
    page.get_by_role("button", name="Winter evening").click()
    expect(page.locator("#units")).to_be_in_viewport()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_has_contrast(service, open_page, scheme):
    """WCAG 2.2 AA: 4.5 for text, computed from the colours the browser uses."""
    page = open_page(service, color_scheme=scheme)
    page.get_by_role("button", name="Heavy load").click()
    expect(page.locator("#answer")).to_be_visible()
    too_weak = page.evaluate(CONTRAST)
    assert too_weak == []


def test_without_a_model_the_page_says_so_kindly(open_page, tmp_path):
    with running_service(tmp_path) as service:
        page = open_page(service)
        expect(page.locator("#notice")).to_contain_text("There is no model yet")
        expect(page.locator("#notice")).to_contain_text("meter train")
        fill(page, SATURDAY_EVENING)
        page.get_by_role("button", name="Predict").click()
        expect(page.locator("#predict")).to_have_attribute("aria-busy", "false")
        expect(page.locator("#answer")).to_be_hidden()
        expect(page.locator("#notice")).to_be_visible()


def test_the_api_page_works_without_network(service, open_page):
    page = open_page(service)
    page.goto(f"{service.url}/docs")
    expect(page.locator(".opblock-summary-path").first).to_contain_text("/predict")


CONTRAST = """() => {
  const parse = (text) => { const n = text.match(/[0-9.]+/g).map(Number); return n.length < 4 ? [...n, 1] : n; };
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, n) => sum + v * [0.2126, 0.7152, 0.0722][n], 0);
  const behind = (one) => {
    for (let at = one; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour[3] === 1) return colour;
    }
    return [255, 255, 255, 1];
  };
  const weak = [];
  for (const one of document.querySelectorAll("body *")) {
    const own = [...one.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || !one.getClientRects().length || one.closest("svg, script, noscript")) continue;
    const [a, b] = [light(parse(getComputedStyle(one).color)), light(behind(one))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    const words = one.textContent.trim().slice(0, 20);
    if (ratio < 4.5) weak.push(`${one.tagName}.${one.className} ${words} ${ratio.toFixed(2)}`);
  }
  return weak;
}"""

"""What all pages share: the navigation, the keyboard, no edge overrun, contrast in light and dark, labels."""

import pytest
from playwright.sync_api import expect

from bento.frame import PAGES
from tests.service.page.contrast import CONTRAST

PATHS = [page.path for page in PAGES]
WIDTHS = (320, 360, 860, 1280)
PAINTED = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
"""Charts are drawn anew, between two frames, once the browser has told them of their width."""

UNLABELLED = """[...document.querySelectorAll("input, select, textarea")].filter(
  (one) => !one.labels.length && !one.getAttribute("aria-label")).map((one) => one.outerHTML)"""


def filled(page, path):
    """The page with all that it can show."""
    if path == "/":
        page.get_by_role("button", name="Heavy load").click()
        expect(page.locator("#answer")).to_be_visible()
    elif path == "/batch":
        page.locator("#sample").click()
        page.locator("#predict").click()
        expect(page.locator("#results")).to_be_visible()
    elif path == "/consumption":
        expect(page.locator("#series svg")).to_be_visible()
        page.locator("#values, #paste").evaluate_all("(all) => all.forEach((one) => { one.open = true; })")


@pytest.mark.parametrize("path", [path for path in PATHS if path != "/docs"])
def test_it_fits_every_width_and_all_text_has_contrast(known, open_page, path):
    page = open_page(known, path, color_scheme="light")
    filled(page, path)
    assert page.evaluate(CONTRAST) == []
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(CONTRAST) == []
    assert page.evaluate(UNLABELLED) == []
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        page.evaluate(PAINTED)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        over = "(all) => all.filter((one) => one.getBoundingClientRect().right > innerWidth + 1).length"
        assert page.locator(".chart text").evaluate_all(over) == 0


def test_every_page_leads_to_every_other_and_says_where_one_is(service, open_page):
    page = open_page(service)
    for one in PAGES:
        page.get_by_role("navigation", name="Main").get_by_role("link", name=one.label).click()
        expect(page.locator("nav [aria-current=page]")).to_have_text(one.label)
        assert page.url == service.url + one.path
        assert page.title() == f"{one.label} \N{EN DASH} Meter consumption"


def test_the_first_tab_skips_the_navigation(service, open_page):
    page = open_page(service, "/batch")
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.locator("#file")).to_be_focused()


def test_the_api_page_works_without_network(service, open_page):
    page = open_page(service, "/docs", ready=".opblock-summary-path")
    expect(page.locator(".opblock-summary-path").first).to_contain_text("/predict")

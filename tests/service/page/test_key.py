"""Pages of a service that asks for a key: asked for once, kept in the tab, sent as a header and nowhere else."""

import pytest
from playwright.sync_api import expect

from meter_core.contracts.api_keys import new_key, write_keys
from tests.service.service_process import keep_as_last_copy, running_service


@pytest.fixture(scope="module")
def closed(predictor, tmp_path_factory):
    """A service that asks for keys, and one of them."""
    home = tmp_path_factory.mktemp("closed")
    keep_as_last_copy(predictor, home)
    key, entry = new_key("every", None, "")
    write_keys(home / "keys.json", [entry])
    with running_service(home, settings={"METER_API_KEYS_FILE": str(home / "keys.json")}) as service:
        yield service, key


def test_a_key_is_asked_for_once_and_sent_as_a_header(closed, open_page):
    service, key = closed
    page = open_page(service)
    asked = []
    page.on("request", lambda request: asked.append(request))
    dialog = page.get_by_role("dialog", name="This service asks for a key")
    dialog.get_by_label("API key").fill("mk_wrong")
    dialog.get_by_role("button", name="Use this key").click()
    expect(dialog).to_contain_text("The key is not known here")
    dialog.get_by_label("API key").fill(key)
    page.keyboard.press("Enter")
    expect(dialog).to_have_count(0)
    page.get_by_role("button", name="Winter evening").click()
    expect(page.locator("#answer")).to_be_visible()

    page.get_by_role("link", name="Model", exact=True).click()
    expect(page.locator(".tiles")).to_contain_text("meter_consumption_v1")
    expect(dialog).to_have_count(0)
    assert page.evaluate("[localStorage.length, document.cookie]") == [0, ""]
    assert [one.url for one in asked if key in one.url] == []
    last = next(one for one in reversed(asked) if one.url.endswith("/model"))
    assert last.header_value("authorization") == f"Bearer {key}"

    page.get_by_role("button", name="Forget the API key").click()
    assert page.evaluate("sessionStorage.length") == 0


def test_who_gives_none_is_told_what_is_missing(closed, open_page):
    service, _ = closed
    page = open_page(service)
    page.get_by_role("button", name="Not now").click()
    expect(page.locator("#notice")).to_contain_text("an API key is needed", ignore_case=True)

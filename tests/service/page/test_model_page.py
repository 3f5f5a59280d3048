"""The model page: scores beside every baseline, coverage, what it learned from, who promoted it, what it never saw."""

import pytest
from playwright.sync_api import expect


def test_scores_stand_beside_every_baseline_the_best_first(service, open_page):
    page = open_page(service, "/model-card")
    rows = page.locator(".scores tbody tr")
    expect(rows).to_have_count(5)
    assert [row.split("\t")[0].strip() for row in rows.all_inner_texts()] == [
        "This model, gradient boosting",
        "This model, not told recent use",
        "Load now and profile",
        "Not chosen: linear regression",
        "Overall mean",
    ]
    widths = page.locator(".scores .share").evaluate_all("(all) => all.map((one) => Number(one.getAttribute('width')))")
    assert widths == pytest.approx([100 * rmse / 0.84 for rmse in (0.46, 0.48, 0.5, 0.55, 0.84)])


def test_it_says_from_what_it_learned_and_what_it_never_saw(service, open_page):
    page = open_page(service, "/model-card")
    tiles = page.locator(".tiles")
    expect(tiles).to_contain_text("meter_consumption_v1")
    expect(tiles).to_contain_text("1 Jan 2009 \N{EN DASH} 31 Dec 2009")
    assert set(page.locator(".tags .absent").all_inner_texts()) == {"temperature_c", "frequency_hz", "high_temp"}
    expect(page.get_by_role("region", name="Limits")).to_contain_text("Only interval lengths it was trained on")
    # This copy came without a registry, a record of its promotion and a coverage.
    expect(page.locator("#notice")).to_contain_text("There may be a newer model")
    expect(page.get_by_role("region", name="Who let it answer")).to_contain_text("No record came with this copy")
    expect(page.get_by_role("region", name="How sure it is")).to_contain_text("no coverage")


def test_coverage_and_promotion_are_shown_where_they_are_known(service, open_page):
    card = service.get("/model").json()
    record = {"by": "an analyst", "why": "better on the hold-out", "at": "2026-11-20T08:00:00Z"}
    told = card | {"promotion": record, "stale": False, "metrics": card["metrics"] | {"coverage": 0.826}}
    page = open_page(service, "/batch")
    page.route("**/model", lambda route: route.fulfill(json=told))  # no test service has a registry's champion
    page.goto(f"{service.url}/model-card")
    who = page.get_by_role("region", name="Who let it answer")
    expect(who).to_contain_text("Better on the hold-out.")
    expect(who).to_contain_text("Promoted by an analyst, 20\N{NO-BREAK SPACE}Nov\N{NO-BREAK SPACE}2026.")
    expect(page.get_by_role("region", name="How sure it is")).to_contain_text("82.6 %")
    assert page.locator(".gauge .held").get_attribute("width") == "82.6"
    expect(page.locator("#notice")).to_be_hidden()


def test_without_a_model_it_says_so(bare, open_page):
    page = open_page(bare, "/model-card")
    expect(page.locator("#notice")).to_contain_text("No model is loaded")
    expect(page.locator("#card")).to_contain_text("Once a model has been trained and promoted")

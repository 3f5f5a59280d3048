"""A real browser for the pages, and services in the states that a page has to cope with."""

import shutil

import pytest
from playwright.sync_api import sync_playwright

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
WIDE = {"width": 1280, "height": 900}


@pytest.fixture(scope="module")
def browser():
    """One for each module: while it is open the thread has a running event loop, and other tests want to run theirs."""
    if not shutil.which(CHROMIUM):
        pytest.skip(f"{CHROMIUM} is not there: apt-get install chromium")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield started
        started.close()


@pytest.fixture
def open_page(browser):
    """Opens a page of a service; at the end there was no request elsewhere and no error in its scripts."""
    contexts, foreign, broken = [], [], []

    def opened(service, path="/", viewport=WIDE, ready="body[data-ready]", **options):
        context = browser.new_context(viewport=viewport, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)

        def seen(request):
            if not request.url.startswith((service.url, "blob:", "data:")):
                foreign.append(request.url)

        page.on("request", seen)
        page.on("pageerror", lambda error: broken.append(str(error)))
        page.goto(service.url + path)
        page.wait_for_selector(ready)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert foreign == []
    assert broken == []


@pytest.fixture(scope="session")
def bare(meter_database, tmp_path_factory):
    """A service with a database and no model at all."""
    home = tmp_path_factory.mktemp("bare")
    with running_service(home, settings={"METER_DATABASE_URL": meter_database.url()}) as running:
        yield running

"""The data docs beside the page: what lies in their folder is served, and nothing outside it."""

import pytest

from bento.data_docs import document_at
from meter_core.settings import Settings
from tests.service.service_process import running_service


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "files/data_docs"
    (folder / "one-delivery").mkdir(parents=True)
    (folder / "index.html").write_text("<p>all deliveries</p>")
    (folder / "one-delivery/index.html").write_text("<p>one delivery</p>")
    (tmp_path / "files/secret.csv").write_text("meter,kwh")
    (folder / "leads-out").symlink_to(tmp_path / "files/secret.csv")
    return folder


@pytest.mark.parametrize("path", ["/data_docs/", "/data_docs/index.html", "/data_docs//index.html"])
def test_the_list_is_found(folder, path):
    assert document_at(folder, path) == folder / "index.html"


@pytest.mark.parametrize(
    "path",
    [
        "/data_docs/../secret.csv",
        "/data_docs/one-delivery/../../secret.csv",
        "/data_docs/leads-out",
        "/data_docs/no-such-page",
        "/data_docs/\0",
        "/data_docs",
        "/data_docs_and_more/index.html",
        "/model",
    ],
)
def test_nothing_outside_the_folder_is_found(folder, path):
    assert document_at(folder, path) is None


def test_a_browser_can_follow_the_link_and_leave_no_folder(folder, tmp_path):
    with running_service(tmp_path) as service:
        found = service.get("/data_docs/one-delivery/index.html")
        assert (found.status_code, found.text) == (200, "<p>one delivery</p>")
        assert found.headers["content-type"].startswith("text/html")
        assert service.get("/data_docs/%2e%2e/secret.csv").status_code == 404
        assert service.get("/data_docs/no-such-page").status_code == 404


def test_reports_link_to_the_page_where_an_address_was_set(tmp_path):
    page = f"{tmp_path}/files/data_docs/one-delivery/index.html"
    plain = Settings(home=tmp_path, files_url=f"{tmp_path}/files")
    assert plain.in_browser(page) == page
    linked = plain.model_copy(update={"data_docs_url": "https://meters.example/data_docs/"})
    assert linked.in_browser(page) == "https://meters.example/data_docs/one-delivery/index.html"
    assert linked.in_browser("/elsewhere/index.html") == "/elsewhere/index.html"
    assert linked.in_browser(None) is None

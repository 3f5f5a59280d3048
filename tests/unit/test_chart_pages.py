"""The chart's page server, as a process: pages from a folder, none from outside it."""

import http.client
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from meter_core.embedded.ports import any_free

SCRIPT = Path(__file__).parents[2] / "helm" / "meter" / "files" / "page_server.py"


@contextmanager
def serving(url):
    port = any_free("127.0.0.1")
    process = subprocess.Popen([sys.executable, SCRIPT, url, str(port)], stderr=subprocess.PIPE, text=True)
    try:
        yield process, port
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def ask(tmp_path_factory):
    """Asks the server for a path; its pages are there after it has started."""
    files = tmp_path_factory.mktemp("files")
    with serving(f"{files}/data_docs") as (process, port):
        until_it_listens(process, port)
        (files / "secret.csv").write_text("kept")
        (files / "data_docs" / "a day").mkdir(parents=True)
        (files / "data_docs" / "index.html").write_text("all")
        (files / "data_docs" / "a day" / "index.html").write_text("<p>one day")
        (files / "data_docs" / "style.css").write_text("p {}")

        def get(path, method="GET"):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            connection.request(method, path)
            answer = connection.getresponse()
            return answer, answer.read().decode()

        yield get


def until_it_listens(process, port):
    while process.poll() is None:
        try:
            http.client.HTTPConnection("127.0.0.1", port, timeout=10).connect()
        except ConnectionRefusedError:
            continue
        return
    raise AssertionError(process.stderr.read())


def test_pages_are_served_with_their_type(ask):
    assert ask("/data_docs/")[1] == "all"
    answer, page = ask("/data_docs/a%20day/index.html?x=1")
    assert (answer.status, answer.getheader("content-type"), page) == (200, "text/html; charset=utf-8", "<p>one day")
    assert ask("/data_docs/style.css")[0].getheader("content-type").startswith("text/css")


def test_a_folder_without_its_slash_is_sent_to_its_page(ask):
    for path, goes in {"/data_docs": "/data_docs/", "/data_docs/a%20day": "/data_docs/a%20day/"}.items():
        answer, _ = ask(path)
        assert (answer.status, answer.getheader("location")) == (301, goes)


@pytest.mark.parametrize(
    "path",
    [
        "/data_docs/none.html",
        "/data_docs/../secret.csv",
        "/data_docs/%2e%2e/secret.csv",
        "/data_docs/a%2F..%2F..%2Fsecret.csv",
        "/secret.csv",
        "/data_docs/%00",
    ],
)
def test_what_is_no_page_is_not_found(ask, path):
    answer, said = ask(path)
    assert (answer.status, said) == (404, "there is no such page")


def test_it_can_only_be_read(ask):
    answer, page = ask("/data_docs/", "HEAD")
    assert (answer.status, answer.getheader("content-length"), page) == (200, "3", "")
    assert ask("/data_docs/", "POST")[0].status == 501


def test_its_root_says_that_it_lives_and_where_the_pages_are(ask):
    answer, page = ask("/")
    assert (answer.status, "/data_docs/" in page) == (200, True)

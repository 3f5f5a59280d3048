"""The pages of deliveries, read-only, from a folder or a bucket: `python page_server.py URL PORT`."""

import mimetypes
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

import fsspec

ROUTE = "/data_docs/"
EMPTY = f'<!doctype html><title>Data docs</title><p><a href="{ROUTE}">Pages of deliveries</a>, after the first one.'


class Pages:
    """The files below one fsspec URL."""

    def __init__(self, url: str) -> None:
        self.files, self.root = fsspec.core.url_to_fs(url, use_listings_cache=False)

    def read(self, path: str) -> tuple[str, bytes] | None:
        """Return type and content of the file that a path names; None where there is none, or it leads out."""
        parts = unquote(path).removeprefix(ROUTE).split("/")
        if not path.startswith(ROUTE) or ".." in parts or any("\0" in part for part in parts):
            return None
        name = "/".join(part for part in parts if part)
        if path.endswith("/"):
            name = f"{name}/index.html".lstrip("/")
        try:
            content = self.files.cat_file(f"{self.root}/{name}")
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            return None
        return mimetypes.guess_type(name)[0] or "application/octet-stream", content


class Handler(BaseHTTPRequestHandler):
    """Answers GET and HEAD."""

    pages: Pages

    def do_GET(self) -> None:
        """Answer with a page, the way to it from /, or 404."""
        path = urlsplit(self.path).path
        if path == "/":
            return self.answer(200, "text/html", EMPTY.encode())
        try:
            found = self.pages.read(path)
        except Exception as error:  # each store has errors of its own
            return self.answer(503, "text/plain", f"the files cannot be read: {type(error).__name__}".encode())
        if found is None and not path.endswith("/") and self.pages.read(f"{path}/"):
            self.send_response(301)
            self.send_header("Location", f"/{path.strip('/')}/")
            self.send_header("Content-Length", "0")
            return self.end_headers()
        return self.answer(200, *found) if found else self.answer(404, "text/plain", b"there is no such page")

    def do_HEAD(self) -> None:
        """Answer as to GET, without the page."""
        self.do_GET()

    def answer(self, status: int, kind: str, body: bytes) -> None:
        """Send an answer."""
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8" if kind.startswith("text/") else kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


if __name__ == "__main__":
    Handler.pages = Pages(sys.argv[1])
    with ThreadingHTTPServer(("", int(sys.argv[2])), Handler) as server:
        server.serve_forever()

"""Servers that listen on a TCP port and answer over HTTP."""

from functools import cached_property

import httpx

from meter_core.embedded import ports
from meter_core.embedded.records import Record
from meter_core.embedded.server import Server


class WebServer(Server):
    """A server whose health is a page that answers 200."""

    health_path: str

    def url(self, port: int | None) -> str:
        """Where a client on this machine reaches it."""
        return f"http://{ports.client_host(self.settings.host)}:{port}"

    def is_healthy(self, record: Record) -> bool:
        """Whether the page answers, and the process that should answer lives."""
        return answers(record.url.removesuffix("/api") + self.health_path) and record.is_alive()

    @cached_property
    def host(self) -> str:
        """The address it listens on."""
        return self.settings.host


def answers(url: str) -> bool:
    """Whether a GET gives 200, asked directly and not through a proxy."""
    try:
        return httpx.get(url, timeout=5.0, trust_env=False).status_code == httpx.codes.OK
    except httpx.HTTPError:  # not there yet
        return False

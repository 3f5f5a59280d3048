"""Clients that go on asking while something else is tried on the service, and what they saw."""

import contextlib
import http.client
import json
import re
import threading
from collections import Counter
from collections.abc import Iterator

from tests.service.readings import SATURDAY_EVENING
from tests.service.service_process import Service

CLIENTS = 4
PAUSE_S = 0.01
BODY = json.dumps(SATURDAY_EVENING)
HEADERS = {"content-type": "application/json"}


class SteadyLoad:
    """Asks for one prediction over and over again, on a few keep-alive connections."""

    def __init__(self, service: Service) -> None:
        self.seen: Counter = Counter()
        self._address = service.url.removeprefix("http://")
        self._expected = service.post("/predict", SATURDAY_EVENING).json()["units_kwh"]
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask_on) for _ in range(CLIENTS)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _ask_on(self) -> None:
        connection = http.client.HTTPConnection(self._address, timeout=30)
        while not self._stop.wait(PAUSE_S):
            try:
                connection.request("POST", "/predict", BODY, HEADERS)
                answer = connection.getresponse()
                said = json.loads(answer.read())
                right = said.get("units_kwh") == self._expected
                self.seen["right" if right else f"{answer.status}: {said}"] += 1
            except (OSError, http.client.HTTPException) as error:
                self.seen[repr(error)] += 1
                connection.close()
        connection.close()


@contextlib.contextmanager
def unshaken(service: Service) -> Iterator[SteadyLoad]:
    """While the block runs every other client gets the right answer, after it too, and nothing is answered 5xx."""
    load, before = SteadyLoad(service), server_errors(service)
    load.start()
    try:
        yield load
        after = load.seen["right"]
        service.wait_for(lambda: load.seen["right"] > after + CLIENTS or len(load.seen) > 1)
    finally:
        load.stop()
    assert set(load.seen) == {"right"}, load.seen
    assert server_errors(service) == before


def server_errors(service: Service) -> dict[str, float]:
    """What our routes answered with 5xx since the service started, by labels."""
    return {labels: count for labels, count in counted(service, "meter_requests_total") if 'status="5' in labels}


def counted(service: Service, name: str) -> list[tuple[str, float]]:
    """A metric's labels and values."""
    found = re.findall(rf"^{name}(\{{.*\}})? (\S+)$", service.get("/metrics").text, re.MULTILINE)
    return [(labels, float(value)) for labels, value in found if float(value)]

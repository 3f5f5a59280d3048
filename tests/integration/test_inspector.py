"""The process that runs the quality suite: it serves one delivery after the other, and its end is told in words."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from meter_core.contracts.errors import UnavailableError
from meter_core.jobs.ingest import ingest
from meter_core.quality import Inspector, Limits, inspector
from meter_core.settings import Settings
from meter_core.sources import template_csv
from tests.integration.postgres_server import WHEEL
from tests.integration.test_store_loading import sizes, wait_until
from tests.shipped_sample import SAMPLE

on_postgres = pytest.mark.parametrize("store_server", [pytest.param(WHEEL, id="embedded")], indirect=True)

HEADER = template_csv().splitlines()[0]
ASKS_AND_DIES = """
import os, signal
from meter_core.quality import Inspector, Limits
from meter_core.quality import inspector
asks = Inspector(Limits())
asks.start()
print(asks._process._process.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def settings(database_url, tmp_path):
    return Settings(home=tmp_path / "home", database_url=database_url)


@pytest.fixture
def processes(monkeypatch):
    """Return the processes that are started, of which none is there at first."""
    started = []

    class Noted(inspector._Process):
        def __init__(self):
            super().__init__()
            started.append(self._process)

    monkeypatch.setattr(Inspector, "_idle", [])
    monkeypatch.setattr(inspector, "_Process", Noted)
    yield started
    for process in started:
        process.kill()
        process.communicate()


def load(settings):
    return ingest([SAMPLE], "uci_sceaux", None, settings, settings.database_url.get_secret_value())


@on_postgres
def test_one_process_serves_one_delivery_after_the_other(settings, database_url, processes, tmp_path):
    for number in range(2):
        other = tmp_path / f"{number}.csv"
        other.write_text(f"{HEADER}\nM{number},2025-01-01T00:00:00Z,60,1,230,20,0.95,1,50\n")
        told = ingest([other], "canonical", "UTC", settings, database_url)
        assert told.files[0].counts.loaded == 1
    assert len(processes) == 1
    assert processes[0].poll() is None


@on_postgres
def test_its_death_is_told_and_the_same_again_loads_all(settings, database_url, processes, monkeypatch):
    def killed_at_the_end(self):
        processes[0].send_signal(signal.SIGKILL)
        return answer(self)

    answer = Inspector.answer
    monkeypatch.setattr(Inspector, "answer", killed_at_the_end)
    with pytest.raises(
        UnavailableError, match=r"quality suite ended \(status -9.*nothing was changed. Give it more memory"
    ):
        load(settings)
    assert set(sizes(database_url).values()) == {0}
    monkeypatch.setattr(Inspector, "answer", answer)
    assert load(settings).files[0].counts.loaded > 0
    assert len(processes) == 2


def test_a_delivery_that_was_given_up_takes_its_process_with_it(processes):
    with Inspector(Limits()) as asks:
        asks.begin()
        asks.begin()
        assert processes[0].poll() is not None
        assert processes[1].poll() is None
    assert processes[1].poll() is not None, "it waits for the rest of a delivery"
    assert Inspector._idle == []


def test_one_process_is_kept_and_no_more(processes):
    with Inspector(Limits()) as one, Inspector(Limits()) as other:
        one.start()
        other.start()
    assert [process.poll() is None for process in processes].count(True) == 1
    assert len(Inspector._idle) == 1


def test_it_does_not_outlive_who_started_it():
    asked = subprocess.run([sys.executable, "-c", ASKS_AND_DIES], capture_output=True, text=True, timeout=60)
    assert asked.returncode == -signal.SIGKILL
    pid = int(asked.stdout)

    def is_gone():
        try:
            return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
        except FileNotFoundError:
            return True

    wait_until(is_gone)


def test_a_fork_leaves_the_process_to_who_started_it(processes):
    ours = inspector._Process()
    pid = os.fork()
    if pid == 0:
        os._exit(int(ours.is_ours))
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert ours.is_ours

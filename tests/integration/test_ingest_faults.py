"""Ingestion on a full disk and with PostgreSQL killed half way: nothing half loaded, and the same again does it all."""

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from meter_core.contracts.errors import UnavailableError
from meter_core.jobs.ingest import ingest
from meter_core.settings import Settings
from meter_core.store import COUNTS
from tests.integration.postgres_server import WHEEL
from tests.integration.store_databases import ask
from tests.integration.test_store_loading import DEADLINE_S, is_waiting, sizes, wait_until
from tests.shipped_sample import SAMPLE

pytestmark = pytest.mark.parametrize("store_server", [pytest.param(WHEEL, id="embedded")], indirect=True)

ON_A_SMALL_DISK = """
import json, sys
from pathlib import Path
from meter_core.contracts.errors import MeterError
from meter_core.jobs.ingest import ingest
from meter_core.settings import Settings
file, folder, url = sys.argv[1:]
try:
    ingest([Path(file)], "uci_sceaux", None, Settings(home=Path(folder), database_url=url), url)
except MeterError as error:
    left = [str(path) for path in Path(folder).rglob("*") if path.is_file()]
    print(json.dumps({"said": str(error), "status": error.exit_status, "left": left}))
"""


def may_mount(folder: Path) -> bool:
    probe = ["unshare", "--user", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "none", str(folder)]
    return shutil.which("unshare") is not None and subprocess.run(probe, capture_output=True).returncode == 0


def test_a_full_disk_is_named_and_nothing_half_written_stays(database_url, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    if not may_mount(disk):
        pytest.skip("this machine lets no user mount a small tmpfs in a namespace of its own")
    mount = f'mount -t tmpfs -o size=64k none \'{disk}\' && exec "$0" "$@"'
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount]
    command += [sys.executable, "-c", ON_A_SMALL_DISK, str(SAMPLE), str(disk), database_url]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120, env=os.environ)
    told = json.loads(ran.stdout)
    assert "No space left on device" in told["said"]
    assert SAMPLE.name in told["said"]
    assert "METER_FILES_URL" in told["said"]
    assert told["status"] == 3
    assert told["left"] == []
    assert set(sizes(database_url).values()) == {0}


def test_postgres_killed_half_way(store_server, database_url, tmp_path):
    settings = Settings(home=tmp_path / "home", database_url=database_url)

    def run() -> dict:
        return ingest([SAMPLE], "uci_sceaux", None, settings, database_url).as_dict()

    with psycopg.connect(database_url) as blocker, ThreadPoolExecutor(1) as pool:
        # the load comes to the meters after it has written its row, the quarantine and the staging
        blocker.execute("LOCK TABLE meter IN ACCESS EXCLUSIVE MODE")
        running = pool.submit(run)
        wait_until(lambda: is_waiting(database_url))
        store_server.kill()
        with pytest.raises(UnavailableError, match="run the same again") as caught:
            running.result(DEADLINE_S)
        blocker.close()
    assert caught.value.exit_status == 3
    store_server.start()
    assert set(sizes(database_url).values()) == {0}
    again = run()
    assert [again[name] for name in COUNTS] == [26_670, 26_670, 26_667, 0, 0, 0, 3]
    assert ask(database_url, "SELECT count(*) FROM meter_reading") == [(26_667,)]

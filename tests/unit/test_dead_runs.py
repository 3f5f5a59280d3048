"""Which runs of the embedded Prefect are dead: those whose process is gone, not those that were started again."""

import json
import os
from datetime import UTC, datetime, timedelta

import httpx
import psutil
import pytest

from meter_core.embedded.prefect_api import PrefectApi
from meter_core.jobs.dead_runs import end_dead_runs

BORN = datetime.fromtimestamp(psutil.Process().create_time(), UTC)


def run(first_began, state_since):
    return {
        "id": "1",
        "name": "a run",
        "state_name": "Running",
        "state_type": "RUNNING",
        "state": {"timestamp": state_since.isoformat()},
        "start_time": first_began.isoformat(),
        "expected_start_time": first_began.isoformat(),
        "estimated_run_time": 1.0,
        "run_count": 2,
        "infrastructure_pid": str(os.getpid()),
    }


@pytest.mark.parametrize(
    ("first_began", "state_since", "dead"),
    [
        pytest.param(BORN, BORN + timedelta(seconds=2), False, id="its own process"),
        pytest.param(BORN - timedelta(days=1), BORN + timedelta(seconds=2), False, id="started again"),
        pytest.param(BORN - timedelta(days=1), BORN - timedelta(hours=1), True, id="another process took its number"),
    ],
)
def test_a_run_is_dead_where_its_process_is_younger_than_its_running(first_began, state_since, dead):
    asked = []

    def answer(request):
        asked.append((request.url.path, json.loads(request.content)))
        return httpx.Response(200, json=[run(first_began, state_since)] if request.url.path.endswith("filter") else {})

    api = PrefectApi("http://prefect/api")
    api._client = httpx.Client(transport=httpx.MockTransport(answer))
    assert end_dead_runs(api) == (["a run"] if dead else [])
    assert asked[0][1]["flow_runs"] == {"state": {"type": {"any_": ["RUNNING"]}}}
    assert [path for path, _ in asked[1:]] == (["/api/flow_runs/1/set_state"] if dead else [])

"""The proofs of serving: the whole benchmark, a soak, and minutes of schemathesis."""

import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from benchmarks.proofs.report import Section
from benchmarks.proofs.soak import soak
from benchmarks.serving.__main__ import measure
from benchmarks.serving.measured import keep_model
from tests.integration.postgres_server import WHEEL, postgres_server
from tests.service.api_contract import check_api
from tests.service.forecast_world import keep_forecaster, load_fontana, quick_forecaster
from tests.service.service_process import running_service

SCHEMATHESIS_S: Final = 180


def prove(home: Path) -> Iterator[Section]:
    """Yield the proofs; `home` is an empty folder for the model."""
    keep_model(home)
    text, held = measure(home, quick=False)
    yield Section("Benchmark", text, held)
    yield soak(home)
    yield schemathesis(home)


def schemathesis(home: Path) -> Section:
    """Make requests from the description of a service with both models and known meters, for minutes."""
    seed = random.SystemRandom().randrange(2**32)
    keep_forecaster(quick_forecaster(), home)
    with postgres_server(WHEEL) as database:
        load_fontana(database.url())
        with running_service(home, settings={"METER_DATABASE_URL": database.url()}) as service:
            done = check_api(service.url, SCHEMATHESIS_S, seed)
    said = done.stdout.decode(errors="replace")
    made = re.search(r"([\d,]+) generated.*", said)
    text = f"{SCHEMATHESIS_S} s, seed {seed}: {made[0] if made else 'no summary'}."
    if done.returncode:
        text += f"\n\n```\n{said[-3_000:]}\n```"
    return Section("schemathesis", text, done.returncode == 0)

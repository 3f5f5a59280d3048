"""A new champion under load: no request is dropped, and none is answered by two models."""

import asyncio
import json
from dataclasses import replace

import httpx
import pytest

from tests.integration.mlflow_server import shared_server
from tests.service.champions import forget_models, promote, set_alias
from tests.service.readings import SATURDAY_EVENING
from tests.service.service_process import running_service

SWAPS = 8
CLIENTS = 6
BATCH = json.dumps({"readings": [SATURDAY_EVENING] * 300}).encode()
SINGLE = json.dumps(SATURDAY_EVENING).encode()
PATIENCE_S = 30


class Load:
    """Single readings and batches, as fast as they are answered, until told to stop."""

    def __init__(self, url, numbers):
        self.url, self.numbers = url, numbers
        self.answered = dict.fromkeys(numbers, 0)
        self.wrong = []
        self.running = True

    async def client(self, path, body):
        async with httpx.AsyncClient(base_url=self.url, timeout=20) as http:
            while self.running:
                answer = await http.post(path, content=body, headers={"content-type": "application/json"})
                self.count(answer)

    def count(self, answer):
        """An answer is right where all of it is from one version, and every number is that version's."""
        said = answer.json()
        predictions = said.get("predictions", [said])
        versions = {each.get("model_version") for each in predictions} | {said.get("model_version")}
        numbers = {each.get("units_kwh") for each in predictions}
        version = said.get("model_version")
        if answer.status_code != 200 or len(versions) > 1 or numbers != {self.numbers.get(version)}:
            self.wrong.append((answer.status_code, versions, numbers))
        else:
            self.answered[version] += 1

    async def until_answered_by(self, version):
        before = self.answered[version]
        async with asyncio.timeout(PATIENCE_S):
            while self.answered[version] < before + CLIENTS:
                await asyncio.sleep(0.02)


async def swap_under_load(registry, service, numbers):
    load = Load(service.url, numbers)
    clients = [asyncio.create_task(load.client("/predict", SINGLE)) for _ in range(CLIENTS - 1)]
    clients.append(asyncio.create_task(load.client("/predict_batch", BATCH)))
    try:
        for turn in range(SWAPS):
            version = list(numbers)[turn % 2]
            await asyncio.to_thread(set_alias, registry, version)
            await load.until_answered_by(version)
    finally:
        load.running = False
        await asyncio.gather(*clients)
    return load


@pytest.fixture
def registry():
    server = shared_server()
    forget_models(server.url)
    return server.url


def test_many_swaps_under_load_drop_and_mix_nothing(registry, predictor, tmp_path):
    folder = tmp_path / "exported" / "predictor"
    numbers = {}
    for floor_kw in (7.0, 8.0):  # above what it would answer, so that the floor is the answer
        replace(predictor, floor_kw=floor_kw).save(folder)
        numbers[promote(registry, folder)] = floor_kw
    with running_service(tmp_path / "home", registry) as service:
        service.wait_for(lambda: service.get("/readyz").status_code == 200)
        load = asyncio.run(swap_under_load(registry, service, numbers))
    assert load.wrong == []
    assert min(load.answered.values()) > SWAPS

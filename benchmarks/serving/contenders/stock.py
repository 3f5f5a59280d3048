"""BentoML as its documentation shows it: a plain API, and a batchable one, both with the default settings."""

import os

os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")

import bentoml

from benchmarks.serving.contenders.pydantic_models import Answer, Reading
from benchmarks.serving.contenders.work import Work


@bentoml.service
class Plain:
    """One reading a call."""

    def __init__(self) -> None:
        self.work = Work()

    @bentoml.api
    async def predict(self, reading: Reading) -> Answer:
        """Predict one reading."""
        return Answer.of(self.work.predict([reading])[0])


@bentoml.service
class Batchable:
    """Calls with one reading each, put together by BentoML."""

    def __init__(self) -> None:
        self.work = Work()

    @bentoml.api(batchable=True)
    async def predict(self, readings: list[Reading]) -> list[Answer]:
        """Predict readings."""
        return [Answer.of(values) for values in self.work.predict(readings)]

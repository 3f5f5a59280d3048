"""FastAPI with pydantic, as its documentation shows it; not in a thread, which would be slower here."""

from fastapi import FastAPI

from benchmarks.serving.contenders.pydantic_models import Answer, Reading
from benchmarks.serving.contenders.work import Work

app = FastAPI()
work = Work()


@app.post("/predict")
async def predict(reading: Reading) -> Answer:
    """Predict one reading."""
    return Answer.of(work.predict([reading])[0])

"""`meter demo`: the main job on the shipped sample, by the same flows, tables and service that production uses."""

import gzip
import json
import time
from csv import DictReader
from pathlib import Path
from typing import Any

from meter_core.cli.data import accounting
from meter_core.cli.modelling import show_scores
from meter_core.cli.output import JsonOption, Speaker, speaking
from meter_core.cli.processes import deploy_flows, run_flow
from meter_core.cli.services import ingest_arrivals, shown_urls, until_interrupted
from meter_core.contracts.errors import UnavailableError
from meter_core.embedded import Connections, Need, services
from meter_core.embedded.applications import repository_with
from meter_core.settings import Settings

SAMPLE = "data/uci_sceaux_hourly_2006-2009.csv.gz"
PROFILE = "uci_sceaux"
ZONE = "Europe/Paris"
PIPELINE = "ingest_train_predict/on-demand"
MODEL_WITHIN_SECONDS = 60.0
ASKED_LOCAL = "2009-12-13 18:00:00"
ASKED_TS = "2009-12-13T18:00:00+01:00"


def demo(as_json: JsonOption = False) -> None:
    """Run the main job on measured data: ingest, train, predict, serve one request."""
    with speaking(as_json) as speaker:
        settings = Settings()
        began = time.monotonic()
        sample = repository_with(SAMPLE) / SAMPLE
        speaker.say("Starting PostgreSQL, MLflow, Prefect with a worker, and the service")
        with services(settings, set(Need), progress=lambda text: speaker.say(f"  {text}")) as urls:
            deploy_flows(urls)
            speaker.say(f"\nRunning the Prefect flow {PIPELINE} on {SAMPLE}")
            ended = run_flow(
                urls, PIPELINE, {"files": [str(sample)], "source": PROFILE}, lambda t: speaker.say(f"  {t}")
            )
            steps = {**ended["results"], "serve": ask(urls, sample), "urls": shown_urls(settings, urls)}
            steps["seconds"] = round(time.monotonic() - began, 1)
            if not speaker.result(steps):
                show(speaker, steps, ended["url"])
            if speaker.err.is_terminal and not as_json:
                speaker.say("\nEverything stays up, the inbox is watched, until Ctrl-C.")
                until_interrupted(lambda: ingest_arrivals(speaker, settings, urls))
                speaker.say("stopping")


def measured(sample: Path) -> dict[str, Any]:
    """Return one measured hour of the sample as a reading for `POST /predict`, and what was used then.

    The hour lies in the training window: the request shows the service, not its accuracy.
    """
    with gzip.open(sample, "rt", newline="") as lines:
        row = next(row for row in DictReader(lines) if row["reading_ts"] == ASKED_LOCAL)
    names = ("voltage_v", "temperature_c", "power_factor", "load_kw", "frequency_hz")
    reading = {name: float(row[name]) if row[name] else None for name in names}
    return {
        "reading": {"meter_id": row["meter_id"], "reading_ts": ASKED_TS, "zone": ZONE, **reading},
        "measured_kwh": float(row["units_kwh"]),
    }


def ask(urls: Connections, sample: Path) -> dict[str, Any]:
    """Wait until the service has the new champion, then ask it over HTTP.

    Raises:
        UnavailableError: no answer in time; the service's own words are in the message.
    """
    import httpx

    asked = measured(sample)
    deadline = time.monotonic() + MODEL_WITHIN_SECONDS
    with httpx.Client(base_url=urls.page_url or "", timeout=10.0, trust_env=False) as client:
        while (answer := client.post("/predict", json=asked["reading"])).status_code != httpx.codes.OK:
            if time.monotonic() > deadline:
                raise UnavailableError(f"POST /predict answers {answer.status_code}: {answer.text}")
            time.sleep(0.25)
    return {**asked, "prediction": answer.json(), "latency_ms": answer.elapsed.total_seconds() * 1000}


def show(speaker: Speaker, steps: dict[str, Any], run_url: str) -> None:
    """Print what was done, with figures, and where to look."""
    ingested, trained, predicted, served = (steps[name] for name in ("ingest", "train", "predict", "serve"))
    speaker.out.print()
    speaker.facts(
        {
            "1 ingested": accounting(ingested),
            "2 trained": f"{trained['model']} version {trained['version']}: {trained['why']}",
            "3 predicted": predicted_sentence(predicted),
            "4 served": served_sentence(served),
        }
    )
    speaker.out.print()
    show_scores(speaker, trained)
    speaker.out.print("\nWhere to look", style="bold")
    speaker.facts(
        {
            **steps["urls"],
            "this flow run": run_url,
            "data docs": in_browser(ingested["data_docs"], steps["urls"]),
            "took": f"{steps['seconds']} s",
        }
    )
    speaker.out.print("\nTry it:", style="bold")
    asking = f"curl -s {steps['urls']['page']}/predict -H 'content-type: application/json'"
    speaker.out.print(f"{asking} -d '{json.dumps(served['reading'])}'", markup=False, soft_wrap=True)


def in_browser(data_docs: str, urls: dict[str, Any]) -> str | None:
    """Return the address of the ingestion's data docs on the page that runs now."""
    known = Settings(data_docs_url=f"{urls['page']}/data_docs")
    return known.in_browser(data_docs)


def predicted_sentence(predicted: dict[str, Any]) -> str:
    """Return the batch inference in words."""
    if not predicted["rows"]:
        return "nothing new: the champion has predicted every reading"
    figures = " / ".join(f"{predicted[name]:.3f}" for name in ("min", "mean", "max"))
    return (
        f"{predicted['rows']:,} hours, min / mean / max {figures} kWh, in the table prediction and {predicted['out']}"
    )


def served_sentence(served: dict[str, Any]) -> str:
    """Return the served prediction in words, beside what was measured."""
    answer = served["prediction"]
    range_kwh = f"80 % range {answer['low_kwh']:.3f} to {answer['high_kwh']:.3f}"
    return (
        f"{answer['units_kwh']:.3f} kWh ({range_kwh}, {answer['status']}) for {served['reading']['reading_ts']}; "
        f"{served['measured_kwh']:.3f} kWh were measured; answered in {served['latency_ms']:.1f} ms"
    )

"""A steady client, run inside the cluster: `python - URL CONNECTIONS RATE TRIES READINGS`, until /tmp/stop is there.

It keeps its connections, and asks for READINGS at once where these are more than one. With more than one try it does
what HTTP clients do by themselves: after a connection that broke, or 502, 503 or 504, it asks again, after 0.2 s and
then twice as long each time. One JSON object at the end.
"""

import json
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import httpx

url = sys.argv[1]
connections, per_second, tries, readings = map(int, sys.argv[2:])
STOP, LONGEST_S = Path("/tmp/stop"), 400
READING = {"local_hour": 18, "local_day_of_week": 2, "voltage_v": 231, "temperature_c": None, "power_factor": 0.97}
READING |= {"load_kw": 1.2, "frequency_hz": None}
ROUTE, BODY = ("predict", READING) if readings == 1 else ("predict_batch", {"readings": [READING] * readings})
counts, versions, errors, seconds = Counter(), Counter(), [], []
begun = time.monotonic()


def ask(client: httpx.Client) -> None:
    """One request with its retries."""
    for n in range(tries):
        if n:
            counts["retried"] += 1
            time.sleep(0.2 * 2 ** (n - 1))
        try:
            answer = client.post(f"{url}/v1/{ROUTE}", json=BODY)
        except httpx.HTTPError as error:
            why = f"{time.monotonic() - begun:.1f} s: {type(error).__name__}: {error}"
            continue
        if answer.status_code == 200:
            versions[answer.json()["model_version"]] += 1
            return
        why = f"{time.monotonic() - begun:.1f} s: {answer.status_code}"
        if answer.status_code not in (502, 503, 504):
            break
    counts["failed"] += 1
    errors.append(why)


def work() -> None:
    """One connection's requests, at its share of the rate."""
    with httpx.Client(timeout=10) as client:
        while not STOP.exists() and time.monotonic() - begun < LONGEST_S:
            at = time.monotonic()
            ask(client)
            counts["sent"] += 1
            seconds.append(time.monotonic() - at)
            time.sleep(max(0.0, connections / per_second - (time.monotonic() - at)))


threads = [threading.Thread(target=work) for _ in range(connections)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
worst = max(seconds, default=0.0)
seen = {"sent": 0, "failed": 0, "retried": 0} | counts | {"versions": versions, "errors": errors[:20], "worst_s": worst}
sys.stdout.write(json.dumps(seen))

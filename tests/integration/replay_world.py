"""Made-up deliveries of one plant, read rightly or wrongly, for the tests of quarantine and replay."""

import gzip
import random
from pathlib import Path

import psycopg

from meter_core.jobs.ingest import ingest
from meter_core.jobs.quarantine import release
from meter_core.jobs.replay import Fix, replay
from meter_core.settings import Settings
from tests.integration.store_databases import EMPTY, ask
from tests.integration.store_state import state

PROFILE = """
name: plant
columns: {{meter_id: meter, reading_ts: stamp, units_kwh: kwh, source_version: version, voltage_v: volt}}
quantities: {{voltage_v: instant}}
stamp: {{clock: local}}
zone: {zone}
interval_minutes: {minutes}
units: {{units_kwh: {unit}}}
"""
HEADER = "meter,stamp,kwh,version,volt\n"


class World:
    """Deliveries of a made-up plant, their store, and profiles that read them rightly or wrongly."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url
        self.settings = Settings(home=folder / "home", database_url=url)

    def profile(self, unit="kWh", minutes=60, zone="Europe/Paris") -> str:
        path = self.folder / f"plant-{unit}-{minutes}-{zone.replace('/', '-')}.yaml"
        path.write_text(PROFILE.format(unit=unit, minutes=minutes, zone=zone))
        return str(path)

    def file(self, name: str, *rows: str, packed: bool = False) -> Path:
        path, text = self.folder / name, HEADER + "".join(f"{row}\n" for row in rows)
        path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
        return path

    def ingest(self, path: Path, profile: str, **settings: object) -> dict:
        some = self.settings.model_copy(update=settings)
        return ingest([path], profile, None, some, self.url).as_dict()

    def release(self, *ids: int, **about: object):
        about = {"file": None, "rule": None, "who": "anna", "why": "seen on site", **about}
        return release(list(ids), settings=self.settings, database_url=self.url, **about)

    def replay(self, name: str, source: str | None = None, **about: object):
        fix = Fix(**{"source": source, "zone": None, "stop_above": None, "who": "anna", "why": "unit", **about})
        return replay(name, fix, self.settings, self.url)

    def clear(self) -> None:
        with psycopg.connect(self.url) as connection:
            connection.execute(EMPTY)

    def energy(self) -> list:
        return ask(self.url, "SELECT meter_id, units_kwh FROM meter_reading ORDER BY 1, reading_ts")


def row(hour: int, kwh: object, meter: str = "m1", version: int = 0, volt: object = 230) -> str:
    return f"{meter},2024-02-01 {hour:02}:00,{kwh},{version},{volt}"


def random_world(world: World, seed: int, count: int) -> tuple[list[tuple[Path, str]], int, str]:
    """Deliveries that overlap, repeat, correct and conflict; which of them was read wrongly, and how."""
    rng = random.Random(seed)
    profile, files = world.profile(), []
    world.settings = world.settings.model_copy(update={"stop_above_share": 0.9})
    for number in range(count):
        rows = []
        for _ in range(rng.randrange(15, 30)):
            kwh = rng.choice([1, 1, 2, 3, "", -5 if rng.random() < 0.3 else 4])
            spot = {"meter": rng.choice(["m1", "m2"]), "version": rng.choice([0, 0, 1])}
            rows.append(row(rng.randrange(8), kwh, **spot, volt=rng.choice([230, 231, "", 9_999])))
        files.append((world.file(f"{seed}-{number}.csv", *rows, packed=rng.random() < 0.5), profile))
    wrong = rng.choice([world.profile("Wh"), world.profile(minutes=30), world.profile("MWh")])
    return files, rng.randrange(count), wrong


def first_id(world: World, path: Path) -> str:
    return str(ask(world.url, "SELECT min(id) FROM source_file WHERE file_name = %s", path.name)[0][0])


def difference(world: World, seed: int, count: int = 4) -> str | None:
    """Replay the misread one of random deliveries; return how that differs from never having misread it."""
    files, mistaken, wrong = random_world(world, seed, count)
    for place, (path, profile) in enumerate(files):
        world.ingest(path, wrong if place == mistaken else profile)
    misread = state(world.url)
    if seed % 2:  # the impatient have delivered it again, rightly read, before they replay
        world.ingest(*files[mistaken])
    path, profile = files[mistaken]
    world.replay(first_id(world, path), profile)
    replayed = state(world.url)
    assert replayed != misread, "the world has nothing to correct"
    world.clear()
    for path, profile in files:
        world.ingest(path, profile)
    expected = state(world.url)
    differing = [f"{name}: {row}" for name in expected for row in set(expected[name]) ^ set(replayed[name])]
    return "\n".join(differing) or None

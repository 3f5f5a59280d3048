"""A real PostgreSQL database with measured readings and a real MLflow, for the tests of the jobs on models."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import psycopg
import pyarrow as pa
from mlflow import MlflowClient
from pydantic import SecretStr

from meter_core.embedded.connections import Connections
from meter_core.quality import check
from meter_core.registry.delivery import Retries
from meter_core.settings import Settings
from meter_core.sources import load_profile, raw_lines, read_delivery
from meter_core.store import DeliveryKey, Store
from tests.integration.mlflow_server import free_port, shared_server
from tests.service.champions import forget_models

UCI = Path(__file__).parents[2] / "data" / "uci_sceaux_hourly_2006-2009.csv.gz"
MODEL = "meter_consumption_v1"
QUICK = Retries(tries=2, apart_s=0.05, timeout_s=10)


@dataclass
class World:
    """A home, a database and a registry of its own."""

    settings: Settings
    connections: Connections
    store: Store
    away: Connections

    @property
    def client(self) -> MlflowClient:
        return MlflowClient(self.connections.mlflow_tracking_uri)

    @property
    def waiting(self) -> list[str]:
        folder = Path(self.connections.files_url) / "undelivered"
        return sorted(path.parent.name for path in folder.glob("*/run.json"))

    def versions(self) -> dict[str, list[str]]:
        """Return version -> aliases."""
        aliases = self.client.get_registered_model(MODEL).aliases
        found = self.client.search_model_versions(f"name = '{MODEL}'")
        return {each.version: sorted(a for a, v in aliases.items() if v == each.version) for each in found}


def new_database(postgres: str, name: str) -> str:
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE {name}")
    return psycopg.conninfo.make_conninfo(postgres, dbname=name)


def new_world(postgres: str, home: Path, name: str) -> World:
    """Return a world whose registry has no model yet: the server is shared, so what a test before left is deleted."""
    url = SecretStr(new_database(postgres, name))
    server = shared_server().url
    forget_models(server)
    files = str(home / "files")
    store = Store(url)
    store.upgrade()
    return World(
        settings=Settings(home=home, database_url=url, files_url=files, mlflow_tracking_uri=server),
        connections=Connections(home, files, url, server),
        store=store,
        away=Connections(home, files, url, f"http://127.0.0.1:{free_port()}"),
    )


def load(store: Store, path: Path = UCI, profile: str = "uci_sceaux", change=None) -> pd.DataFrame:
    """Load a file as `meter ingest` does, without its documentation; `change` makes a fault in the frame first."""
    delivery = read_delivery(path, load_profile(profile))
    if change is not None:
        change(delivery.frame)
    verdict = check(delivery.frame)
    key = DeliveryKey(delivery.file_digest, delivery.profile.digest, delivery.zone)
    with store.loading(key, delivery, None, lambda lines: raw_lines(path, delivery.profile.encoding, lines)) as loading:
        loading.add(verdict.frame, lambda lines: pa.array([f"line {line}" for line in lines.tolist()]))
        loading.finish(delivery.lines)
    return verdict.frame

"""Which class runs which service."""

from meter_core.embedded.mlflow_server import MlflowServer
from meter_core.embedded.needs import Need
from meter_core.embedded.page_server import PageServer
from meter_core.embedded.postgres import PostgresServer
from meter_core.embedded.prefect_server import PrefectServer, PrefectWorker
from meter_core.embedded.server import Server

KINDS: dict[Need, type[Server]] = {
    kind.need: kind for kind in (PostgresServer, MlflowServer, PrefectServer, PrefectWorker, PageServer)
}

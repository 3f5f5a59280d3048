"""Which class runs which service."""

from meter_core.embedded.needs import Need
from meter_core.embedded.postgres import PostgresServer
from meter_core.embedded.server import Server

KINDS: dict[Need, type[Server]] = {
    Need.POSTGRES: PostgresServer,
}

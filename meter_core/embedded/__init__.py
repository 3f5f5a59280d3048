"""PostgreSQL, MLflow, Prefect and the page on one machine, under METER_HOME."""

from meter_core.embedded.connections import Connections
from meter_core.embedded.needs import Need
from meter_core.embedded.services import ServiceState, embedded_url, running, services

__all__ = ["Connections", "Need", "ServiceState", "embedded_url", "running", "services"]

"""PostgreSQL: schema, migrations, loading, accounting and every SQL strategy."""

from meter_core.contracts.readings import COUNTS
from meter_core.store.delivered import DeliveryKey, LoadCounts, StoppedDelivery
from meter_core.store.errors import (
    DatabaseRefusedError,
    DatabaseUnavailableError,
    StoreError,
    WrongDatabaseUrlError,
    ZoneConflictError,
)
from meter_core.store.predictions import PREDICTION_COLUMNS
from meter_core.store.store import PromotionRecord, Store

__all__ = [
    "COUNTS",
    "DatabaseRefusedError",
    "DatabaseUnavailableError",
    "DeliveryKey",
    "LoadCounts",
    "PREDICTION_COLUMNS",
    "PromotionRecord",
    "StoppedDelivery",
    "Store",
    "StoreError",
    "WrongDatabaseUrlError",
    "ZoneConflictError",
]

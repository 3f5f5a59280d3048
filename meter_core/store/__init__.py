"""PostgreSQL: schema, migrations, loading, accounting and every SQL strategy.

What needs pandas is imported when it is asked for: the service takes `connection`, `queries` and `promotions` alone.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from meter_core.contracts.readings import COUNTS
from meter_core.store.errors import (
    DatabaseRefusedError,
    DatabaseUnavailableError,
    StoreError,
    WrongDatabaseUrlError,
    ZoneConflictError,
)

if TYPE_CHECKING:
    from meter_core.store.completeness import Gap, KnownMinutes, MeterEvidence
    from meter_core.store.delivered import DeliveryKey, LoadCounts, StoppedDelivery
    from meter_core.store.deliveries import RecordedDelivery
    from meter_core.store.installations import Installation
    from meter_core.store.predictions import PREDICTION_COLUMNS
    from meter_core.store.rewriting import Outcome, Rewriting, Span
    from meter_core.store.store import PromotionRecord, Store

__all__ = [
    "COUNTS",
    "DatabaseRefusedError",
    "DatabaseUnavailableError",
    "DeliveryKey",
    "Gap",
    "KnownMinutes",
    "Installation",
    "LoadCounts",
    "MeterEvidence",
    "Outcome",
    "PREDICTION_COLUMNS",
    "PromotionRecord",
    "RecordedDelivery",
    "Rewriting",
    "Span",
    "StoppedDelivery",
    "Store",
    "StoreError",
    "WrongDatabaseUrlError",
    "ZoneConflictError",
]

_WITH_PANDAS = {
    "DeliveryKey": "delivered",
    "Gap": "completeness",
    "KnownMinutes": "completeness",
    "Installation": "installations",
    "LoadCounts": "delivered",
    "MeterEvidence": "completeness",
    "Outcome": "rewriting",
    "PREDICTION_COLUMNS": "predictions",
    "PromotionRecord": "store",
    "RecordedDelivery": "deliveries",
    "Rewriting": "rewriting",
    "Span": "rewriting",
    "StoppedDelivery": "delivered",
    "Store": "store",
}


def __getattr__(name: str) -> Any:
    """Return a name of a module that needs pandas."""
    if name not in _WITH_PANDAS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_WITH_PANDAS[name]}"), name)

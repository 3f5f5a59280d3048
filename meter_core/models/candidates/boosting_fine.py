"""Finer boosting, for feeders, zones and large sites, whose load follows calendar and weather closely."""

from typing import ClassVar

from meter_core.models.candidates.boosting import Boosting
from meter_core.models.candidates.hourly import Hourly


class BoostingFine(Boosting):
    """More and larger trees, smaller leaves, on what the lines of each hour miss."""

    name: ClassVar[str] = "boosting_fine"
    stands_on: ClassVar = Hourly.name
    ahead: ClassVar = {**Boosting.ahead, "max_iter": 150, "max_leaf_nodes": 31, "min_samples_leaf": 20}

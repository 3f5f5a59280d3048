"""`meter predictability`: what error is to be expected of each stored meter, from the noise of its own history."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from meter_core.embedded.connections import Connections
from meter_core.evaluation.predictability import Predictability, predictability
from meter_core.jobs.registered import store_of
from meter_core.jobs.stored_readings import stored_table
from meter_core.settings import Settings


@dataclass(frozen=True, slots=True)
class PredictabilityResult:
    """What is to be expected.

    Attributes:
        meters: The hardest first, by the expected RMSE as a share of the mean.
        too_little: How many meters have too little history to say.
    """

    meters: Sequence[Predictability]
    too_little: int

    def as_dict(self) -> dict[str, Any]:
        """Return the result as plain JSON types."""
        return {"meters": [each.as_dict() for each in self.meters], "too_little": self.too_little}


def expected_errors(until: datetime | None, settings: Settings, connections: Connections) -> PredictabilityResult:
    """Return what is to be expected of each meter.

    Args:
        until: readings before it count, the newest half year of them; None: all.
        settings: of this process.
        connections: with PostgreSQL.

    Raises:
        UnavailableError: where the database cannot be reached.
    """
    store = store_of(connections, settings)
    table = stored_table(store.readings(None, until), store.interval_means())
    found = sorted(predictability(table), key=lambda each: -(each.expected_cv or 0.0))
    return PredictabilityResult(found, len(set(table.meter_id.tolist())) - len({each.meter_id for each in found}))

"""What was last decided about a version; for the service, so without pandas."""

from typing import Final

from meter_core.store.connection import Database
from meter_core.store.queries import query

MAKE_CHAMPION: Final = frozenset({"promoted", "rolled_back"})
"""Actions after which a version may be champion."""


def may_be_champion(database: Database, model_name: str, model_version: str, digest: str | None) -> bool:
    """Say whether the last decision about these very files was that they may be champion.

    Args:
        database: With the table `promotion`.
        model_name: Registered model.
        model_version: As the registry counts.
        digest: Of the version's predictor, None where the registry names none.

    Raises:
        DatabaseUnavailableError: it cannot be reached, or has not this version's schema.
    """
    key = {"model_name": model_name, "model_version": model_version, "predictor_digest": digest}
    with database.transaction() as connection:
        decided = connection.execute(query("last_decision"), key).fetchone()
    return decided is not None and decided[0] in MAKE_CHAMPION

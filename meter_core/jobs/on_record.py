"""Whether a champion counts: only with a record of who promoted these files, and why. Lean, for the service too."""

from pydantic import SecretStr

from meter_core.registry.record import no_record, require_promotion
from meter_core.registry.rest import ModelRef


def require_on_record(ref: ModelRef, database_url: SecretStr | None) -> None:
    """Hold a champion against its promotion record.

    Where there is a database its table `promotion` decides: whoever merely reaches MLflow can move an alias and write
    tags, but not this. Without one the version's tags do.

    Raises:
        RefusedError: where nobody is on record for this version with this predictor.
        UnavailableError: where the database cannot be reached.
    """
    if database_url is None:
        require_promotion(ref.promotion, ref.predictor_digest, ref.name, ref.version)
        return
    from meter_core.store.connection import Database
    from meter_core.store.promotions import may_be_champion

    if not may_be_champion(Database(database_url), ref.name, ref.version, ref.predictor_digest):
        raise no_record(ref.name, ref.version)

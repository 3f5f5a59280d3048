"""The source profile a recorded delivery was read by: as it was then, whatever its file says today."""

from pydantic import ValidationError

from meter_core.contracts.errors import UsageError
from meter_core.sources import Profile, load_profile
from meter_core.store import RecordedDelivery


def profile_of(delivery: RecordedDelivery) -> Profile:
    """Return the profile.

    Raises:
        UsageError: it was not kept and no built-in one is the same.
    """
    if delivery.declared is not None:
        try:
            return Profile.model_validate(delivery.declared)
        except ValidationError as error:
            raise UsageError(
                f"{delivery.file_name}: its profile {delivery.profile} was written for another version "
                f"({error.error_count()} keys are not known); say the profile to read it by: --source PROFILE"
            ) from error
    profile = load_profile(delivery.profile)
    if profile.digest != delivery.profile_digest:
        raise UsageError(
            f"{delivery.file_name} was read by a profile {delivery.profile} that is not kept and differs from today's; "
            "say the profile to read it by: --source PROFILE"
        )
    return profile

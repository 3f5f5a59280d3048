"""What can be wrong with a source profile or with a delivery as a whole."""

from meter_core.contracts.errors import MeterError, RefusedError, UsageError


class SourceError(MeterError):
    """Base of the errors of this area."""


class WrongSourceError(SourceError, UsageError):
    """Wrong use: no such file or profile, or the profile of another source. Exit status 2."""

    exit_status = UsageError.exit_status


class UnreadableDeliveryError(SourceError, RefusedError):
    """A delivery that is broken as a whole: empty, binary, cut off. Nothing of it is loaded. Exit status 1."""

    exit_status = RefusedError.exit_status

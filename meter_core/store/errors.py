"""What can go wrong with the store, in words that hold neither passwords nor meter ids nor values."""

from meter_core.contracts.errors import MeterError, RefusedError, UnavailableError, UsageError


class StoreError(MeterError):
    """Base of the errors of this area."""


class WrongDatabaseUrlError(StoreError, UsageError):
    """The database URL is not one. Exit status 2."""

    exit_status = UsageError.exit_status


class DatabaseUnavailableError(StoreError, UnavailableError):
    """PostgreSQL cannot be reached, went away, is full, or has no schema yet. Exit status 3."""

    exit_status = UnavailableError.exit_status


class DatabaseRefusedError(StoreError, RefusedError):
    """PostgreSQL refused a statement or a value. Nothing of the transaction stays. Exit status 1."""

    exit_status = RefusedError.exit_status


class ZoneConflictError(StoreError, RefusedError):
    """A delivery says another zone for meters that are known. Nothing of it is loaded. Exit status 1."""

    exit_status = RefusedError.exit_status

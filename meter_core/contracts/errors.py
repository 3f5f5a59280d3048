"""Errors a person can act on: each names the thing, the value and the remedy, and carries an exit status."""


class MeterError(Exception):
    """Base of every error this product raises on purpose.

    Attributes:
        exit_status: What the command line exits with: 1 a check or gate said no, 2 wrong use, 3 something needed
            cannot be reached.
    """

    exit_status = 2


class UsageError(MeterError):
    """Wrong use: a file that is not there, an unknown profile, a value that cannot be."""

    exit_status = 2


class RefusedError(MeterError):
    """A check or a gate said no: a delivery was stopped, a model was refused."""

    exit_status = 1


class NoChampionError(RefusedError):
    """A registered model has no champion yet: there is nothing to predict with, and nothing is wrong."""


class TooLittleDataError(RefusedError):
    """There are too few readings to learn from: more of them are the remedy, and nothing is wrong."""


class UnavailableError(MeterError):
    """Something that is needed cannot be reached or started: a database, a registry, a port, a folder."""

    exit_status = 3


class UnreachableError(UnavailableError):
    """There is no way to a server: what else is asked of it in the same run would wait as long and fail likewise."""

"""A bucket that does not answer: told as what it is, whoever was reading or writing there."""

from collections.abc import Iterator
from contextlib import contextmanager

from meter_core.contracts.errors import UnavailableError

KINDS = "botocore.exceptions"
"""Module of the errors that are no OSError: no answer, no credentials, an answer that is not S3's."""


@contextmanager
def files_reached(files_root: str) -> Iterator[None]:
    """Make an error of the object store one that says what is away, and that is tried again.

    Args:
        files_root: fsspec URL or path under which all files lie.

    Raises:
        UnavailableError: the store cannot be reached.
    """
    try:
        yield
    except Exception as error:
        if all(kind.__module__ != KINDS for kind in type(error).__mro__):
            raise
        raise UnavailableError(
            f"the files under {files_root} cannot be reached ({type(error).__name__}): see that the store answers, and "
            "that AWS_ENDPOINT_URL and its credentials are right"
        ) from error

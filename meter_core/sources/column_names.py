"""The column names of a delivered file, compared with those that its profile reads."""

import re
from typing import Final

from meter_core.contracts.finding import Finding, Severity
from meter_core.sources.catalog import load_profile, profile_names
from meter_core.sources.errors import SourceError, UnreadableDeliveryError, WrongSourceError
from meter_core.sources.profile import Profile

VALUE: Final = re.compile(r"^[+-]?[\d.,]+$|\d{4}-\d\d-\d\d|\d[./]\d\d?[./]\d{4}|\d[.,]\d\d")
"""A number or a stamp, which is no name of a column."""


def check_names(names: list[str], profile: Profile, file_name: str, where: str = "") -> None:
    """Raise where the profile's columns are not among a file's, once each.

    Args:
        names: The file's.
        profile: Which are read.
        file_name: For the messages.
        where: Where the names stand in it, such as ` line 1`.

    Raises:
        WrongSourceError: another built-in profile reads these columns.
        UnreadableDeliveryError: none does, or a name stands twice.
    """
    wanted = profile.file_columns
    missing = [name for name in wanted if name not in names]
    if missing:
        raise _not_this_source(missing, names, profile, file_name + where)
    twice = sorted({name for name in wanted if names.count(name) > 1})
    if twice:
        raise UnreadableDeliveryError(
            f"{file_name}{where} names the column {', '.join(twice)} more than once: which one holds? Ask its sender"
        )


def _not_this_source(missing: list[str], names: list[str], profile: Profile, where: str) -> SourceError:
    """Return the error for lacking columns: wrong use where another built-in profile fits, else a broken delivery."""
    if any(VALUE.search(name) for name in names):  # values and perhaps a meter: neither may stand in a log
        return UnreadableDeliveryError(
            f"{where} holds a reading where profile {profile.name} expects the names {', '.join(missing)}; "
            "put the line of column names above it, or ask the sender for a file that has one"
        )
    lacking = (
        f"{where} lacks {', '.join(missing)}, which profile {profile.name} reads; "
        f"its columns are {', '.join(repr(name) for name in names[:20])}"
    )
    fitting = _fitting(names)
    if fitting:
        return WrongSourceError(f"{lacking}. It looks like {' or '.join(fitting)}: say --source {fitting[0]}")
    delimiter = f" or its delimiter (now {profile.delimiter!r})" if profile.format == "csv" else ""
    return UnreadableDeliveryError(f"{lacking}. Correct the profile{delimiter}, or ask the sender")


def _fitting(names: list[str]) -> list[str]:
    """Return the built-in profiles that read the most of these columns."""
    sizes = {}
    for name in profile_names():
        wanted = set(load_profile(name).file_columns)
        if wanted <= set(names):
            sizes[name] = len(wanted)
    return [name for name, size in sizes.items() if size == max(sizes.values())]


def unread_columns(names: list[str], profile: Profile, file_name: str) -> tuple[Finding, ...]:
    """Return the finding that columns were left unread; a warning where another built-in profile reads more of them."""
    unread = [name for name in names if name not in profile.file_columns]
    if not unread:
        return ()
    message = f"{file_name}: profile {profile.name} leaves {', '.join(map(repr, unread[:20]))} unread"
    where, evidence = file_name, {"columns": unread}
    fitting = _fitting(names)
    if fitting and len(load_profile(fitting[0]).columns) > len(profile.columns):
        message += f". More of this file would be read with --source {' or '.join(fitting)}: was that meant?"
        return (Finding("columns_unread", where, Severity.WARNING, message, evidence),)
    return (Finding("columns_unread", where, Severity.INFO, message, evidence),)

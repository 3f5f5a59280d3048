"""One meter's data out of every table. What is counted of deliveries stays: it names nobody."""

from collections.abc import Mapping
from typing import Final

from meter_core.contracts.naming import names
from meter_core.store.connection import Connection
from meter_core.store.contest import METER_BUCKETS, METER_LOCK, lock
from meter_core.store.queries import query

TABLES: Final = (
    "meter_reading",
    "meter_reading_history",
    "quarantined_reading",
    "prediction",
    "meter_installation",
    "topology",
    "meter",
)
"""Tables with a row a meter, in an order that foreign keys allow."""


def erase_meter(connection: Connection, meter_id: str) -> dict[str, int]:
    """Delete a meter's rows, while nothing else is loaded; return how many of each table.

    Args:
        connection: In a transaction.
        meter_id: Whose.
    """
    lock(connection, METER_LOCK, range(METER_BUCKETS))
    parameters = {"meter_id": meter_id, "names": names(meter_id).pattern}
    return {table: connection.execute(query(f"erase_{table}"), parameters).rowcount for table in TABLES}


def note_kept(connection: Connection, digests: Mapping[str, str | None]) -> None:
    """Say what the kept files are now: place -> SHA-256 of the unpacked text; None where it is kept no more."""
    for kept_as, digest in digests.items():
        connection.execute(query("note_kept"), {"kept_as": kept_as, "kept_digest": digest})


def rename_deliveries(connection: Connection, meter_id: str, renamed: Mapping[int, str]) -> None:
    """Give deliveries another file name, and take the meter out of what their profile declared."""
    for number, name in renamed.items():
        parameters = {"source_file_id": number, "file_name": name, "meter_id": meter_id}
        connection.execute(query("rename_delivery"), parameters)

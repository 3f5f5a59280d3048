"""Where the rows of a delivery land while it is read: months that are new in tables of their own, others in staging.

Nobody else sees either before the commit, and nobody is kept waiting: locks are taken when the file has been read.
"""

from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
from psycopg import sql

from meter_core.contracts.readings import IntArray
from meter_core.store.binary_rows import encoded
from meter_core.store.connection import Connection
from meter_core.store.delivered_rows import DELIVERED, RepeatWatch, chosen, columns_of, said
from meter_core.store.partitions import Parent, lock_new_months, missing_months, month_bounds, partition_name
from meter_core.store.queries import query

PARENT: Parent = "meter_reading"
COLUMNS = sql.SQL(", ").join(map(sql.Identifier, DELIVERED))
CONFLICTING = "conflicting_in_file"
KEY = ["meter_id", "channel", "reading_ts"]


class Landing:
    """The rows of one delivery, on their way.

    Args:
        connection: In a transaction.
        source_file_id: The delivery.
    """

    def __init__(self, connection: Connection, source_file_id: int) -> None:
        self.staged = 0
        """Rows in staging."""
        self.watch = RepeatWatch()
        self._connection = connection
        self._source_file_id = source_file_id
        self._landed: dict[int, int] = {}
        self._standing: set[int] = set()
        self._conflicted = 0
        self._are_sorted = False
        connection.execute(query("stage"))

    def add(self, frame: pd.DataFrame) -> None:
        """Take (n, ...) rows without a code, n > 0."""
        columns, months = columns_of(frame)
        self.watch.see(columns)
        columns = said(columns)
        self._meet(np.unique(months))
        stand = np.isin(months, list(self._standing))
        if stand.any():
            self._copy(sql.Identifier("staged"), chosen(columns, stand))
            self.staged += int(stand.sum())
        for month in np.unique(months[~stand]):
            part = slice(*np.searchsorted(months, [month, month + 1]).tolist())
            self._copy(sql.Identifier(self._name(int(month))), chosen(columns, part))
            self._landed[int(month)] += part.stop - part.start

    def add_conflicting(self, frame: pd.DataFrame) -> None:
        """Take note of rows that are quarantined for a conflict: a third value of their key would be in it too."""
        columns, _ = columns_of(frame)
        self.watch.see(columns)
        self._conflicted += len(frame)
        self._copy(sql.Identifier("conflicted"), said(columns))

    def take_conflicts(self) -> list[tuple[int, str, datetime]]:
        """Return line, meter and time of the rows that are in conflict with another of their key, and forget them."""
        self._sort()
        if not self.watch.may_repeat:
            return []
        found = self._connection.execute(query("take_conflicts")).fetchall()
        self.staged -= len(found)
        return found

    def settle(self, recorded_at: datetime) -> int:
        """Make the new months partitions, and return how many rows they have; the meters' locks are held by now.

        Months that another delivery made in the meantime go the way of those that stood before.
        """
        self._sort()
        new = lock_new_months(self._connection, PARENT, np.asarray(list(self._landed), dtype=np.int64))
        rows = 0
        for month, count in self._landed.items():
            if month in new:
                self._run("name_month", month, recorded_at=sql.Literal(recorded_at))
                self._run("attach_month", month)
                rows += count
            else:
                self.staged += self._run("take_month", month)
                self._run("drop_month", month)
        return rows

    def _meet(self, months: IntArray) -> None:
        """Make a table for each month that is new, and remember the others."""
        unmet = [int(month) for month in months if month not in self._landed and month not in self._standing]
        if not unmet:
            return
        missing = missing_months(self._connection, PARENT, unmet)
        self._standing |= set(unmet) - set(missing)
        for month in missing:
            self._landed[month] = 0
            self._run("land_month", month)

    def _sort(self) -> None:
        """Give the new months their keys; rows whose key the file holds again go to staging, to take turns."""
        if self._are_sorted:
            return
        for month in self._landed:
            if self._conflicted:
                self._take(month, "take_conflicted")
            if self.watch.may_repeat:
                self._take(month, "take_repeated")
            self._run("sort_month", month)
        self._are_sorted = True

    def _take(self, month: int, statement: str) -> None:
        """Move some rows of a new month to staging."""
        moved = self._run(statement, month)
        self._landed[month] -= moved
        self.staged += moved

    def _run(self, statement: str, month: int, **parts: Any) -> int:
        """Run a statement about a new month's table, and return how many rows it touched."""
        landed, partition = self._name(month), partition_name(PARENT, month)
        names = {"landed": landed, "landed_key": f"{landed}_pkey", "landed_month": f"{landed}_month"}
        names |= {"parent": PARENT, "partition": partition, "partition_key": f"{partition}_pkey"}
        parts |= {name: sql.Identifier(text) for name, text in names.items()} | month_bounds(month)
        parts |= {"columns": COLUMNS, "source_file_id": sql.Literal(self._source_file_id)}
        return self._connection.execute(sql.SQL(query(statement)).format(**parts)).rowcount

    def _name(self, month: int) -> str:
        """Return the name of the table in which a new month lands: no other delivery has one of that name."""
        return f"landed_{self._source_file_id}_{month}"

    def _copy(self, table: sql.Identifier, columns: Any) -> None:
        """Write rows into a table, which has the defaults of columns that are left out."""
        types = {name: kind for name, kind in DELIVERED.items() if name in columns}
        names = sql.SQL(", ").join(map(sql.Identifier, types))
        statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(table, names)
        with self._connection.cursor().copy(statement) as copy:
            for block in encoded(columns, types):
                copy.write(block)

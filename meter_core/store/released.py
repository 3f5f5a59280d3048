"""Rows that a person judged good, from quarantine into the tables: they compete as if they came in a delivery now."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from meter_core.contracts.errors import RefusedError
from meter_core.contracts.readings import PARTS
from meter_core.store.connection import Connection
from meter_core.store.contest import Contest
from meter_core.store.delivered import DeliveredFile
from meter_core.store.queries import query
from meter_core.store.rewriting import record


def release(
    connection: Connection,
    source_file_id: int,
    delivery: DeliveredFile,
    frame: pd.DataFrame,
    ids: Sequence[int],
    who: str,
    why: str,
) -> dict[str, int]:
    """Load rows of a delivery that wait in quarantine; its accounting stays exact.

    Args:
        connection: In a transaction.
        source_file_id: The delivery's row.
        delivery: Which it is.
        frame: (n, ...) the rows, without a code.
        ids: (n) of the rows in quarantine.
        who: Judged them good.
        why: In their words.

    Returns:
        What became of them.

    Raises:
        RefusedError: some were released meanwhile, or another interval length stands under their key; nothing changed.
    """
    contest = Contest(connection, source_file_id, delivery)
    contest.add(frame)
    recorded_at = contest.lock()
    parameters: dict[str, Any] = {"recorded_at": recorded_at, "who": who, "why": why, "ids": list(ids)}
    if connection.execute(query("release_rows"), parameters).rowcount != len(ids):
        raise RefusedError(f"{delivery.file_name}: others released some of these rows meanwhile; list them again")
    outcomes = contest.compete(recorded_at)
    if contest.interval_conflicts:
        line = contest.interval_conflicts[0][0]
        raise RefusedError(
            f"{delivery.file_name} line {line}: a value of another interval length stands at this meter and time, "
            "which a release cannot displace; correct interval_minutes of the profile and replay the delivery"
        )
    change = {name: outcomes[name] for name in PARTS} | {"quarantined": -len(ids)}
    span = {"first_ts": contest.first_ts, "last_ts": contest.last_ts, "source_file_id": source_file_id}
    connection.execute(query("recount"), {"source_file_id": source_file_id, **change})
    connection.execute(query("widen_span"), span)
    counts = {name: outcomes[name] for name in PARTS if name != "quarantined"}
    record(connection, "released", who, why, source_file_id, {**counts, "rows": len(ids)})
    return counts

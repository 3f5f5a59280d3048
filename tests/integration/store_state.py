"""All that a store holds of readings, in words that do not depend on numbers and clocks: to compare two stores."""

from tests.integration.store_databases import ask

VALUE = "meter_id, channel, reading_ts, interval_minutes, units_kwh, voltage_v, quality, source_version, available_ts"

PARTS = {
    "readings": f"SELECT {VALUE}, f.file_name, line FROM meter_reading r JOIN source_file f ON f.id = r.source_file_id",
    "history": f"SELECT {VALUE}, f.file_name, line, verdict, o.file_name, other_line FROM meter_reading_history h"
    " JOIN source_file f ON f.id = h.source_file_id JOIN source_file o ON o.id = h.other_file_id"
    " WHERE verdict <> 'withdrawn'",
    "quarantine": "SELECT f.file_name, line_from, line_to, q.row_count, code, raw_line, meter_id, reading_ts"
    " FROM quarantined_reading q JOIN source_file f ON f.id = q.source_file_id WHERE resolved_at IS NULL",
    "accounting": "SELECT file_name, file_digest, profile, profile_digest, zone, zone_assumed, kept_as, status,"
    " line_count, row_count, loaded, superseded, outranked, duplicates, quarantined, first_ts, last_ts"
    " FROM source_file",
    "meters": "SELECT meter_id, zone, zone_assumed FROM meter",
}


def state(database_url: str) -> dict[str, list[str]]:
    """Part -> its rows as text, in order."""
    return {name: sorted(map(repr, ask(database_url, statement))) for name, statement in PARTS.items()}

"""What people do to stored data: releases, replays, erasures; and what a replay needs to know of a delivery."""

from pathlib import Path

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text("utf-8"))


def downgrade() -> None:
    op.execute("DROP FUNCTION readings_as_known")
    op.execute("DROP VIEW meter_data_raw")
    op.execute("DROP VIEW meter_reading_version")
    op.drop_table("intervention")
    op.execute("DELETE FROM meter_reading_history WHERE verdict = 'withdrawn'")
    for column in ("kept_digest", "declared", "zone_assumed", "first_ts", "last_ts"):
        op.drop_column("source_file", column)
    for column in ("resolution", "resolved_by", "resolved_why"):
        op.drop_column("quarantined_reading", column)
    first = Path(__file__).with_name("0001_first_schema.sql").read_text("utf-8")
    op.get_bind().exec_driver_sql(first[first.index("-- Every version of a value") :])

"""First schema: deliveries, meters, readings with history and quarantine, predictions, promotions."""

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

NEWEST_FIRST = (
    "quarantined_reading",
    "meter_installation",
    "topology",
    "source_file",
    "promotion",
    "prediction_run",
    "prediction",
    "meter_reading_history",
    "meter_reading",
    "meter",
)


def upgrade() -> None:
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text("utf-8"))


def downgrade() -> None:
    for view in ("meter_data_raw", "meter_reading_version"):
        op.execute(f"DROP VIEW {view}")
    for table in NEWEST_FIRST:
        op.drop_table(table)

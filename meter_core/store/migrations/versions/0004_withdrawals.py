"""Withdrawals: rows that take a value back, told apart from values that are only missing."""

from pathlib import Path

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text("utf-8"))


def downgrade() -> None:
    op.execute("DROP FUNCTION readings_as_known")
    op.execute("DROP VIEW meter_data_raw")
    op.execute("DROP VIEW meter_reading_version")
    second = Path(__file__).with_name("0002_interventions.sql").read_text("utf-8")
    op.get_bind().exec_driver_sql(second[second.index("CREATE VIEW meter_reading_version") :])

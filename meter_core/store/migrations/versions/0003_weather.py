"""Weather: places, temperatures with their clocks, and where each meter stands."""

from pathlib import Path

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text("utf-8"))


def downgrade() -> None:
    op.drop_column("meter", "place")
    op.drop_table("weather")
    op.drop_table("weather_place")

"""How Alembic runs here: on a connection that `meter_core.store.schema` hands over. Partitions are not migrated."""

import re
from typing import Any

from alembic import context
from sqlmodel import SQLModel

import meter_core.store.tables  # noqa: F401 - fills the metadata

PARTITION = re.compile(r"^(meter_reading|prediction)_\d{4}_\d{2}$")


def is_migrated(_object: Any, name: str | None, kind: str, reflected: bool, _compared: Any) -> bool:
    return not (kind == "table" and reflected and PARTITION.match(name or ""))


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SQLModel.metadata,
    include_object=is_migrated,
    compare_type=True,
)
context.run_migrations()

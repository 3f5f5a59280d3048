"""The columnar layout of `PredictBatch`: packed columns in, packed columns out."""

import math
from collections.abc import Callable, Sequence
from typing import Any, Final

from google.protobuf.descriptor import FieldDescriptor

from bento.columns import Columns
from bento.decoding import limited
from bento.grpc_messages import measured, note_messages
from bento.plain_readings import columns_from
from bento.schemas import Prediction
from meter_core.rpc import prediction_pb2 as pb

_AS_THEY_ARE: Final = ("units_kwh", "low_kwh", "high_kwh", "status", "used_history")


def columns_of(message: pb.ReadingColumns) -> Columns:
    """Return the columns of a table of readings.

    Raises:
        RefusedRequestError: 413 for too many, 422 with one note a value.
    """
    limited("columns", max((len(values) for _, values in message.ListFields()), default=0))
    return columns_from({field.name: _PLAIN[field.type](values) for field, values in message.ListFields()})


def columns_message(columns: Sequence[Sequence[Any]]) -> pb.PredictionColumns:
    """Return the table of predictions.

    Args:
        columns: the fields of `Prediction` in order, each with its n values.
    """
    fields = dict(zip(Prediction.__struct_fields__, columns, strict=True))
    return pb.PredictionColumns(
        **{name: fields[name] for name in _AS_THEY_ARE},
        basis=[basis or "" for basis in fields["basis"]],
        usual_low_kwh=_or_nan(fields["usual_low_kwh"]),
        usual_high_kwh=_or_nan(fields["usual_high_kwh"]),
        meter_id=[meter or "" for meter in fields["meter_id"]] if any(fields["meter_id"]) else [],
        warnings=[
            pb.RowWarnings(row=row, warnings=note_messages(notes))
            for row, notes in enumerate(fields["warnings"])
            if notes
        ],
    )


def _texts(values: Sequence[str]) -> list[str | None]:
    return [value or None for value in values]


def _whole(values: Sequence[int]) -> list[int | None]:
    return [None if value == -1 else value for value in values]


def _histories(values: Sequence[pb.History]) -> list[list[float | None] | None]:
    return [measured(history.kwh) or None for history in values]


def _or_nan(values: Sequence[float | None]) -> list[float]:
    return [math.nan if value is None else value for value in values]


_PLAIN: Final[dict[int, Callable[[Any], list[Any]]]] = {
    FieldDescriptor.TYPE_DOUBLE: measured,
    FieldDescriptor.TYPE_STRING: _texts,
    FieldDescriptor.TYPE_INT32: _whole,
    FieldDescriptor.TYPE_MESSAGE: _histories,
}
"""Values with None where the .proto's mark says that none was given."""

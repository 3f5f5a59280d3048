"""Between protobuf messages and what the service computes with: the same fields under the same names."""

import math
from collections.abc import Iterable, Sequence
from typing import Any, Final, TypeVar

import msgspec
from google.protobuf.message import DecodeError, Message
from google.protobuf.struct_pb2 import NULL_VALUE, Value

from bento.notes import NULLABLE_MEASURED
from bento.schemas import Note, Prediction
from bento.wire import TITLES, RefusedRequestError
from meter_core.rpc import prediction_pb2 as pb

Kind = TypeVar("Kind", bound=Message)

_UNMEASURED: Final[dict[str, Any]] = dict.fromkeys(NULLABLE_MEASURED)


def parsed(kind: type[Kind], body: bytes) -> Kind:
    """Return a message from its bytes.

    Raises:
        RefusedRequestError: 400 where it is none.
    """
    try:
        return kind.FromString(body)
    except DecodeError:
        name = kind.DESCRIPTOR.full_name
        raise RefusedRequestError(400, f"the message is no {name}; use the published prediction.proto") from None


def raw_reading(message: pb.Reading) -> dict[str, Any]:
    """Return the plain values of a reading: what was left out or is NaN was not measured."""
    raw = _UNMEASURED | {field.name: None if value != value else value for field, value in message.ListFields()}
    if message.recent_kwh:
        raw["recent_kwh"] = measured(message.recent_kwh)
    return raw


def measured(values: Iterable[float]) -> list[float | None]:
    """Return values with None for NaN."""
    return [None if math.isnan(value) else value for value in values]


def prediction_message(prediction: Prediction) -> pb.PredictionReply:
    """Return the message of a prediction."""
    fields = msgspec.structs.asdict(prediction)
    fields["warnings"] = note_messages(prediction.warnings)
    return pb.PredictionReply(**fields)


def note_messages(notes: Sequence[Note]) -> list[pb.Note]:
    """Return the messages of notes."""
    return [
        pb.Note(path=note.path, value=_value(note.value), message=note.message, remedy=note.remedy) for note in notes
    ]


def problem_message(refusal: RefusedRequestError) -> pb.Problem:
    """Return the message of a refusal."""
    title, errors = TITLES.get(refusal.status, "Error"), note_messages(refusal.errors)
    return pb.Problem(title=title, status=refusal.status, detail=refusal.detail, errors=errors)


def _value(value: Any) -> Value:
    """Return a value of any JSON type; notes hold no lists."""
    if value is None:
        return Value(null_value=NULL_VALUE)
    if isinstance(value, bool):
        return Value(bool_value=value)
    return Value(string_value=value) if isinstance(value, str) else Value(number_value=value)

"""Refusals as gRPC says them: a code, a sentence, and details that programs read (google.rpc)."""

import base64
from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc.code_pb2 import Code
from google.rpc.error_details_pb2 import BadRequest, RetryInfo
from google.rpc.status_pb2 import Status

from bento.schemas import Note
from bento.wire import RefusedRequestError

MOST_DETAILS: Final = 4_096
"""Bytes of fields that are listed: clients refuse answers with more than 8 kB of headers, and base64 takes a third."""

CODES: Final = {
    400: Code.INVALID_ARGUMENT,
    401: Code.UNAUTHENTICATED,
    403: Code.PERMISSION_DENIED,
    404: Code.NOT_FOUND,
    405: Code.UNIMPLEMENTED,
    408: Code.DEADLINE_EXCEEDED,
    413: Code.INVALID_ARGUMENT,
    415: Code.UNIMPLEMENTED,
    422: Code.INVALID_ARGUMENT,
    429: Code.RESOURCE_EXHAUSTED,
    500: Code.INTERNAL,
    503: Code.UNAVAILABLE,
}
"""gRPC's code of each status over HTTP. Too much at once is the caller's to mend: trying again would not help."""


def trailers_of(refusal: RefusedRequestError) -> list[tuple[bytes, bytes]]:
    """Return the headers that tell a refusal."""
    status = status_of(refusal)
    pairs = [
        (b"grpc-status", b"%d" % status.code),
        (b"grpc-message", quote(status.message, " '\"()[]{},;:=+/").encode()),
    ]
    if status.details:
        pairs.append((b"grpc-status-details-bin", base64.b64encode(status.SerializeToString()).rstrip(b"=")))
    return pairs


def status_of(refusal: RefusedRequestError) -> Status:
    """Return a refusal with its details."""
    violations = _that_fit(refusal.errors)
    details: list[Message] = [BadRequest(field_violations=violations)] if violations else []
    if wait := dict(refusal.headers).get(b"retry-after"):
        details.append(RetryInfo(retry_delay=Duration(seconds=int(wait))))
    left = len(refusal.errors) - len(violations)
    message = f"{refusal.detail}; the details hold the first {len(violations)}" if left else refusal.detail
    return Status(code=CODES[refusal.status], message=message, details=[_packed(detail) for detail in details])


def _that_fit(notes: Sequence[Note]) -> list[BadRequest.FieldViolation]:
    """Return one entry a field, as many as fit."""
    entries, left = [], MOST_DETAILS
    for note in notes:
        entry = BadRequest.FieldViolation(field=note.path, description=f"{note.message}; {note.remedy}")
        left -= entry.ByteSize()
        if left < 0:
            break
        entries.append(entry)
    return entries


def _packed(message: Message) -> AnyMessage:
    packed = AnyMessage()
    packed.Pack(message)
    return packed

"""The id of a request, in its answer and in the log: the client's own where it sent a plain one, else a fresh one."""

import itertools
import re
import secrets
from collections.abc import Mapping
from typing import Final

HEADER: Final = b"x-request-id"
_PLAIN: Final = re.compile(rb"[A-Za-z0-9._:/+=-]{1,128}")
_OURS: Final = secrets.token_hex(6).encode()
_numbers = itertools.count(1)


def request_id(head: Mapping[bytes, bytes]) -> bytes:
    """Return the id under which a request is answered and logged."""
    given = head.get(HEADER)
    if given is not None and _PLAIN.fullmatch(given):
        return given
    return b"%b-%x" % (_OURS, next(_numbers))

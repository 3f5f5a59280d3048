"""What one gRPC client may cost, and how far it may send ahead."""

from typing import Final

MOST_UNREAD: Final = 16_777_216
"""Bytes of answers that wait for their client; until it reads, no further call of it is taken."""

MOST_STREAMS: Final = 2_048
"""Calls of one connection at one time, as many as single readings may wait."""

STREAM_WINDOW: Final = 1_048_576
CONNECTION_WINDOW: Final = 16_777_216
"""Bytes that a client may send ahead: of one call, and of all calls of a connection."""

FIRST_WINDOW: Final = 65_535
"""Of every connection before either side has said another."""

LONGEST_HEAD: Final = 16_384
"""Bytes of the headers of one call."""

MOST_KNOWN: Final = 256
"""Header blocks that a client repeats."""

MOST_WASTED: Final = 1_000
"""Calls given up, and frames that want an answer nobody reads, before a connection is ended."""

OLDEST_S: Final = 1_800.0
"""Of a connection before its client is asked to open another, so that new pods get their part."""

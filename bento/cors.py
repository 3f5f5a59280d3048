"""Pages of other sites may ask only where the operator named them: `METER_CORS_ORIGINS`."""

from collections.abc import Mapping, Sequence

from bento.wire import Answer

KEPT_S = b"600"


class Cors:
    """The other sites whose pages may ask.

    Args:
        origins: such as `https://portal.example`; none by default.
    """

    def __init__(self, origins: Sequence[str]) -> None:
        self._origins = frozenset(origin.encode() for origin in origins)

    def preflight(self, head: Mapping[bytes, bytes], methods: Sequence[str]) -> Answer | None:
        """Return the answer to a browser that asks whether it may ask; None where it may not."""
        if head.get(b"origin") not in self._origins or b"access-control-request-method" not in head:
            return None
        allowed = (
            (b"access-control-allow-methods", ", ".join(methods).encode()),
            (b"access-control-allow-headers", b"authorization, content-type, x-api-key, x-request-id"),
            (b"access-control-max-age", KEPT_S),
        )
        return Answer(b"", headers=allowed, status=204)

    def opened(self, answer: Answer, head: Mapping[bytes, bytes]) -> Answer:
        """Return the answer so that the page of an allowed site may read it."""
        origin = head[b"origin"]
        if origin not in self._origins:
            return answer
        named = ((b"access-control-allow-origin", origin), (b"vary", b"origin"))
        shown = (b"access-control-expose-headers", b"x-request-id, retry-after")
        return answer._replace(headers=(*answer.headers, *named, shown))

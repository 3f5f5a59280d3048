"""Which route a request takes: one table of paths, each also under `/v1`, with what it may cost and who may ask."""

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple
from urllib.parse import unquote

from bento.keys import Caller
from bento.wire import Answer

VERSION_PREFIX: Final = "/v1"
"""Routes are promised under this prefix; the plain ones mean the same."""


class Request(NamedTuple):
    """What a handler gets to see of a request.

    Attributes:
        body: whole, within the route's limit; empty for GET.
        caller: who asks.
        gone: whether the client has left by now, so that nobody waits for the answer.
        params: what stands in the path's `{...}`, decoded.
        query: after the question mark, as sent.
        head: headers, names in lower case.
    """

    body: bytes
    caller: Caller
    gone: Callable[[], bool]
    params: Mapping[str, str]
    query: bytes
    head: Mapping[bytes, bytes]


Handler = Callable[[Request], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Route:
    """A path and what answers there.

    Attributes:
        method: `GET` (HEAD too) or `POST`.
        path: with `{name}` where any one segment may stand, `{name...}` for all that follows; the metrics' label.
        handler: makes the answer. Raises RefusedRequestError.
        limit: longest body in bytes.
        public: whether it is answered without an API key.
    """

    method: str
    path: str
    handler: Handler
    limit: int = 0
    public: bool = False

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods that it answers."""
        return ("GET", "HEAD") if self.method == "GET" else (self.method,)


@dataclass
class Routes:
    """The routes by path.

    Args:
        routes: all of them; one a path.
    """

    routes: Iterable[Route]
    _fixed: dict[str, Route] = field(init=False, default_factory=dict)
    _patterns: list[tuple[re.Pattern[str], Route]] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        """Sort the routes into those found by one look and those with a name in their path."""
        for route in self.routes:
            if "{" in route.path:
                self._patterns.append((_pattern(route.path), route))
            else:
                self._fixed[route.path] = self._fixed[VERSION_PREFIX + route.path] = route

    def find(self, scope: Any) -> tuple[Route, Mapping[str, str]] | None:
        """Return the route of an ASGI scope with the names in its path; None where there is none."""
        route = self._fixed.get(scope["path"])
        return self._matching(scope) if route is None else (route, _NO_PARAMS)

    def _matching(self, scope: Any) -> tuple[Route, Mapping[str, str]] | None:
        """Compare before decoding: an encoded slash belongs to a name."""
        path = scope["raw_path"].decode("latin-1")
        for pattern, route in self._patterns:
            if found := pattern.fullmatch(path):
                return route, {name: unquote(value) for name, value in found.groupdict().items()}
        return None


def _pattern(path: str) -> re.Pattern[str]:
    """Return what matches a route's path as sent, with or without the version."""
    literal = re.escape(path).replace(r"\{", "{").replace(r"\}", "}").replace(r"\.", ".")
    named = re.sub(r"\{(\w+)\.\.\.\}", r"(?P<\1>.*)", literal)
    return re.compile(f"(?:{VERSION_PREFIX})?" + re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", named))


_NO_PARAMS: Final[Mapping[str, str]] = {}

"""Work done ahead in a thread of its own, while what it gave before is being used."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from queue import Empty, Queue
from threading import Event, Thread
from typing import TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class _End:
    """That nothing more comes, and why: an error, or None at the end of the items."""

    error: BaseException | None


@contextmanager
def ahead(items: Iterable[Item]) -> Iterator[Iterator[Item]]:
    """Yield the items, of which the next one is being made meanwhile; what their making raises is raised here."""
    made: Queue[Item | _End] = Queue(maxsize=1)
    stop = Event()

    def make() -> None:
        """Make the items, one ahead."""
        try:
            for item in items:
                made.put(item)
                if stop.is_set():
                    return
            made.put(_End(None))
        except BaseException as error:
            made.put(_End(error))

    thread = Thread(target=make, name="reads-ahead", daemon=True)
    thread.start()
    try:
        yield _taken(made)
    finally:
        stop.set()
        while thread.is_alive():
            _forget(made)
            thread.join(0.01)


def _taken(made: "Queue[Item | _End]") -> Iterator[Item]:
    """Yield what is made, to its end."""
    while not isinstance(item := made.get(), _End):
        yield item
    if item.error is not None:
        raise item.error


def _forget(made: "Queue[Item | _End]") -> None:
    """Make room for whoever waits to put something."""
    with suppress(Empty):
        made.get_nowait()

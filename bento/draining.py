"""Told to stop, the service first lets its clients go: each answer is the last of its connection, and says so.

A server that closes idle connections at once closes some while a request is on its way there; its client cannot know
whether it was served. In a cluster, new connections meanwhile go to other pods.
"""

import asyncio
import signal
from types import FrameType

from bento.exchange import ShortProtocol


def drain_before_stopping(seconds: float) -> None:
    """Have SIGTERM drain first, and stop after some seconds; a second SIGTERM stops at once.

    Called on the event loop of the main thread, when the server's own handler is in place.
    """
    stop, loop = signal.getsignal(signal.SIGTERM), asyncio.get_running_loop()
    if seconds == 0 or not callable(stop):
        return

    def drain(number: int, frame: FrameType | None) -> None:
        ShortProtocol.draining = True
        signal.signal(number, stop)
        loop.call_soon_threadsafe(loop.call_later, seconds, stop, number, frame)

    signal.signal(signal.SIGTERM, drain)

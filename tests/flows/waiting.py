"""Waiting for what a server does in its own time."""

import time

WITHIN_S = 60


def eventually(ask):
    """Wait until something is so, and return it."""
    deadline = time.monotonic() + WITHIN_S
    while not (found := ask()) and time.monotonic() < deadline:
        time.sleep(0.2)
    return found

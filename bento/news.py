"""Warnings that are repeated every few seconds are logged every few minutes."""

import logging
import time
from typing import Final

AGAIN_S: Final = 600.0
"""How long a sentence that was said is not said again."""


class News:
    """Says what is new.

    Args:
        logger: to which.
    """

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._said: dict[str, float] = {}

    def warn(self, sentence: str) -> None:
        """Log a warning, unless the same was logged a while ago."""
        now = time.monotonic()
        self._said = {said: at_s for said, at_s in self._said.items() if now - at_s < AGAIN_S}
        if sentence not in self._said:
            self._said[sentence] = now
            self._logger.warning(sentence)

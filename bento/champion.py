"""The model that answers: the registry's champion, followed as it changes; the last copy while the registry is away."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import numpy as np

from bento.card import model_card
from meter_core.contracts.errors import MeterError, UnavailableError
from meter_core.contracts.readings import IntArray
from meter_core.models.predictor import Predictor
from meter_core.registry.rest import ModelRef, Registry, last_copy
from meter_core.settings import Settings

logger = logging.getLogger("bentoml.meter")

FIRST_LOOK_S: Final = 3.0
"""How long a start waits for the registry before the last copy answers."""

RETRY_REFUSED_S: Final = 60.0
"""How long a champion that could not be loaded is left alone, unless the alias moves."""


class ModelState(StrEnum):
    """What is known of a champion."""

    LOADED = "loaded"
    NONE_YET = "none_yet"
    UNREACHABLE = "unreachable"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Champion:
    """A loaded model. A batch holds on to one from its first check to its last answer.

    Attributes:
        predictor: computes.
        version: the registry's number of it.
        card: the model card, as training wrote it.
        interval_minutes: lengths of interval it was trained on.
    """

    predictor: Predictor
    version: str
    card: dict[str, Any]
    interval_minutes: IntArray


@dataclass(frozen=True, slots=True)
class _Refused:
    """A version that could not be used, why, and when that was found (monotonic seconds)."""

    ref: ModelRef
    reason: str
    at_s: float


class ChampionSource:
    """Holds the present champion and looks for the next.

    Attributes:
        champion: who answers now; None before there is one.
        state: what the last look found.
        reason: a sentence on it, empty while all is well.
        stale: whether the registry was away at the last look, so that a newer champion may exist.
    """

    def __init__(self) -> None:
        self.champion: Champion | None = None
        self.state = ModelState.UNKNOWN
        self.reason = "the service has just started"
        self.stale = False
        self._ref: ModelRef | None = None
        self._refused: _Refused | None = None
        self._uri: str | None = None
        self._registry: Registry | None = None
        self._cache = Path()
        self._poll_s = 5.0
        self._task: asyncio.Task[None] | None = None
        self._warm_up: Callable[[], Awaitable[None]] = _cold

    @property
    def ready(self) -> bool:
        """Whether a model is loaded, or the registry says that there is none yet."""
        return self.champion is not None or self.state is ModelState.NONE_YET

    async def start(self, settings: Settings, warm_up: Callable[[], Awaitable[None]]) -> None:
        """Look once, fall back on the last copy, warm up, and go on looking in the background."""
        self._warm_up = warm_up
        self._cache = settings.home.absolute() / "serving"
        self._poll_s = settings.model_poll_seconds
        self._uri = settings.mlflow_tracking_uri
        look = asyncio.create_task(asyncio.to_thread(self.look))
        await asyncio.wait({look}, timeout=FIRST_LOOK_S)
        none_yet = self._uri and self.state is ModelState.NONE_YET
        if self.champion is None and not none_yet:
            await asyncio.to_thread(self._use_last_copy)
        await warm_up()
        self._task = asyncio.create_task(self._follow(look))

    async def stop(self) -> None:
        """Stop looking."""
        if self._task:
            self._task.cancel()
        if self._registry:
            self._registry.close()

    async def _follow(self, look: "asyncio.Task[None]") -> None:
        """Look for a new champion for as long as the service runs."""
        await look
        while self._uri:
            before = self.champion
            await asyncio.sleep(self._poll_s)
            await asyncio.to_thread(self.look)
            if before is None and self.champion is not None:
                await self._warm_up()

    def look(self) -> None:
        """Ask the registry for the champion and load it where it is another one."""
        try:
            if self._uri and not self._registry:
                self._registry = Registry(self._uri)
            ref = self._registry.champion() if self._registry else None
            self.stale = False
            self._take(ref)
        except UnavailableError as error:
            self.stale = self.champion is not None
            self._note(ModelState.UNREACHABLE, str(error))

    def _take(self, ref: ModelRef | None) -> None:
        """Use what the registry named."""
        if ref is None:
            asked = "the registry has no champion yet" if self._registry else "no registry is set (MLFLOW_TRACKING_URI)"
            self._note(ModelState.NONE_YET, f"{asked}; run `meter train`")
        elif ref == self._ref:
            self._note(ModelState.LOADED, "")
        elif (reason := self._lately_refused(ref)) is not None:
            self._note(ModelState.REFUSED, reason)
        elif self._registry:
            self._load(ref, self._registry)

    def _load(self, ref: ModelRef, registry: Registry) -> None:
        """Fetch and use a version; one that cannot be used leaves the present champion where it is."""
        try:
            self._use(ref, registry.fetch(ref, self._cache))
        except UnavailableError:
            raise
        except Exception as error:
            reason = f"{ref} is the champion and cannot be used: {_words(error)}"
            self._refused = _Refused(ref, reason, time.monotonic())
            self._note(ModelState.REFUSED, reason)

    def _lately_refused(self, ref: ModelRef) -> str | None:
        """Return why this version could not be used a moment ago."""
        refused = self._refused
        lately = refused and refused.ref == ref and time.monotonic() - refused.at_s < RETRY_REFUSED_S
        return refused.reason if refused and lately else None

    def _use_last_copy(self) -> None:
        """Load what was served last, if it is there and whole."""
        try:
            found = last_copy(self._cache)
            if found:
                self._use(*found)
                self.stale = self._uri is not None
        except Exception as error:
            self._note(ModelState.REFUSED, f"the last copy in {self._cache} cannot be used: {_words(error)}")

    def _use(self, ref: ModelRef, folder: Path) -> None:
        """Load and try a predictor, then let it answer from the next batch on."""
        champion = load_champion(ref, folder)
        self.champion, self._ref, self._refused = champion, ref, None
        self._note(ModelState.LOADED, "")
        logger.info("%s answers", ref)

    def _note(self, state: ModelState, reason: str) -> None:
        """Keep what was found, and log it when it is news."""
        if (state, reason) != (self.state, self.reason) and reason:
            logger.warning("model: %s", reason)
        self.state, self.reason = state, reason


def _words(error: Exception) -> str:
    """Return an error's own words where it has any for a person."""
    return str(error) if isinstance(error, MeterError) else f"{type(error).__name__}: {error}"


async def _cold() -> None:
    """Warm up nothing."""


def load_champion(ref: ModelRef, folder: Path) -> Champion:
    """Load a predictor folder; loading tries it on its golden rows.

    Raises:
        RefusedError: where it does not answer as it did after training.
    """
    predictor = Predictor.load(folder)
    card = model_card(predictor, ref)
    return Champion(predictor, ref.version, card, np.array(predictor.intervals, dtype=np.int64))

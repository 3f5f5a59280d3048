"""The model that answers: the registry's champion, followed as it changes; a copy stands in while it cannot be had.

A thread of its own asks, fetches, loads and tries, so that a registry that hangs holds up neither requests nor the end.
"""

import asyncio
import logging
import re
import threading
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Generic, Protocol, TypeVar

import numpy as np

from bento.card import model_card
from bento.news import News
from meter_core.contracts.errors import MeterError, UnavailableError
from meter_core.contracts.models import REGISTERED_MODELS
from meter_core.contracts.readings import IntArray
from meter_core.jobs.on_record import require_on_record
from meter_core.models.predictor import Predictor
from meter_core.registry.rest import ModelRef, Registry, last_copy, remember
from meter_core.settings import Settings

logger = logging.getLogger("bentoml.meter")

_FOLDERS: Final = re.compile(r"(?<![\w:/.])/(?:[^\s/:]+/)+")

FIRST_LOOK_S: Final = 2.0
"""How long a start waits for the registry before a copy stands in."""

RETRY_REFUSED_S: Final = 60.0
"""How long a champion that could not be used is left alone, unless the alias moves or its record changes."""

TASKS: Final = {name: task for task, name in REGISTERED_MODELS.items()}
WARM_UP_S: Final = 30.0
PACKAGED: Final = Path(__file__).parents[1] / "packaged"
"""Copies of champions that an image or a bento brings along, a folder a model (`bento/build.py`)."""


class ModelState(StrEnum):
    """What is known of a champion."""

    LOADED = "loaded"
    NONE_YET = "none_yet"
    UNREACHABLE = "unreachable"
    REFUSED = "refused"
    UNKNOWN = "unknown"


class Model(Protocol):
    """What a source can hold."""

    @property
    def version(self) -> str:
        """The registry's number of it."""


M = TypeVar("M", bound=Model)


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


class ChampionSource(Generic[M]):
    """Holds the present champion of one registered model and looks for the next.

    Args:
        settings: where registry, database and copies are.
        name: registered model.
        load: makes the model of a version from its verified folder.
        try_out: uses a model before anyone is answered with it: it raises where the model fails, and leaves it warm.
        tell: called after each look, from the thread that looked.

    Attributes:
        champion: who answers now; None before there is one.
        state: what the last look found.
        reason: a sentence on it, empty while all is well.
        stale: whether the registry has not confirmed who answers, so that a newer champion may exist.
    """

    def __init__(
        self,
        settings: Settings,
        name: str,
        load: Callable[[ModelRef, Path], M],
        try_out: Callable[[M], None] = lambda _: None,
        tell: Callable[["ChampionSource[M]"], None] = lambda _: None,
    ) -> None:
        self.name = name
        self.champion: M | None = None
        self.state = ModelState.UNKNOWN
        self.reason = "the registry has not answered yet"
        self.stale = False
        self._load, self._try_out, self._tell = load, try_out, tell
        self._settings, self._copies = settings, settings.home.absolute() / "serving" / name
        self._ref: ModelRef | None = None
        self._refused: _Refused | None = None
        self._stand_in = ""
        self._registry: Registry | None = None
        self._news = News(logger)
        self._swapping = threading.Lock()
        self._looked, self._ended, self._started = threading.Event(), threading.Event(), threading.Event()

    @property
    def ready(self) -> bool:
        """Whether a model is loaded, or the registry says that there is none yet."""
        return self.champion is not None or self.state is ModelState.NONE_YET

    @property
    def notice(self) -> str:
        """What a person should know of the model that answers, empty while all is well."""
        return "; ".join(filter(None, (self.reason, self._stand_in)))

    async def start(self, warm_up: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Look once, let a copy stand in where that finds nothing, warm up, and go on looking beside the event loop.

        Args:
            warm_up: lets what uses the model learn before the first client comes.
        """
        loop = asyncio.get_running_loop()

        def warm_up_late() -> None:
            asyncio.run_coroutine_threadsafe(warm_up(), loop).result(WARM_UP_S)

        threading.Thread(target=self._follow, args=(warm_up_late,), name=f"follow {self.name}", daemon=True).start()
        await asyncio.to_thread(self._looked.wait, FIRST_LOOK_S)
        if self.champion is None:
            await asyncio.to_thread(self._let_stand_in)
        await warm_up()
        self._started.set()

    async def stop(self) -> None:
        """Stop looking."""
        self._ended.set()

    def _follow(self, warm_up: Callable[[], None]) -> None:
        """Look for a new champion for as long as the service runs; `warm_up` when the first comes after the start."""
        while not self._ended.is_set():
            before = self.champion
            self.look()
            self._looked.set()
            if before is None and self.champion is not None and self._started.is_set():
                warm_up()
            if not self._settings.mlflow_tracking_uri:
                return
            self._ended.wait(self._settings.model_poll_seconds)
        if self._registry:
            self._registry.close()

    def look(self) -> None:
        """Ask the registry for the champion, and use it where it is another one."""
        try:
            self._take(self._asked())
        except Exception as error:  # whatever it was, who answers goes on, and the next look tries again
            self.stale = self.champion is not None
            self._note(ModelState.UNREACHABLE, _words(error))
        self._tell(self)

    def _asked(self) -> ModelRef | None:
        """Return what the registry names."""
        uri = self._settings.mlflow_tracking_uri
        if uri and not self._registry:
            self._registry = Registry(uri, self.name)
        return self._registry.champion() if self._registry else None

    def _take(self, ref: ModelRef | None) -> None:
        """Use what the registry named."""
        if ref is None or self._registry is None:
            self.stale = self.champion is not None
            asked = "the registry has no champion yet" if self._registry else "no registry is set (MLFLOW_TRACKING_URI)"
            self._note(ModelState.NONE_YET, f"{asked}; run `meter train --task {TASKS[self.name]}`")
        elif ref == self._ref:
            self.stale, self._stand_in = False, ""
            self._note(ModelState.LOADED, "")
        elif (reason := self._lately_refused(ref)) is not None:
            self._note(ModelState.REFUSED, reason)
        else:
            self._use(ref, self._registry)

    def _use(self, ref: ModelRef, registry: Registry) -> None:
        """Fetch and use a version; one that cannot be used leaves the present champion where it is."""
        try:
            require_on_record(ref, self._settings.database_url)
            folder = registry.fetch(ref, self._copies)
            model = self._tried(ref, folder)
        except UnavailableError:
            raise
        except Exception as error:
            reason = f"{ref} is not used: {_words(error)}"
            self._refused = _Refused(ref, reason, time.monotonic())
            self._note(ModelState.REFUSED, reason)
        else:
            self._swap(ref, model)
            self._note(ModelState.LOADED, "")
            remember(self._copies, ref, folder)

    def _lately_refused(self, ref: ModelRef) -> str | None:
        """Return why this version could not be used a moment ago."""
        refused = self._refused
        lately = refused and refused.ref == ref and time.monotonic() - refused.at_s < RETRY_REFUSED_S
        return refused.reason if refused and lately else None

    def _let_stand_in(self) -> None:
        """Use what was served last, or what was packaged, where it is there and whole."""
        for folder, what in ((self._copies, "last copy"), (PACKAGED / self.name, "packaged model")):
            try:
                found = last_copy(folder)
                if found:
                    self._swap(found[0], self._tried(*found), f"the {what} answers")
                    return
            except Exception as error:
                self._note(ModelState.REFUSED, f"the {what} in {folder} cannot be used: {_words(error)}")

    def _tried(self, ref: ModelRef, folder: Path) -> M:
        """Return the model of a folder after it was used once."""
        model = self._load(ref, folder)
        self._try_out(model)
        return model

    def _swap(self, ref: ModelRef, model: M, stand_in: str = "") -> None:
        """Let a model answer from the next batch on; one that stands in gives way to what the registry named."""
        with self._swapping:
            if stand_in and self.champion is not None:
                return
            self.champion, self._ref, self._refused = model, ref, None
            self.stale, self._stand_in = bool(stand_in), stand_in
        logger.info("%s answers%s", ref, f" ({stand_in})" if stand_in else "")
        self._tell(self)

    def _note(self, state: ModelState, reason: str) -> None:
        """Keep what was found for clients, who see no folder of this machine, and say it where it is news."""
        self.state, self.reason = state, without_folders(reason)
        if reason:
            self._news.warn(f"{self.name}: {reason}")


def without_folders(text: str) -> str:
    """Return a text with the last name alone of each absolute path in it."""
    return _FOLDERS.sub("", text)


def _words(error: Exception) -> str:
    """Return an error's own words where it has any for a person."""
    return str(error) if isinstance(error, MeterError) else f"{type(error).__name__}: {error}"


def load_champion(ref: ModelRef, folder: Path) -> Champion:
    """Load a predictor folder; loading tries it on its golden rows.

    Raises:
        RefusedError: where it does not answer as it did after training.
    """
    predictor = Predictor.load(folder)
    card = model_card(predictor, ref)
    return Champion(predictor, ref.version, card, np.array(predictor.intervals, dtype=np.int64))

"""API keys: who may ask, and for which meters. A file with hashes only, read again when it changes.

A key is 32 random bytes, so that one SHA-256 hides it: there is no dictionary to try. `meter keys add` writes the file.
"""

import asyncio
import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bento.wire import RefusedRequestError
from meter_core.contracts.api_keys import ApiKey, read_keys
from meter_core.contracts.errors import UsageError

logger = logging.getLogger("bentoml.meter")

LOOK_EVERY_S: Final = 2.0
_BEARER: Final = b"bearer "
_NEVER: Final = object()


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks.

    Attributes:
        name: of the key; empty where no keys are set.
        meters: which meters it may see; None for all.
    """

    name: str = ""
    meters: frozenset[str] | None = None

    def require(self, meter_id: str | None) -> None:
        """Let readings without a meter pass, and those of meters that the key may see.

        Raises:
            RefusedRequestError: 403 for another meter.
        """
        if self.meters is not None and meter_id is not None and meter_id not in self.meters:
            detail = f"the key {self.name!r} may not see this meter; ask who runs the service to add it to the key"
            raise RefusedRequestError(403, detail)


ANYONE: Final = Caller()


class Keys:
    """The keys of a service; without a file everyone may ask.

    Args:
        file: as `meter keys` writes it; None where the service asks for no key.

    Raises:
        UsageError: where the file cannot be read or is damaged: a service that should ask for keys must not start open.
    """

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._callers: dict[bytes, Caller] = {}
        self._seen: object = _NEVER
        if file is not None:
            self._read(file)

    @property
    def closed(self) -> bool:
        """Whether a key is asked for."""
        return self._file is not None

    def caller(self, head: Mapping[bytes, bytes]) -> Caller:
        """Return who asks.

        Args:
            head: headers (or gRPC metadata) of the request, names in lower case.

        Raises:
            RefusedRequestError: 401 without a key, or with one that is not known.
        """
        if self._file is None:
            return ANYONE
        given = _key_in(head)
        caller = self._callers.get(hashlib.sha256(given).digest()) if given else None
        if caller is None:
            said = "the API key is not known here" if given else "an API key is needed"
            detail = f"{said}; send one as `Authorization: Bearer KEY`, made by `meter keys add NAME`"
            raise RefusedRequestError(401, detail, headers=((b"www-authenticate", b"Bearer"),))
        return caller

    async def follow(self) -> None:
        """Read the file again whenever it changes, for as long as the service runs; a damaged one changes nothing."""
        while self._file is not None:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                await asyncio.to_thread(self._read, self._file)
            except UsageError as error:
                logger.warning("the API keys stay as they were: %s", error)

    def _read(self, file: Path) -> None:
        """Take over the file's keys where it is another one than before."""
        seen = _fingerprint(file)
        if seen == self._seen:
            return
        self._seen = seen  # first, so that a damaged file is reported once
        self._callers = {bytes.fromhex(key.sha256): _caller(key) for key in read_keys(file)}


def _caller(key: ApiKey) -> Caller:
    return Caller(key.name, None if key.meters is None else frozenset(key.meters))


def _key_in(head: Mapping[bytes, bytes]) -> bytes:
    """Return the key that a request brings, empty without one."""
    given = head.get(b"authorization", b"")
    return given[len(_BEARER) :].strip() if given[: len(_BEARER)].lower() == _BEARER else head.get(b"x-api-key", b"")


def _fingerprint(file: Path) -> object:
    """Return what changes with the file; None where it is not there."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size

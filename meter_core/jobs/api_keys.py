"""API keys of the service: make one, list them, take one away. The service follows the file within seconds."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from meter_core.calendar import iso_utc
from meter_core.contracts.api_keys import ApiKey, new_key, read_keys, write_keys
from meter_core.contracts.errors import UsageError
from meter_core.settings import Settings


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was made.

    Attributes:
        name: Whose it is.
        key: The key itself: this is the only time that it is known.
        meters: Which meters it may see; None for all.
        file: Where its hash stands.
    """

    name: str
    key: str
    meters: Sequence[str] | None
    file: Path

    def as_dict(self) -> dict[str, Any]:
        """Return the result as plain JSON types."""
        return {"name": self.name, "key": self.key, "meters": self.meters, "file": str(self.file)}


def keys_file(settings: Settings) -> Path:
    """Return the file of the keys: the one that the service is told of, else one in the home."""
    return settings.api_keys_file or settings.home.absolute() / "api_keys.json"


def known_keys(settings: Settings) -> list[ApiKey]:
    """Return the keys of the file, none where there is no file yet.

    Raises:
        UsageError: where the file is damaged.
    """
    file = keys_file(settings)
    return read_keys(file) if file.exists() else []


def add_key(name: str, meters: Sequence[str] | None, settings: Settings) -> NewKey:
    """Make a key. The other keys go on working.

    Args:
        name: whose it is; shown in refusals, never secret.
        meters: which meters it may see; None for all.
        settings: of this process.

    Raises:
        UsageError: where the name is taken or the file is damaged.
    """
    keys = known_keys(settings)
    if name in {key.name for key in keys}:
        raise UsageError(
            f"there is a key named {name!r} already; choose another name, or `meter keys remove {name}` first"
        )
    secret, kept = new_key(name, meters, iso_utc(int(time.time())))
    write_keys(keys_file(settings), [*keys, kept])
    return NewKey(name, secret, meters, keys_file(settings))


def remove_key(name: str, settings: Settings) -> list[ApiKey]:
    """Take a key away, and return those that are left.

    Raises:
        UsageError: where there is none of that name.
    """
    keys = known_keys(settings)
    left = [key for key in keys if key.name != name]
    if len(left) == len(keys):
        names = ", ".join(key.name for key in keys) or "none"
        raise UsageError(f"there is no key named {name!r}; there are: {names}")
    write_keys(keys_file(settings), left)
    return left

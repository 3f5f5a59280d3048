"""The file of API keys: names, hashes and which meters each may see. `meter keys` writes it, the service reads it."""

import hashlib
import json
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from meter_core.contracts.errors import UsageError

KEY_PREFIX: Final = "mk_"
KEY_BYTES: Final = 32
_SHA256_CHARACTERS: Final = 64


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One key, as far as it is kept.

    Attributes:
        name: whose it is; unique.
        sha256: of the key, in hexadecimal. The key itself is shown once, when it is made.
        meters: which meters it may see; None for all.
        created_at: ISO 8601.
    """

    name: str
    sha256: str
    meters: Sequence[str] | None
    created_at: str


def new_key(name: str, meters: Sequence[str] | None, created_at: str) -> tuple[str, ApiKey]:
    """Return a fresh key, and what is kept of it."""
    key = KEY_PREFIX + secrets.token_urlsafe(KEY_BYTES)
    return key, ApiKey(name, hashlib.sha256(key.encode()).hexdigest(), meters, created_at)


def read_keys(file: Path) -> list[ApiKey]:
    """Return the keys of a file.

    Raises:
        UsageError: where it cannot be read or is none of `meter keys`.
    """
    try:
        content = json.loads(file.read_text())
        return [_key(entry) for entry in content["keys"]]
    except OSError as error:
        raise UsageError(
            f"the file of API keys {file} cannot be read ({error.strerror}); `meter keys add` makes one"
        ) from None
    except (ValueError, KeyError, TypeError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise UsageError(f"{file} is no file of API keys ({reason}); make it with `meter keys add`") from None


def write_keys(file: Path, keys: Sequence[ApiKey]) -> None:
    """Write the keys, readable by the owner only; the file changes at once or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    fresh.touch(mode=0o600)
    fresh.write_text(json.dumps({"keys": [asdict(key) for key in keys]}, indent=1) + "\n")
    fresh.replace(file)


def _key(entry: Any) -> ApiKey:
    """Return one entry of the file, checked."""
    key = ApiKey(entry["name"], entry["sha256"], entry["meters"], entry["created_at"])
    if len(bytes.fromhex(key.sha256)) * 2 != _SHA256_CHARACTERS:
        raise ValueError(f"the hash of {key.name!r} is not a SHA-256")
    if key.meters is not None and not all(isinstance(meter, str) for meter in key.meters):
        raise TypeError(f"the meters of {key.name!r} are not a list of names")
    return key

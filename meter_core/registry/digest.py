"""Digest of a folder: what proves that a downloaded predictor is the one that was registered."""

import hashlib
import re
from pathlib import Path

from meter_core.contracts.errors import RefusedError
from meter_core.contracts.models import DIGEST_TAG

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def folder_digest(folder: Path) -> str:
    """Return `sha256:` and the digest of every file's relative path and bytes, in path order.

    Each name and each content enters with its length, so that no two different folders read as the same stream.

    Raises:
        RefusedError: where the folder holds no file.
    """
    files = sorted((path.relative_to(folder).as_posix(), path) for path in folder.rglob("*") if path.is_file())
    if not files:
        raise RefusedError(f"{folder} holds no file, so it has no digest; export the predictor again")
    total = hashlib.sha256()
    for name, path in files:
        encoded = name.encode()
        total.update(len(encoded).to_bytes(8, "big") + encoded)
        total.update(path.stat().st_size.to_bytes(8, "big"))
        with path.open("rb") as stream:
            while block := stream.read(1 << 20):
                total.update(block)
    return f"sha256:{total.hexdigest()}"


def verify_folder(folder: Path, expected: str | None, what: str) -> None:
    """Compare a folder with the digest it was registered under.

    Args:
        folder: what was downloaded or kept.
        expected: the registered digest, None where the registry names none.
        what: name of the thing for the error, such as `meter_consumption_v1 version 3`.

    Raises:
        RefusedError: where they differ, or nothing is known to compare with.
    """
    registered = require_digest(expected, what)
    found = folder_digest(folder)
    if found != registered:
        raise RefusedError(
            f"{what}: the predictor's files have digest {found}, registered was {registered}; they were changed or "
            "damaged after training. Run `meter rollback`, or train again"
        )


def require_digest(digest: str | None, what: str) -> str:
    """Return a registered digest where it is one.

    Raises:
        RefusedError: where the registry names none, so that there is nothing to trust the files by.
    """
    if digest is None or not DIGEST.fullmatch(digest):
        raise RefusedError(
            f"{what} carries no {DIGEST_TAG} ({digest!r}), so its files cannot be trusted; promote a version that "
            "`meter train` registered"
        )
    return digest

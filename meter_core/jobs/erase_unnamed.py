"""Kept files that no delivery names: an ingestion was killed or refused after it had kept them."""

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import fsspec

from meter_core.contracts.errors import UnavailableError
from meter_core.jobs.kept_deliveries import FOLDER, unpack
from meter_core.jobs.kept_lines import holds
from meter_core.settings import Settings
from meter_core.store import Store

LONGEST_LOADING: Final = timedelta(hours=1)
"""A younger file may be of an ingestion that runs and has not recorded it yet."""


def drop_unnamed(meter_id: str, store: Store, settings: Settings) -> int:
    """Remove the kept files that no delivery names and that name the meter; return how many.

    Raises:
        UnavailableError: one is so young that it may still be loaded.
    """
    files, root = fsspec.core.url_to_fs(settings.files_root)
    paths = files.glob(f"{str(root).rstrip('/')}/{FOLDER}/*.gz")
    named = {each.kept_as for each in store.deliveries()}
    unnamed = [path for path in paths if f"{FOLDER}/{Path(path).name}" not in named]
    found = [path for path in unnamed if _holds(meter_id, files, path)]
    old = [path for path in found if datetime.now(UTC) - files.modified(path) > LONGEST_LOADING]
    for path in old:
        files.rm_file(path)
    if len(old) < len(found):
        raise UnavailableError(
            f"{len(found) - len(old)} files under {FOLDER}/ name the meter and belong to no delivery yet: they are "
            "being loaded, or their ingestion broke off. All else of the meter is erased; run the same again in an hour"
        )
    return len(old)


def _holds(meter_id: str, files: Any, path: str) -> bool:
    """Say whether a kept file names the meter."""
    with tempfile.TemporaryDirectory(prefix="meter-erase-") as folder:
        copy = Path(folder) / "kept"
        files.get_file(path, str(copy))
        unpack(copy)
        return holds(meter_id, copy)

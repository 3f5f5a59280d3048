"""A model as a folder: words in JSON, numbers in NPZ. Same content, same bytes; golden rows prove it still answers."""

import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from meter_core.contracts.errors import RefusedError, UsageError
from meter_core.contracts.readings import FloatArray

WORDS_FILE: Final = "predictor.json"
NUMBERS_FILE: Final = "predictor.npz"
PREDICTOR_FILES: Final = (WORDS_FILE, NUMBERS_FILE)
GOLDEN_TOLERANCE: Final = 1e-9

Numbers = Mapping[str, NDArray[Any]]


def write_packed(folder: Path, words: Mapping[str, Any], numbers: Numbers) -> None:
    """Write the files into the folder, which is made where needed."""
    folder.mkdir(parents=True, exist_ok=True)
    packed = io.BytesIO()
    np.savez(packed, **numbers)  # type: ignore[arg-type]
    (folder / WORDS_FILE).write_bytes(json.dumps(words, indent=1, sort_keys=True).encode())
    (folder / NUMBERS_FILE).write_bytes(packed.getvalue())


def read_packed(folder: Path, *versions: Any) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return the words and numbers of a folder.

    Args:
        folder: that `write_packed` filled.
        versions: one of which its words have to say under `format`.

    Raises:
        UsageError: where a file is missing, damaged or of another format.
    """
    try:
        words = json.loads(_bytes(folder / WORDS_FILE))
        with np.load(io.BytesIO(_bytes(folder / NUMBERS_FILE)), allow_pickle=False) as packed:
            numbers = dict(packed)
    except (ValueError, zipfile.BadZipFile, EOFError, OSError) as error:
        raise UsageError(f"{folder}: the predictor files are damaged ({error}); download or train it again") from error
    if words.get("format") not in versions:
        known = " and ".join(map(str, versions))
        raise UsageError(
            f"{folder}: predictor format {words.get('format')!r}, this version reads {known}; train it again"
        )
    return words, numbers


def named(prefix: str, numbers: Numbers) -> dict[str, NDArray[Any]]:
    """Return the arrays with the prefix and a dot before their names."""
    return {f"{prefix}.{name}": array for name, array in numbers.items()}


def under(prefix: str, numbers: Numbers) -> dict[str, NDArray[Any]]:
    """Return the arrays whose names begin with the prefix and a dot, without it."""
    return {name[len(prefix) + 1 :]: array for name, array in numbers.items() if name.startswith(prefix + ".")}


def check_golden(got_kwh: FloatArray, expected_kwh: FloatArray, folder: Path) -> None:
    """Refuse a model that does not answer its golden rows as it did when it was saved.

    Raises:
        RefusedError: says by how much it differs, and the remedy.
    """
    if got_kwh.shape != expected_kwh.shape or not np.allclose(got_kwh, expected_kwh, rtol=GOLDEN_TOLERANCE, atol=1e-12):
        worst = np.abs(got_kwh - expected_kwh).max() if got_kwh.shape == expected_kwh.shape else float("nan")
        raise RefusedError(
            f"{folder}: the predictor answers its golden rows up to {worst:.3g} kWh differently than when it "
            "was saved; use the meter_core version it was trained with, or train again"
        )


def _bytes(path: Path) -> bytes:
    """Return a file's content."""
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise UsageError(
            f"{path} is missing: the folder holds no complete predictor; download or train it again"
        ) from error

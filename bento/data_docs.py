"""The data docs, served beside the page where both are on one machine: a browser follows no `file:` link."""

from pathlib import Path
from typing import Final

from meter_core.settings import Settings

ROUTE: Final = "/data_docs/"


def data_docs_folder(settings: Settings) -> Path | None:
    """Return the folder of the data docs; None where the files lie in a bucket."""
    folder = Path(settings.data_docs_root)
    return folder if folder.is_absolute() else None


def document_at(folder: Path, path: str) -> Path | None:
    """Return the file that a path below `/data_docs` names; None where there is none, or where it leads out.

    Args:
        folder: Of the data docs; they name no meter and no value.
        path: Of the request, decoded.
    """
    if not path.startswith(ROUTE) or "\0" in path:
        return None
    try:
        found = (folder / path.removeprefix(ROUTE).lstrip("/")).resolve()
        if found.is_dir():
            found /= "index.html"
        return found if found.is_file() and found.is_relative_to(folder.resolve()) else None
    except OSError:  # no file can have this name: it is too long
        return None

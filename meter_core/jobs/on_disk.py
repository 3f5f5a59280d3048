"""Files that are on disk before what refers to them is committed; object stores see to it themselves."""

import os
from typing import Any

from fsspec.implementations.local import LocalFileSystem


def flush(files: Any, sink: Any) -> None:
    """Wait until what was written to an open file is on its disk."""
    if isinstance(files, LocalFileSystem):
        sink.flush()
        os.fsync(sink.fileno())


def move(files: Any, part: str, target: str) -> None:
    """Give a file its name, and wait until the name is on its disk."""
    files.mv(part, target)
    if isinstance(files, LocalFileSystem):
        descriptor = os.open(target.rpartition("/")[0], os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

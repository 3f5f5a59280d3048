"""Runs that wait for the registry: `undelivered/` under the files root, a folder or an object store."""

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import fsspec
from fsspec.implementations.local import LocalFileSystem

from meter_core.contracts.errors import UnavailableError
from meter_core.registry.runs import RUN_FILE, discard, is_whole

FOLDER = "undelivered"


class Undelivered:
    """The runs that were trained and not registered yet.

    Args:
        files_root: fsspec URL or path of the product's files; runs lie in `undelivered/` below it.
    """

    def __init__(self, files_root: str) -> None:
        self._fs, root = fsspec.core.url_to_fs(files_root)
        self.root = f"{root.rstrip('/')}/{FOLDER}"
        self._local = isinstance(self._fs, LocalFileSystem)

    @contextmanager
    def writing(self, name: str) -> Iterator[Path]:
        """Yield an empty folder to write a run into; when the block ends well, the run is kept under its name.

        Raises:
            UnavailableError: where the folder cannot be written.
        """
        try:
            with tempfile.TemporaryDirectory(prefix=".writing-", dir=self._local_root()) as scratch:
                folder = Path(scratch) / name
                folder.mkdir()
                yield folder
                self._keep(folder)
        except OSError as error:
            raise UnavailableError(
                f"the training run cannot be written to {self.root} ({error.strerror or error}); free space there or "
                "set METER_FILES_URL"
            ) from error

    def names(self) -> list[str]:
        """Return the names of the runs that wait, oldest first (names begin with their time)."""
        self._fs.invalidate_cache()
        if not self._fs.exists(self.root):
            return []
        return sorted(Path(path).parent.name for path in self._fs.glob(f"{self.root}/*/{RUN_FILE}"))

    @contextmanager
    def opened(self, name: str) -> Iterator[Path | None]:
        """Yield a local copy of a run, None where it is not waiting any more.

        One process at a time on one machine: who comes second waits, and finds what the first left.
        """
        with self._lock(), tempfile.TemporaryDirectory(prefix="meter-run-") as scratch:
            if name not in self.names():
                yield None
            elif self._local:
                yield Path(self.root) / name
            else:
                self._fs.get(f"{self.root}/{name}", scratch, recursive=True)
                yield Path(scratch) / name

    def remove(self, name: str) -> None:
        """Forget a run that was delivered."""
        if self._local:
            discard(Path(self.root) / name)
            return
        self._fs.rm(f"{self.root}/{name}/{RUN_FILE}")
        self._fs.rm(f"{self.root}/{name}", recursive=True)

    def _local_root(self) -> str | None:
        if self._local:
            Path(self.root).mkdir(parents=True, exist_ok=True)
            return self.root
        return None

    def _keep(self, folder: Path) -> None:
        """Move a written run to its place: whole or not at all, `run.json` last."""
        if not is_whole(folder):
            raise ValueError(f"the run {folder.name} was not written to its end")
        if self._local:
            shutil.move(folder, Path(self.root) / folder.name)
            return
        target = f"{self.root}/{folder.name}"
        for path in sorted(folder.rglob("*"), key=lambda path: path.name == RUN_FILE):
            if path.is_file():
                self._fs.put_file(str(path), f"{target}/{path.relative_to(folder).as_posix()}")

    @contextmanager
    def _lock(self) -> Iterator[None]:
        """Hold the lock of this folder. An object store has none: there the digest tag keeps a run from doubling."""
        if not self._local:
            yield
            return
        with Path(self._local_root() or ".", ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

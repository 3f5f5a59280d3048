"""Files that appear whole or not at all."""

import fsspec

from meter_core.contracts.errors import UnavailableError


def write_whole(path: str, content: bytes) -> str:
    """Write a file so that nobody ever reads half of it; return its address.

    Raises:
        UnavailableError: where it cannot be written.
    """
    fs, target = fsspec.core.url_to_fs(path)
    try:
        fs.makedirs(fs._parent(target), exist_ok=True)
        with fs.transaction, fs.open(target, "wb") as stream:
            stream.write(content)
    except OSError as error:
        raise UnavailableError(
            f"{path} cannot be written ({error.strerror or error}); free space there, or say another --out"
        ) from error
    return str(path)

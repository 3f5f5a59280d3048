"""The champion's predictor through the MLflow server's REST interface, for a process without MLflow.

Alias -> version -> download address -> the files of `predictor/` through the artifact proxy, verified by digest.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlsplit

import httpx

from meter_core.contracts.errors import RefusedError, UnavailableError
from meter_core.contracts.models import CHAMPION, DIGEST_TAG, PREDICTOR_FOLDER, REGISTERED_MODELS
from meter_core.registry.digest import require_digest, verify_folder
from meter_core.registry.record import Promotion

API = "/api/2.0/mlflow"
PROXY = "/api/2.0/mlflow-artifacts/artifacts"
CURRENT = "current.json"
KEEP_COPIES = 3


@dataclass(frozen=True, slots=True)
class ModelRef:
    """One registered version, as far as a service needs it.

    Attributes:
        name: Registered model.
        version: Its version, as MLflow counts: `"3"`.
        run_id: Training run.
        predictor_digest: Digest of the `predictor/` folder, None where the version carries none.
        promotion: Who made it champion and why, as its tags say; None where they do not.
    """

    name: str
    version: str
    run_id: str
    predictor_digest: str | None
    promotion: Promotion | None = None

    def __str__(self) -> str:
        """Return the name for messages."""
        return f"{self.name} version {self.version}"


class Registry:
    """A registered model behind an MLflow tracking URI. Safe to use from several threads.

    Args:
        tracking_uri: `http(s)://` address of the MLflow server; user and password in it, MLFLOW_TRACKING_USERNAME with
            MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN are sent as MLflow's own client sends them.
        name: Registered model.
        timeout_s: Of each request.

    Raises:
        UnavailableError: where the URI is none that REST can reach, such as `sqlite:///`.
    """

    def __init__(self, tracking_uri: str, name: str = REGISTERED_MODELS["reading"], timeout_s: float = 10.0) -> None:
        parts = urlsplit(tracking_uri)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UnavailableError(
                f"MLFLOW_TRACKING_URI has scheme {parts.scheme!r}; a model is fetched from an MLflow server, so set an "
                "http(s) address"
            )
        self.name = name
        self.address = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}"
        headers = {"Authorization": f"Bearer {token}"} if (token := os.environ.get("MLFLOW_TRACKING_TOKEN")) else {}
        self._client = httpx.Client(
            base_url=self.address, timeout=timeout_s, auth=_credentials(tracking_uri), headers=headers
        )

    def champion(self, alias: str = CHAMPION) -> ModelRef | None:
        """Return the version an alias points at; None where the registry answers that there is none yet.

        Raises:
            UnavailableError: where the registry does not answer, or not as an MLflow server does.
        """
        model = self._get_json(f"{API}/registered-models/get", {"name": self.name}, none_if_absent=True)
        if model is None:
            return None
        aliases = {entry["alias"]: str(entry["version"]) for entry in model["registered_model"].get("aliases", [])}
        return self.version(aliases[alias]) if alias in aliases else None

    def version(self, version: str) -> ModelRef:
        """Return one version by its number.

        Raises:
            UnavailableError: where the registry does not answer, or has no such version.
        """
        answer = self._get_json(f"{API}/model-versions/get", {"name": self.name, "version": version})
        found = (answer or {})["model_version"]
        tags = {tag["key"]: tag["value"] for tag in found.get("tags", [])}
        run_id, promotion = found.get("run_id", ""), Promotion.of_tags(tags)
        return ModelRef(self.name, str(found["version"]), run_id, tags.get(DIGEST_TAG), promotion)

    def fetch(self, ref: ModelRef, cache: Path) -> Path:
        """Download a version's predictor, verify it, and return its folder. A whole copy in the cache is taken as is.

        Args:
            ref: from `champion` or `version`.
            cache: folder of copies. A copy appears in it whole or not at all; a few older ones stay.

        Raises:
            UnavailableError: where the registry does not answer.
            RefusedError: where the files are not the registered ones.
        """
        digest = require_digest(ref.predictor_digest, str(ref))
        folder = cache / f"{ref.name}-{ref.version}-{digest.removeprefix('sha256:')[:16]}"
        if not _is_whole(folder, ref):
            self._download(ref, folder)
        os.utime(folder)
        _forget_old(cache, ref)
        return folder

    def _download(self, ref: ModelRef, folder: Path) -> None:
        """Download to a folder beside, verify, and move into place."""
        folder.parent.mkdir(parents=True, exist_ok=True)
        root = self._artifact_root(ref)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".incoming-") as scratch:
            target = Path(scratch) / PREDICTOR_FOLDER
            for name in self._files(root, PurePosixPath(PREDICTOR_FOLDER)):
                self._download_file(root / name, Path(scratch) / name)
            if not target.is_dir():
                raise RefusedError(f"{ref} has no {PREDICTOR_FOLDER}/ folder among its files; train again")
            verify_folder(target, ref.predictor_digest, str(ref))
            shutil.rmtree(folder, ignore_errors=True)
            try:
                target.rename(folder)
            except OSError:  # another process was first: its copy is as good if it is whole
                verify_folder(folder, ref.predictor_digest, str(ref))

    def _artifact_root(self, ref: ModelRef) -> PurePosixPath:
        """Return the path of a version's files below the server's artifact proxy."""
        query = {"name": ref.name, "version": ref.version}
        uri = (self._get_json(f"{API}/model-versions/get-download-uri", query) or {})["artifact_uri"]
        parts = urlsplit(uri)
        if parts.scheme != "mlflow-artifacts":
            raise UnavailableError(
                f"{ref} lies at a {parts.scheme or 'local'} address that the MLflow server does not pass on; start it "
                "with --serve-artifacts and an --artifacts-destination"
            )
        return PurePosixPath(parts.path.lstrip("/"))

    def _files(self, root: PurePosixPath, below: PurePosixPath) -> Iterator[PurePosixPath]:
        """Yield the files under a folder, relative to the root."""
        answer = self._get_json(PROXY, {"path": str(root / below)})
        for entry in (answer or {}).get("files", []):
            name = below / _plain_name(entry["path"])
            if entry.get("is_dir"):
                yield from self._files(root, name)
            else:
                yield name

    def _download_file(self, remote: PurePosixPath, local: Path) -> None:
        """Stream one file to disk."""
        local.parent.mkdir(parents=True, exist_ok=True)
        try:
            with self._client.stream("GET", f"{PROXY}/{quote(str(remote))}") as answer, local.open("wb") as out:
                if answer.status_code != httpx.codes.OK:
                    raise UnavailableError(
                        f"MLflow at {self.address} answered {answer.status_code} for a predictor file"
                    )
                for block in answer.iter_bytes():
                    out.write(block)
        except httpx.HTTPError as error:
            raise self._away(error) from error

    def _get_json(self, path: str, query: dict[str, str], *, none_if_absent: bool = False) -> dict[str, Any] | None:
        """Ask the server; None where it says that the thing asked for does not exist and that may be."""
        try:
            answer = self._client.get(path, params=query)
            content = answer.json()
        except httpx.HTTPError as error:
            raise self._away(error) from error
        except json.JSONDecodeError as error:
            raise UnavailableError(
                f"{self.address} answered {answer.status_code} and not as an MLflow server does; check "
                "MLFLOW_TRACKING_URI, its credentials and the server's --allowed-hosts"
            ) from error
        if answer.status_code == httpx.codes.OK and isinstance(content, dict):
            return content
        code = content.get("error_code") if isinstance(content, dict) else None
        if none_if_absent and code == "RESOURCE_DOES_NOT_EXIST":
            return None
        raise UnavailableError(
            f"MLflow at {self.address} answered {answer.status_code} ({code or 'no reason given'}) to {path}"
        )

    def _away(self, error: httpx.HTTPError) -> UnavailableError:
        return UnavailableError(
            f"MLflow at {self.address} cannot be reached ({type(error).__name__}); start it (`meter up`) or set "
            "MLFLOW_TRACKING_URI"
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def remember(cache: Path, ref: ModelRef, folder: Path) -> None:
    """Note a copy that proved to be usable: `last_copy` returns it when the registry is away.

    Args:
        cache: folder of copies.
        ref: the version.
        folder: where `fetch` put it, in the cache.
    """
    note = json.dumps({"ref": asdict(ref), "folder": folder.name})
    with tempfile.NamedTemporaryFile("w", dir=cache, prefix=".current-", delete=False) as out:
        out.write(note)
    Path(out.name).chmod(0o644)  # the copies of an image are read by another user than made them
    Path(out.name).replace(cache / CURRENT)


def last_copy(cache: Path) -> tuple[ModelRef, Path] | None:
    """Return the version remembered last and its folder, verified; None where there is none.

    Raises:
        RefusedError: where the copy was changed on disk.
    """
    try:
        remembered = json.loads((cache / CURRENT).read_text())
    except FileNotFoundError:
        return None
    promotion = remembered["ref"].pop("promotion", None)
    ref = ModelRef(**remembered["ref"], promotion=Promotion(**promotion) if promotion else None)
    folder = cache / remembered["folder"]
    verify_folder(folder, ref.predictor_digest, f"the copy of {ref} in {cache}")
    return ref, folder


def _is_whole(folder: Path, ref: ModelRef) -> bool:
    """Return whether the cache holds this version undamaged."""
    if not folder.is_dir():
        return False
    try:
        verify_folder(folder, ref.predictor_digest, str(ref))
    except RefusedError:  # a damaged copy is no reason to refuse the registered one: it is downloaded anew
        return False
    return True


def _forget_old(cache: Path, ref: ModelRef) -> None:
    """Remove all but the newest copies and the one that is remembered."""
    copies = sorted(cache.glob(f"{ref.name}-*-*"), key=lambda path: path.stat().st_mtime, reverse=True)
    remembered = _remembered_folder(cache)
    for old in copies[KEEP_COPIES:]:
        if old.name != remembered:
            shutil.rmtree(old, ignore_errors=True)


def _remembered_folder(cache: Path) -> str | None:
    """Return the name of the copy that is remembered; a note that is missing or damaged protects none."""
    try:
        return str(json.loads((cache / CURRENT).read_text())["folder"])
    except (OSError, ValueError, KeyError):
        return None


def _plain_name(name: str) -> str:
    """Return a listed file's name where it is one: a server must not choose where files land."""
    plain = PurePosixPath(name).name
    if not plain or plain in (".", ".."):
        raise RefusedError(f"the registry lists a file named {name!r}, which is no file name")
    return plain


def _credentials(tracking_uri: str) -> tuple[str, str] | None:
    """Return user and password, from the URI or from the variables MLflow's own client reads."""
    parts = urlsplit(tracking_uri)
    user = parts.username or os.environ.get("MLFLOW_TRACKING_USERNAME")
    return (user, parts.password or os.environ.get("MLFLOW_TRACKING_PASSWORD", "")) if user else None

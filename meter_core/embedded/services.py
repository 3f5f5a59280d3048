"""Using services: the first user starts one, later ones share it, the last to leave stops it."""

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from meter_core.embedded import records
from meter_core.embedded.connections import Connections
from meter_core.embedded.files_away import files_reached
from meter_core.embedded.home import Home, identity_of, open_home
from meter_core.embedded.kinds import KINDS
from meter_core.embedded.locks import CancelledError
from meter_core.embedded.needs import PHASES, Need, with_required
from meter_core.embedded.page_server import GRPC
from meter_core.embedded.server import Progress
from meter_core.embedded.use import Use, acquire
from meter_core.settings import Settings

_FIELDS = {
    Need.POSTGRES: "database_url",
    Need.MLFLOW: "mlflow_tracking_uri",
    Need.PREFECT: "prefect_api_url",
    Need.PAGE: "page_url",
}
"""Where Connections keeps the URL of each service."""


@dataclass(frozen=True)
class ServiceState:
    """What is known of an embedded service.

    Attributes:
        name: As in Need.
        pid: Its first process.
        url: Where it is reached.
        started_at: UTC.
        healthy: Whether the process lives and answers.
        log: Its log file.
    """

    name: str
    pid: int
    url: str
    started_at: datetime
    healthy: bool
    log: Path


def _quiet(_: str) -> None:
    """Tells nobody."""


@contextmanager
def services(settings: Settings, need: Iterable[Need], *, progress: Progress = _quiet) -> Iterator[Connections]:
    """Sees to it that the services run, for as long as the block lasts.

    A service whose URL is set in the settings is used as it is. One that already runs under this home is shared.
    The services are detached processes: a process that is killed stops nothing, the next one takes its place.

    Args:
        settings: Home, ports and external URLs.
        need: What to have; what those need themselves comes along.
        progress: Is told, in words for a person, what takes long.

    Yields:
        Where everything is.

    Raises:
        UnavailableError: a service cannot be started, METER_HOME cannot be written, or what the block does finds the
            object store of the files away.
    """
    connections = Connections.external(settings)
    wanted = with_required(need) - _set_from_outside(connections)
    uses: list[Use] = []
    try:
        if wanted:
            home = open_home(settings.home)
            for phase in PHASES:
                connections = _acquire(home, settings, connections, wanted.intersection(phase), uses, progress)
        with files_reached(settings.files_root):
            yield connections
    finally:
        _release(uses)


def running(settings: Settings) -> list[ServiceState]:
    """Every embedded service of this home that has a live process; starts and changes nothing."""
    folder = settings.home.absolute()
    if not (folder / "run").is_dir():
        return []
    home = Home(folder, identity_of(folder))
    found = [(need, records.read(home, need)) for need in Need]
    return [_state(home, settings, need, record) for need, record in found if record and record.is_alive()]


def embedded_url(settings: Settings, need: Need) -> str | None:
    """Return where an embedded service runs, None where it does not."""
    return next((state.url for state in running(settings) if state.name == need), None)


def _state(home: Home, settings: Settings, need: Need, record: records.Record) -> ServiceState:
    server = KINDS[need](home, settings, Connections.external(settings))
    return ServiceState(
        name=need,
        pid=record.pid,
        url=record.url,
        started_at=record.started_at,
        healthy=server.is_healthy(record),
        log=home.log(need),
    )


def _set_from_outside(connections: Connections) -> frozenset[Need]:
    return frozenset(need for need, field in _FIELDS.items() if getattr(connections, field) is not None)


def _acquire(
    home: Home, settings: Settings, connections: Connections, needs: frozenset[Need], uses: list[Use], say: Progress
) -> Connections:
    """Acquires all `needs` side by side; adds each use to `uses` as soon as it is there.

    Raises:
        UnavailableError: the first failure, after the others have been told to stop and have stopped.
    """
    if not needs:
        return connections
    cancel = threading.Event()
    servers = [KINDS[need](home, settings, connections) for need in sorted(needs)]
    with ThreadPoolExecutor(len(servers), thread_name_prefix="embedded") as pool:
        futures = [pool.submit(acquire, server, cancel, say, uses.append) for server in servers]
        try:
            _await_all(futures)
        finally:
            cancel.set()
    return _told(connections, uses)


def _await_all(futures: list[Future[None]]) -> None:
    """Waits for all of them; gives up on the first error that is not merely an answer to being cancelled."""
    from concurrent.futures import FIRST_EXCEPTION, wait

    done, _ = wait(futures, return_when=FIRST_EXCEPTION)
    errors = [error for future in done if (error := future.exception()) is not None]
    for error in sorted(errors, key=lambda error: isinstance(error, CancelledError)):
        raise error


def _told(connections: Connections, uses: list[Use]) -> Connections:
    """The connections with the URLs of the services in use."""
    for use in uses:
        field = _FIELDS.get(use.server.need)
        if field is not None:
            url = use.record.url
            change: dict[str, Any] = {field: SecretStr(url) if field == "database_url" else url}
            if use.server.need == Need.PAGE:
                change[GRPC] = use.record.extra.get(GRPC)
            if use.server.need == Need.PREFECT:
                change["own_prefect"] = True
            connections = replace(connections, **change)
    return connections


def _release(uses: list[Use]) -> None:
    """Gives everything back, last phase first, each phase side by side; one failure does not keep the others."""
    errors: list[BaseException] = []
    for phase in reversed(PHASES):
        threads = [
            threading.Thread(target=_release_one, args=(use.release, errors))
            for use in uses
            if use.server.need in phase
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    if errors:
        raise errors[0]


def _release_one(release: Callable[[], None], errors: list[BaseException]) -> None:
    try:
        release()
    except Exception as error:  # noqa: BLE001 RUF100  (raised again by the caller once all are given back)
        errors.append(error)
